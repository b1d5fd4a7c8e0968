//! Cozystack as its tenants see it, on an API server that knows its kinds and does nothing about them.

use super::{
    place::{Place, cluster},
    support::{Server, apply, eventually, install, namespace, token},
};
use domain::{Timestamp, observed::Progress};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};
use std::{sync::OnceLock, time::Instant};

const APPS: &str = "apps.cozystack.io";

/// The API server that these tests share: other tests see no Cozystack at theirs.
async fn platform() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static KINDS: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(Server::start).as_ref()).await.unwrap()?;
    let kinds = [(APPS, "Postgres", "postgreses"), ("cozystack.io", "Workload", "workloads"), ("core.cozystack.io", "Option", "options")];
    KINDS.get_or_init(async || install(&server.client().await, &kinds.map(|(group, kind, plural)| crd(group, kind, plural))).await).await;
    Some(server)
}

fn crd(group: &str, kind: &str, plural: &str) -> Value {
    let schema = json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced", "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase() },
            "versions": [{ "name": "v1alpha1", "served": true, "storage": true, "schema": schema }],
        },
    })
}

fn postgreses(place: &Place) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(APPS, "v1alpha1", "Postgres"), "postgreses");
    Api::namespaced_with(place.client.clone(), &place.namespace, &kind)
}

/// A tenant that may do this, and a place where the portal is that tenant.
async fn tenant(server: &Server, rules: Value) -> Place {
    let admin = server.client().await;
    let home = namespace(&admin).await;
    let role = |kind: &str| json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": { "name": "tenant" } });
    let mut binding = role("RoleBinding");
    binding["subjects"] = json!([{ "kind": "ServiceAccount", "name": "default", "namespace": home }]);
    binding["roleRef"] = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenant" });
    allow(&admin, &home, rules).await;
    apply(&admin, &home, &binding).await.unwrap();
    let bearer = token(&admin, &home, "default").await;
    let mut place = Place::at(admin, home, server.kubeconfig());
    place.reconfigure(|config| config["users"][0]["user"] = json!({ "token": bearer }));
    place
}

async fn allow(admin: &Client, namespace: &str, rules: Value) {
    let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "tenant" }, "rules": rules });
    apply(admin, namespace, &role).await.unwrap();
}

/// What `cozy:tenant` grants of this, but for these.
fn rules(verbs: &[&str], without: &[&str]) -> Value {
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!({ "apiGroups": [group], "resources": [resource], "verbs": verbs });
    let read = ["get", "list", "watch"];
    let all = [
        ("", "pods", &read[..]),
        ("", "services", &read),
        ("cozystack.io", "workloads", &read),
        ("core.cozystack.io", "options", &read),
        (APPS, "postgreses", verbs),
    ];
    all.iter().filter(|(_, resource, _)| !without.contains(resource)).map(|(group, resource, verbs)| rule(group, resource, verbs)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_a_tenant_lacks_is_told() {
    let Some(server) = platform().await else { return };
    let place = tenant(server, rules(&["get", "list", "watch"], &["options"])).await;
    let told = |report: &domain::place::Report| report.engine == "Cozystack" && report.findings.iter().any(|finding| finding.message.contains("postgreses"));
    let report = place.report("the rights are told", told).await;
    let of = |resource: &str| report.findings.iter().find(|finding| finding.message.contains(resource)).unwrap();
    assert!(of("postgreses").serious && of("postgreses").message.contains("create postgreses.apps.cozystack.io"), "{report:?}");
    assert!(!of("options").serious, "a cluster can be created without: {report:?}");
    assert!(!report.findings.iter().any(|finding| finding.message.contains("portforward") || finding.message.contains("may not get namespaces")), "{report:?}");

    let place = tenant(server, rules(&["*"], &[])).await;
    let report = place.report("it is looked at", |report| report.reachable.is_ok() && report.engine == "Cozystack").await;
    assert!(!report.findings.iter().any(|finding| finding.message.contains("may not")), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_deleted_while_it_is_asked_for_is_not_forgotten() {
    let Some(server) = platform().await else { return };
    let place = tenant(server, rules(&["*"], &[])).await;
    let mut orders = cluster("orders");
    place.report("it is looked at", |report| report.reachable.is_ok() && report.engine == "Cozystack").await;
    orders.deleted_at = Some(Timestamp::now());
    let progress = eventually("it is looked for", async || place.engine.remove(&orders).await.ok()).await;
    assert!(matches!(progress, Progress::Working(_)), "{progress:?}");
    // What was on its way arrives.
    let labels = json!({ "howdah.dev/cluster": orders.id.to_string() });
    let object = json!({ "apiVersion": format!("{APPS}/v1alpha1"), "kind": "Postgres", "metadata": { "name": "orders", "labels": labels }, "spec": {} });
    apply_postgres(&place, object).await;
    place.remove(&mut orders).await;
    assert!(postgreses(&place).get_opt("orders").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_that_cannot_be_seen_are_not_gone() {
    let Some(server) = platform().await else { return };
    let place = tenant(server, rules(&["*"], &["workloads"])).await;
    let mut orders = cluster("orders");
    place.until(&mut orders, "its object is made", |_, progress| matches!(progress, Progress::Moved(reason) if reason.code == "Created")).await;
    postgreses(&place).delete("orders", &DeleteParams::default()).await.unwrap();
    orders.deleted_at = Some(Timestamp::now());
    let started = Instant::now();
    let words = eventually("it waits for a person", async || match place.engine.remove(&orders).await {
        Ok(Progress::Blocked(reason)) => Some(reason.message),
        Ok(Progress::Settled) => panic!("forgotten after {:?}", started.elapsed()),
        _ => None,
    });
    let words = words.await;
    assert!(words.contains("may not list workloads.cozystack.io"), "{words}");
    allow(&place.client, &place.namespace, rules(&["*"], &[])).await;
    place.remove(&mut orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_deleted_by_hand_is_not_made_anew_although_its_first_wish_was_never_reached() {
    let Some(server) = platform().await else { return };
    let place = tenant(server, rules(&["*"], &[])).await;
    let mut orders = cluster("orders");
    place.until(&mut orders, "it is on its way", |_, progress| matches!(progress, Progress::Working(reason) if reason.code == "Waiting")).await;
    assert_eq!(orders.status.generation, 0);
    postgreses(&place).delete("orders", &DeleteParams::default()).await.unwrap();
    let words = place.blocked(&mut orders, "Gone").await;
    assert!(words.contains("deleted outside the portal"), "{words}");
    assert!(postgreses(&place).get_opt("orders").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_somebody_else_shows_nothing_of_the_cluster() {
    let Some(server) = platform().await else { return };
    let place = tenant(server, rules(&["*"], &[])).await;
    apply_postgres(&place, json!({ "apiVersion": format!("{APPS}/v1alpha1"), "kind": "Postgres", "metadata": { "name": "orders" }, "spec": {} })).await;
    let mut orders = cluster("orders");
    place.blocked(&mut orders, "NameTaken").await;
    assert_eq!(orders.status.endpoints, []);
    // When it goes, the name is free.
    postgreses(&place).delete("orders", &DeleteParams::default()).await.unwrap();
    place.until(&mut orders, "its object is made", |_, progress| matches!(progress, Progress::Moved(reason) if reason.code == "Created")).await;
}

async fn apply_postgres(place: &Place, object: Value) {
    postgreses(place).create(&Default::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}
