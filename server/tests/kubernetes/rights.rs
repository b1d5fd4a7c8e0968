//! The rights that the portal needs, and those that the chart gives: the same.

use super::support::{Server, apply, eventually, helm, namespace, shared, token, tools};
use k8s_openapi::{
    api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};
use serde_json::{Value, json};
use server::engine::kube::rights::{Part, Scope, needed};
use std::collections::BTreeSet;

/// Group, resource with subresource, verb.
type One = (String, String, String);

const DATABASE: &str = r#"database.existingSecret="howdah-database""#;
const CHOICES: [(&[&str], &[Part]); 7] = [
    (&[r#"engines=["cnpg"]"#], &[Part::Every, Part::Cnpg]),
    (&[r#"engines=["cozystack"]"#], &[Part::Every, Part::Cozystack]),
    (&[r#"engines=["cnpg","cozystack"]"#], &[Part::Every, Part::Cnpg, Part::Cozystack]),
    (&["rbac.createNamespaces=true"], &[Part::Every, Part::Cnpg, Part::Namespaces]),
    (&["rbac.portForward=true"], &[Part::Every, Part::Cnpg, Part::PortForward]),
    (&["rbac.podMonitors=true"], &[Part::Every, Part::Cnpg, Part::PodMonitors]),
    (&["rbac.podProxy=true"], &[Part::Every, Part::Cnpg, Part::PodProxy]),
];

fn table(parts: &[Part], scope: Scope) -> BTreeSet<One> {
    let rights = needed(parts).filter(|right| right.scope == scope);
    rights.flat_map(|right| right.verbs.iter().map(|verb| (right.group.into(), right.resource.into(), (*verb).into()))).collect()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// What the roles of that kind grant.
fn granted(objects: &[Value], kind: &str) -> BTreeSet<One> {
    let mut all = BTreeSet::new();
    for rule in objects.iter().filter(|object| object["kind"] == kind).flat_map(|role| role["rules"].as_array().unwrap()) {
        assert!(rule.get("resourceNames").is_none() && rule.get("nonResourceURLs").is_none(), "{rule}");
        spread(&words(&rule["apiGroups"]), &words(&rule["resources"]), &words(&rule["verbs"]), &mut all);
    }
    all
}

fn spread(groups: &[String], resources: &[String], verbs: &[String], all: &mut BTreeSet<One>) {
    for group in groups {
        for resource in resources {
            all.extend(verbs.iter().map(|verb| (group.clone(), resource.clone(), verb.clone())));
        }
    }
}

#[test]
fn the_chart_grants_the_list_of_the_server() {
    if tools().is_none() {
        return;
    }
    for (values, parts) in CHOICES {
        let with = |more: &[&str]| helm("portal", &[values, more, &[DATABASE]].concat()).unwrap();
        let (inside, outside) = (table(parts, Scope::Namespace), table(parts, Scope::Cluster));

        let narrow = with(&[r#"rbac.namespaces=["one","two"]"#]);
        let roles: Vec<_> = narrow.iter().filter(|object| object["kind"] == "Role").map(|role| role["metadata"]["namespace"].as_str().unwrap()).collect();
        assert_eq!(roles, ["one", "two"]);
        assert_eq!(granted(&narrow, "Role"), inside, "{values:?}");
        assert_eq!(granted(&narrow, "ClusterRole"), outside, "{values:?}");

        let wide = with(&[r#"rbac.scope="cluster""#]);
        assert_eq!(granted(&wide, "Role"), BTreeSet::new());
        assert_eq!(granted(&wide, "ClusterRole"), inside.union(&outside).cloned().collect(), "{values:?}");

        let blind = granted(&with(&["rbac.clusterReads=false", "rbac.createNamespaces=false"]), "ClusterRole");
        assert_eq!(blind, BTreeSet::new());
        assert!(with(&["rbac.create=false"]).iter().all(|object| !object["kind"].as_str().unwrap().contains("Role")));
    }
}

#[test]
fn no_right_lets_the_portal_look_through_secrets_or_enter_pods() {
    let all = [Part::Every, Part::Cnpg, Part::Cozystack, Part::Namespaces, Part::PortForward, Part::PodMonitors, Part::PodProxy];
    for (group, resource, verb) in table(&all, Scope::Namespace).union(&table(&all, Scope::Cluster)) {
        assert!(!(resource == "secrets" && ["list", "watch"].contains(&verb.as_str())));
        assert!(!["pods/exec", "pods/attach", "serviceaccounts/token"].contains(&resource.as_str()));
        assert!(![group, resource, verb].iter().any(|word| word.contains('*') || ["impersonate", "bind", "escalate"].contains(&word.as_str())));
    }
}

#[tokio::test]
async fn the_charts_account_can_do_what_is_needed_and_nothing_more() {
    let Some(server) = shared().await else { return };
    let admin = server.client().await;
    let every: &[Part] = &[Part::Every, Part::Cnpg, Part::Cozystack, Part::Namespaces, Part::PortForward, Part::PodMonitors, Part::PodProxy];
    let options = ["rbac.createNamespaces=true", "rbac.portForward=true", "rbac.podMonitors=true", "rbac.podProxy=true"];
    let all = [&[r#"engines=["cnpg","cozystack"]"#, DATABASE], options.as_slice()].concat();
    for (scope, parts, values) in
        [("namespaces", every, all.as_slice()), ("cluster", every, all.as_slice()), ("namespaces", &[Part::Every, Part::Cnpg], &[DATABASE])]
    {
        let (home, other) = (namespace(&admin).await, namespace(&admin).await);
        for object in helm(&home, &[values, &[&format!("rbac.scope={}", json!(scope))]].concat()).unwrap() {
            apply(&admin, &home, &object).await.unwrap();
        }
        let portal = account(server, &home, "howdah").await;
        let stranger = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "stranger" } });
        apply(&admin, &home, &stranger).await.unwrap();
        let stranger = account(server, &home, "stranger").await;

        let (inside, outside) = (table(parts, Scope::Namespace), table(parts, Scope::Cluster));
        let both: BTreeSet<One> = inside.union(&outside).cloned().collect();
        let elsewhere = if scope == "cluster" { both.clone() } else { outside };
        // The API server learns of roles a moment after it stored them.
        eventually("the roles are in force", async || both.is_subset(&can_do(&portal, &home).await).then_some(())).await;
        for (namespace, expect) in [(&home, &both), (&other, &elsewhere)] {
            let everybody = can_do(&stranger, namespace).await;
            let more: BTreeSet<One> = can_do(&portal, namespace).await.difference(&everybody).cloned().collect();
            assert_eq!(&more, expect, "{scope} in {namespace}");
        }
        for right in needed(parts) {
            for ask in right.asks() {
                let place = (ask.scope == Scope::Namespace).then_some(home.as_str());
                assert!(may(&portal, ask.group, ask.resource, ask.subresource, ask.verb, place).await, "{ask}");
                assert!(!may(&stranger, ask.group, ask.resource, ask.subresource, ask.verb, place).await, "{ask}");
            }
        }
        for (resource, subresource, verb) in [("secrets", "", "list"), ("secrets", "", "watch"), ("pods", "exec", "create"), ("pods", "", "create")] {
            assert!(!may(&portal, "", resource, subresource, verb, Some(&home)).await, "{verb} {resource}/{subresource}");
        }
    }
}

/// Somebody with the token that a pod of this account would get.
pub async fn account(server: &Server, namespace: &str, name: &str) -> Client {
    let mut config = server.config().await;
    config.auth_info.token = Some(token(&server.client().await, namespace, name).await.into());
    Client::try_from(config).unwrap()
}

/// As `kubectl auth can-i --list` tells.
async fn can_do(client: &Client, namespace: &str) -> BTreeSet<One> {
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
    let review = SelfSubjectRulesReview { metadata: ObjectMeta::default(), spec, status: None };
    let answer = Api::<SelfSubjectRulesReview>::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    let mut all = BTreeSet::new();
    for rule in answer.status.unwrap().resource_rules {
        spread(&rule.api_groups.unwrap_or_default(), &rule.resources.unwrap_or_default(), &rule.verbs, &mut all);
    }
    all
}

async fn may(client: &Client, group: &str, resource: &str, subresource: &str, verb: &str, namespace: Option<&str>) -> bool {
    let attributes = ResourceAttributes {
        group: Some(group.into()),
        resource: Some(resource.into()),
        subresource: (!subresource.is_empty()).then(|| subresource.into()),
        verb: Some(verb.into()),
        namespace: namespace.map(Into::into),
        ..Default::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
}
