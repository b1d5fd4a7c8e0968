//! The Helm chart: what it renders, the API server takes; what makes no sense, it refuses with words.

use super::support::{apply, helm, namespace, shared, tools};
use clap::Parser;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use server::{
    config::{Serve, places::chosen},
    engine::kube::Choice,
};
use std::{path::Path, process::Command};

const SECRET: &str = r#"database.existingSecret="howdah-database""#;
const CNPG: &str = "database.cnpg.enabled=true";
const WIDE: &str = r#"rbac.scope="cluster""#;
const MONITORED: [&str; 2] = ["serviceMonitor.enabled=true", "rbac.createNamespaces=true"];
const FULL: [&str; 12] = [
    r#"database.cnpg={"enabled":true,"instances":3,"storageClass":"fast","imageCatalogRef":{"kind":"ClusterImageCatalog","name":"postgresql","major":17}}"#,
    r#"places=[{"name":"here","namespace":"howdah-{project}","pod_monitor":true},{"name":"there","region":"Hall \"2\"","kubeconfig":"there","context":"c","engine":"cnpg","catalog":"pg"}]"#,
    r#"kubeconfigs.existingSecret="kubeconfigs""#,
    r#"ingress={"enabled":true,"className":"nginx","host":"db.example.org","tlsSecret":"tls"}"#,
    r#"publicUrl="https://db.example.org""#,
    r#"imagePullSecrets=[{"name":"pull"}]"#,
    r#"networkPolicy.from=[{"namespaceSelector":{}}]"#,
    r#"podLabels={"team":"db"}"#,
    r#"serviceAccount.annotations={"a":"b"}"#,
    r#"tolerations=[{"key":"db","operator":"Exists"}]"#,
    r#"extraEnv=[{"name":"RUST_LOG","value":"debug"}]"#,
    r#"image={"repository":"registry.example.org/howdah","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}"#,
];

#[derive(clap::Parser)]
struct Portal {
    #[command(flatten)]
    serve: Serve,
}

fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("a {kind}"))
}

#[tokio::test]
async fn what_the_chart_renders_is_taken_by_the_api_server() {
    let Some(server) = shared().await else { return };
    let client = server.client().await;
    for database in [SECRET, CNPG] {
        for scope in [r#"rbac.scope="namespaces""#, WIDE] {
            for more in [&[][..], &MONITORED, &FULL[1..]] {
                let namespace = namespace(&client).await;
                for object in helm(&namespace, &[&[database, scope], more].concat()).unwrap() {
                    let (kind, named) = (&object["kind"], &object["metadata"]["namespace"]);
                    assert!(named == namespace.as_str() || kind == "ClusterRole" || kind == "ClusterRoleBinding", "{object:#}");
                    apply(&client, "default", &object).await.unwrap_or_else(|error| panic!("{error}\n{object:#}"));
                }
            }
        }
    }
}

/// Nothing turns a Deployment into pods here, so the pod is made by hand.
#[tokio::test]
async fn its_pods_are_let_into_a_namespace_of_the_restricted_profile() {
    let Some(server) = shared().await else { return };
    let client = server.client().await;
    let namespace = namespace(&client).await;
    let strict =
        json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest" } } });
    Api::<Namespace>::all(client.clone()).patch(&namespace, &PatchParams::default(), &Patch::Merge(&strict)).await.unwrap();
    let objects = helm(&namespace, &FULL).unwrap();
    apply(&client, &namespace, one(&objects, "ServiceAccount")).await.unwrap();
    let mut pod = one(&objects, "Deployment")["spec"]["template"].clone();
    pod["metadata"]["name"] = "howdah".into();
    let pods = Api::<Pod>::namespaced(client, &namespace);
    pods.create(&PostParams::default(), &serde_json::from_value(pod.clone()).unwrap()).await.unwrap();

    pod["metadata"]["name"] = "careless".into();
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = true.into();
    assert!(pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.is_err(), "the profile is not enforced");
}

#[test]
fn the_portal_gets_its_database_its_places_and_no_more_than_one_copy_less_at_a_time() {
    if tools().is_none() {
        return;
    }
    let objects = helm("portal", &FULL).unwrap();
    let deployment = one(&objects, "Deployment");
    assert_eq!(deployment["spec"]["replicas"], 2);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let variables = container["env"].as_array().unwrap();
    let url = variables.iter().find(|variable| variable["name"] == "DATABASE_URL").unwrap();
    assert_eq!(url["valueFrom"]["secretKeyRef"], json!({ "name": "howdah-db-app", "key": "uri" }));
    let cluster = one(&objects, "Cluster");
    assert_eq!(cluster["metadata"]["name"], "howdah-db");
    assert_eq!(cluster["metadata"]["annotations"]["helm.sh/resource-policy"], "keep", "uninstalling must not take the portal's data along");
    assert_eq!(one(&objects, "PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("howdah.toml");
    std::fs::write(&file, one(&objects, "ConfigMap")["data"]["howdah.toml"].as_str().unwrap()).unwrap();
    let places = chosen(&Portal::parse_from(["howdah".as_ref(), "--config".as_ref(), file.as_os_str()]).serve).unwrap().kubernetes;
    let [here, there] = places.as_slice() else { panic!("{places:#?}") };
    assert_eq!((here.name.as_str(), here.namespace.as_str(), &here.kubeconfig, here.engine), ("here", "howdah-{project}", &None, Choice::Auto));
    assert_eq!((there.name.as_str(), there.region.as_str(), there.engine), ("there", "Hall \"2\"", Choice::Cnpg));
    assert_eq!(there.kubeconfig.as_deref(), Some(Path::new("/etc/howdah/kubeconfigs/there")));
    assert_eq!((there.context.as_deref(), there.catalog.as_deref()), (Some("c"), Some("pg")));
    assert_eq!((here.pod_monitor, there.pod_monitor), (true, false));
    let plain = helm("portal", &[SECRET]).unwrap();
    assert!(plain.iter().all(|object| !["ConfigMap", "Cluster", "ServiceMonitor", "Ingress"].contains(&object["kind"].as_str().unwrap())));
}

#[test]
fn what_makes_no_sense_is_refused_with_words() {
    if tools().is_none() {
        return;
    }
    let check = |values: &[&str], says: &str| {
        let error = helm("portal", values).expect_err(says);
        assert!(error.contains(says), "{values:?} says {error}, not {says}");
    };
    check(&[], "the portal needs a database of its own");
    check(&[SECRET, CNPG], "either existingSecret or cnpg.enabled, not both");
    check(&[SECRET, "replica=3"], "additional properties 'replica' not allowed");
    check(&[SECRET, r#"rbac.scope="everywhere""#], "rbac/scope");
    check(&[SECRET, "engines=[]"], "engines");
    check(&[SECRET, r#"places=[{"name":"there","kubeconfig":"there"}]"#], "is a key of kubeconfigs.existingSecret, which is not set");
    check(&[SECRET, r#"publicUrl="https://example.org/portal""#], "publicUrl");
    check(&[SECRET, "ingress.enabled=true"], "the name under which people reach the portal");
    check(&[SECRET, "serviceAccount.create=false"], "name the account");
}

#[test]
fn helm_has_nothing_to_complain_of() {
    let Some(tools) = tools() else { return };
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("deploy").join("helm/howdah");
    let output = Command::new(tools.join("helm")).args(["lint", "--strict", "--kube-version", "1.35", "--set-json", SECRET]).arg(chart).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
