//! What a Kubernetes cluster does not give: each refusal is told with its next step, and is over as soon as its cause is.

use super::{
    operator::Mood,
    place::{Place, cluster},
    support::{apply, eventually, namespace, shared, token},
};
use domain::{Change, Phase, ProjectId, Timestamp, Uuid, observed::Progress, status::InstanceState};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_namespace_is_named_with_the_command_that_makes_it() {
    let Some(server) = shared().await else { return };
    let client = server.client().await;
    let name = format!("missing-{}", Uuid::new_v4().simple());
    let place = Place::at(client.clone(), name.clone(), server.kubeconfig());
    let mut orders = cluster("orders");
    let words = place.blocked(&mut orders, "NamespaceMissing").await;
    assert!(words.contains(&name) && words.contains("Create it"), "{words}");
    let report = place.report("it is found", |report| !report.findings.is_empty()).await;
    assert!(report.findings.iter().any(|finding| finding.serious && finding.remedy == format!("kubectl create namespace {name}")), "{report:?}");
    let made = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    apply(&client, "", &made).await.unwrap();
    apply(&client, &name, &json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" } })).await.unwrap();
    let _operator = place.operator(Mood::default());
    place.reach(&mut orders).await;
}

/// Nobody counts on a lone API server, so the test counts: whoever admits goes by what was counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_exceeded_is_told_apart_from_one_that_is_not_counted_yet() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut first = cluster("first");
    place.reach(&mut first).await;
    let what = "count/clusters.postgresql.cnpg.io";
    let quota = |count: &str| json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "small" }, "spec": { "hard": { what: count } } });
    let quotas: Api<DynamicObject> = {
        let made = apply(&place.client, &place.namespace, &quota("1")).await.unwrap();
        let kind = kube::api::ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk("", "v1", &made.types.unwrap().kind));
        Api::namespaced_with(place.client.clone(), &place.namespace, &kind)
    };
    // As right after the quota was made.
    quotas.patch_status("small", &PatchParams::default(), &Patch::Merge(json!({ "status": { "hard": { what: "1" } } }))).await.unwrap();
    let mut second = cluster("second");
    let uncounted = |_: &domain::Cluster, progress: &Progress| matches!(progress, Progress::Working(reason) if reason.message.contains("not counted yet"));
    place.until(&mut second, "it is not counted", uncounted).await;
    let count = async |hard: &str| {
        let status = json!({ "status": { "hard": { what: hard }, "used": { what: "1" } } });
        quotas.patch_status("small", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    };
    count("1").await;
    let words = place.blocked(&mut second, "QuotaExceeded").await;
    assert!(words.contains("exceeded quota: small") && words.contains("have the quota raised"), "{words}");
    assert_eq!(place.pass(&mut first).await, Progress::Settled, "others go on");
    apply(&place.client, &place.namespace, &quota("2")).await.unwrap();
    count("2").await;
    place.reach(&mut second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_storage_class_is_told_before_anything_is_written() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let mut orders = cluster("orders");
    orders.spec.storage_class = "imaginary".into();
    let words = place.blocked(&mut orders, "NoStorageClass").await;
    assert!(words.contains("no storage class imaginary") && words.contains("with one that it has"), "{words}");
    assert!(place.versions().await.is_empty());
}

/// The operator's webhooks are asked on the way of every write of its kinds.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_down_is_named_and_asked_again() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    let name = format!("down-{}", place.namespace);
    let rule = json!({ "apiGroups": ["postgresql.cnpg.io"], "apiVersions": ["v1"], "resources": ["clusters"], "operations": ["CREATE", "UPDATE"] });
    let hook = json!({
        "name": "clusters.test.example", "rules": [rule], "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": place.namespace } },
        "clientConfig": { "url": "https://127.0.0.1:1/validate" }, "timeoutSeconds": 2,
    });
    let hooks =
        json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": { "name": name }, "webhooks": [hook] });
    let made = apply(&place.client, "", &hooks).await.unwrap();
    let before = place.versions().await;
    let mut orders = orders.change(None, vec![Change::Scale { instances: 2 }], Timestamp::now()).unwrap();
    let told = |_: &domain::Cluster, progress: &Progress| matches!(progress, Progress::Working(reason) if reason.message.contains("webhook does not answer"));
    place.until(&mut orders, "the webhook is named", told).await;
    assert_eq!(orders.status.phase, Phase::Changing, "it serves meanwhile");
    assert_eq!(place.versions().await, before);
    let kind = kube::api::ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", &made.types.as_ref().unwrap().kind));
    Api::<DynamicObject>::all_with(place.client.clone(), &kind).delete(&made.name_any(), &DeleteParams::default()).await.unwrap();
    place.reach(&mut orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_without_rights_is_told_and_does_not_blind_the_others() {
    let Some(server) = shared().await else { return };
    let admin = server.client().await;
    let home = namespace(&admin).await;
    let (mine, theirs) = (ProjectId(Uuid::new_v4()), ProjectId(Uuid::new_v4()));
    for project in [mine, theirs] {
        let name = format!("rights-{project}");
        apply(&admin, "", &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })).await.unwrap();
        apply(&admin, &name, &json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" } })).await.unwrap();
    }
    let allowed = format!("rights-{mine}");
    allow(&admin, &home, &allowed, "portal").await;
    let bearer = token(&admin, &home, "portal").await;
    let mut place = Place::at(admin.clone(), "rights-{project}".into(), server.kubeconfig());
    place.reconfigure(|config| config["users"][0]["user"]["token"] = bearer.into());
    let _operator = super::operator::Operator::start(admin.clone(), Some(allowed), Mood::default());
    let (mut one, mut other) = (cluster("one"), cluster("other"));
    (one.project, other.project) = (mine, theirs);
    let words = place.blocked(&mut other, "Forbidden").await;
    assert!(words.contains("cannot") && words.contains("Give its service account the rights"), "{words}");
    place.reach(&mut one).await;
    place.blocked(&mut other, "Forbidden").await;
    assert_eq!(place.pass(&mut one).await, Progress::Settled);
    allow(&admin, &home, &format!("rights-{theirs}"), "portal").await;
    place.until(&mut other, "it goes on by itself", |_, progress| !matches!(progress, Progress::Blocked(_))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_are_read_again_until_they_are_renewed() {
    let Some(server) = shared().await else { return };
    let admin = server.client().await;
    let home = namespace(&admin).await;
    let mut place = Place::at(admin.clone(), home.clone(), server.kubeconfig());
    place.reconfigure(|config| config["users"][0]["user"]["token"] = "wrong".into());
    let mut orders = cluster("orders");
    let refused = |report: &domain::place::Report| report.reachable.as_ref().is_err_and(|why| why.contains("Renew the kubeconfig"));
    place.report("wrong credentials are told", refused).await;
    place.pass(&mut orders).await;
    assert!(orders.status.reason.as_ref().is_some_and(|reason| reason.message.contains("refuses the portal's credentials")), "{:?}", orders.status.reason);

    allow(&admin, &home, &home, "portal").await;
    let bearer = token(&admin, &home, "portal").await;
    place.reconfigure(|config| config["users"][0]["user"]["token"] = bearer.into());
    let _operator = place.operator(Mood::default());
    place.reach(&mut orders).await;

    // Its tokens end with the account.
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = Api::namespaced(admin.clone(), &home);
    accounts.delete("portal", &DeleteParams::default()).await.unwrap();
    place.report("the end of the credentials is told", refused).await;
    place.until(&mut orders, "it cannot be seen", |cluster, _| cluster.status.phase == Phase::Unknown).await;
    allow(&admin, &home, &home, "portal").await;
    let bearer = token(&admin, &home, "portal").await;
    place.reconfigure(|config| config["users"][0]["user"]["token"] = bearer.into());
    place.reach(&mut orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_is_told_of_its_instance() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    operator.change(Mood { silent: true, ..Mood::default() });
    let waiting = json!({ "name": "postgres", "image": "nowhere", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image nowhere" } } });
    let status = json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }], "containerStatuses": [waiting] } });
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(place.client.clone(), &place.namespace);
    pods.patch_status("orders-1", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let told = |cluster: &domain::Cluster, _: &Progress| matches!(&cluster.status.instances[0].state, InstanceState::Failed(why) if why == "ImagePullBackOff: Back-off pulling image nowhere");
    place.until(&mut orders, "it is told", told).await;
    assert_eq!(orders.status.phase, Phase::Down);
    assert!(orders.status.reason.as_ref().is_some_and(|reason| reason.message.contains("Back-off")), "{:?}", orders.status.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_cannot_be_used_says_why() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    place.reconfigure(|_| ());
    let good = std::fs::read(&place.kubeconfig).unwrap();
    for bad in ["no: [kubeconfig", "{}"] {
        std::fs::write(&place.kubeconfig, bad).unwrap();
        place.reopen();
        let report = place.report("it is told", |report| report.reachable.is_err() && report.checked_at.is_some()).await;
        let why = report.reachable.unwrap_err();
        assert!(why.contains("kubeconfig") && why.ends_with("Correct it."), "{why}");
    }
    std::fs::write(&place.kubeconfig, good).unwrap();
    place.report("it is read again", |report| report.reachable.is_ok()).await;
}

/// Lets an account do everything in a namespace, and look at what belongs to none.
pub async fn allow(admin: &kube::Client, home: &str, inside: &str, name: &str) {
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name } });
    let subject = json!([{ "kind": "ServiceAccount", "name": name, "namespace": home }]);
    let rules = |groups: Value, resources: Value, verbs: Value| json!([{ "apiGroups": groups, "resources": resources, "verbs": verbs }]);
    let kind = |kind: &str, name: &str, rest: Value| {
        let mut object = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": { "name": name } });
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    let (wide, to) = (format!("{home}-reads"), |kind: &str, name: &str| json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name }));
    let reads = rules(json!(["postgresql.cnpg.io", "storage.k8s.io"]), json!(["clusterimagecatalogs", "storageclasses"]), json!(["get", "list", "watch"]));
    for object in [
        account,
        kind("ClusterRole", &wide, json!({ "rules": reads })),
        kind("ClusterRoleBinding", &wide, json!({ "subjects": subject, "roleRef": to("ClusterRole", &wide) })),
    ] {
        apply(admin, home, &object).await.unwrap();
    }
    let role = role(&json!(["*"]), &json!(["*"]));
    let binding = kind("RoleBinding", "portal", json!({ "subjects": subject, "roleRef": to("Role", "portal") }));
    for object in [role, binding] {
        eventually("rights are given", async || apply(admin, inside, &object).await.ok()).await;
    }
}

/// The role that [`allow`] binds, with these rights.
pub fn role(resources: &Value, verbs: &Value) -> Value {
    let rules = json!([{ "apiGroups": ["*"], "resources": resources, "verbs": verbs }]);
    json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "portal" }, "rules": rules })
}
