//! PodMonitors, where the configuration of a place wants them.

use super::{
    denied::{allow, role},
    front::Front,
    operator::Mood,
    place::{Place, cluster, nudged},
    support::{apply, crds, eventually, install_crds, namespace, own, shared, token},
};
use domain::{Change, Cluster, Timestamp, observed::Progress, status::Condition};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};

fn monitors(place: &Place) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("monitoring.coreos.com", "v1", "PodMonitor"));
    Api::namespaced_with(place.client.clone(), &place.namespace, &kind)
}

async fn monitor(place: &Place) -> Option<DynamicObject> {
    monitors(place).get_opt("orders.metrics").await.unwrap()
}

async fn edit(place: &Place, patch: Value) {
    let params = PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
    monitors(place).patch("orders.metrics", &params, &Patch::Merge(&patch)).await.unwrap();
}

/// Versions of everything of ours.
async fn versions(place: &Place) -> Vec<String> {
    let monitors = monitors(place).list(&Default::default()).await.unwrap();
    let monitors = monitors.iter().map(|monitor| format!("{:?}", (monitor.name_any(), monitor.uid(), monitor.resource_version())));
    place.versions().await.iter().map(|object| format!("{object:?}")).chain(monitors).collect()
}

fn told(cluster: &Cluster) -> Option<&Condition> {
    cluster.status.condition("PodMonitor")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_gets_a_pod_monitor_where_one_is_wanted_and_it_goes_with_the_cluster() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    assert!(versions(&place).await.len() == 1, "none is wanted yet");
    place.with_pod_monitor(true);
    place.report("it is told", |report| report.facts.iter().any(|(fact, _)| fact == "PodMonitors") && report.findings.is_empty()).await;
    place.reach(&mut orders).await;
    let (made, of) = (monitor(&place).await.unwrap(), place.api("Cluster").get("orders").await.unwrap());
    let owner = &made.owner_references()[0];
    assert_eq!((owner.kind.as_str(), owner.uid.as_str(), owner.controller), ("Cluster", of.uid().unwrap().as_str(), None));
    assert_eq!(made.data["spec"]["selector"]["matchLabels"], json!({ "cnpg.io/cluster": "orders", "cnpg.io/podRole": "instance" }));
    assert_eq!(made.data["spec"]["podMetricsEndpoints"][0]["port"], "metrics");
    assert!(place.engine.objects(&orders).contains(&of.uid().unwrap()), "{}", place.engine.objects(&orders));

    let before = versions(&place).await;
    for _ in 0..3 {
        place.reopen();
        place.reach(&mut orders).await;
        assert_eq!(place.pass(&mut orders).await, Progress::Settled);
    }
    assert_eq!(versions(&place).await, before, "an idle look writes nothing");

    // What is gone is made again.
    let mut nudges = place.nudges();
    monitors(&place).delete("orders.metrics", &DeleteParams::default()).await.unwrap();
    nudged(&mut nudges, orders.id).await;
    place.reach(&mut orders).await;
    assert_ne!(monitor(&place).await.unwrap().uid(), made.uid());
    place.remove(&mut orders).await;
    assert!(versions(&place).await.is_empty());
}

/// Somebody's policies are asked about every PodMonitor and do not answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_monitor_that_cannot_be_written_or_deleted_is_told_and_holds_up_nothing() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let name = format!("policies-{}", place.namespace);
    let rule = json!({ "apiGroups": ["monitoring.coreos.com"], "apiVersions": ["v1"], "resources": ["podmonitors"], "operations": ["*"] });
    let hook = json!({
        "name": "podmonitors.test.example", "rules": [rule], "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": place.namespace } },
        "clientConfig": { "url": "https://127.0.0.1:1/validate" }, "timeoutSeconds": 2,
    });
    let hooks =
        json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": { "name": name }, "webhooks": [hook] });
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"));
    let all: Api<DynamicObject> = Api::all_with(place.client.clone(), &kind);
    apply(&place.client, "", &hooks).await.unwrap();
    place.with_pod_monitor(true);
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    let fails = |cluster: &Cluster, what: &str| told(cluster).is_some_and(|told| told.reason.message.contains(what));
    place.until(&mut orders, "it is told", |cluster, progress| fails(cluster, "could not be written") && *progress == Progress::Settled).await;
    let mut orders = orders.change(None, vec![Change::Scale { instances: 2 }], Timestamp::now()).unwrap();
    place.reach(&mut orders).await;
    all.delete(&name, &DeleteParams::default()).await.unwrap();
    place.until(&mut orders, "nothing is told", |cluster, progress| told(cluster).is_none() && *progress == Progress::Settled).await;
    assert!(monitor(&place).await.is_some());

    apply(&place.client, "", &hooks).await.unwrap();
    eventually("the policies are in force", async || {
        monitors(&place).delete("orders.metrics", &DeleteParams { dry_run: true, ..DeleteParams::default() }).await.is_err().then_some(())
    })
    .await;
    place.with_pod_monitor(false);
    place.until(&mut orders, "it is told", |cluster, progress| fails(cluster, "could not be deleted") && *progress == Progress::Settled).await;
    all.delete(&name, &DeleteParams::default()).await.unwrap();
    place.until(&mut orders, "it goes", |cluster, progress| told(cluster).is_none() && *progress == Progress::Settled).await;
    assert!(monitor(&place).await.is_none());
}

/// The watch tells of it, and where none is wanted there is no watch.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_look_asks_nobody_for_pod_monitors() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let front = Front::of(server, &mut place, "").await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    assert_eq!(front.count("monitoring.coreos.com"), 0, "none is wanted");
    place.with_pod_monitor(true);
    place.reach(&mut orders).await;
    assert!(monitor(&place).await.is_some());
    // The first list may still be on its way.
    let quiet = async || {
        front.count("podmonitors");
        place.engine.observe(&orders).await.unwrap();
        (front.count("podmonitors") == 0).then_some(())
    };
    eventually("the watch is up to date", quiet).await;
    for _ in 0..3 {
        assert_eq!(place.pass(&mut orders.clone()).await, Progress::Settled);
    }
    assert_eq!(front.count("podmonitors"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_monitor_that_is_edited_is_told_and_can_be_taken_over() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    place.with_pod_monitor(true);
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    let mut nudges = place.nudges();
    edit(&place, json!({ "metadata": { "labels": { "release": "prometheus" } }, "spec": { "jobLabel": "team" } })).await;
    nudged(&mut nudges, orders.id).await;
    let before = versions(&place).await;
    assert_eq!(place.pass(&mut orders).await, Progress::Settled);
    assert_eq!(versions(&place).await, before, "what others add is theirs");

    edit(&place, json!({ "spec": { "selector": { "matchLabels": { "cnpg.io/cluster": "bills" } } } })).await;
    nudged(&mut nudges, orders.id).await;
    let words = place.blocked(&mut orders, "ManagedByOthers").await;
    assert!(words.contains(".spec.selector") && words.contains("kubectl-edit"), "{words}");
    let mut orders = orders.change(None, vec![Change::TakeOver], Timestamp::now()).unwrap();
    place.reach(&mut orders).await;
    let mended = monitor(&place).await.unwrap();
    assert_eq!((&mended.data["spec"]["selector"]["matchLabels"]["cnpg.io/cluster"], &mended.data["spec"]["jobLabel"]), (&json!("orders"), &json!("team")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_monitor_that_is_not_wanted_any_more_goes_and_leaves_no_trace() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let (mut orders, mut plain) = (cluster("orders"), cluster("plain"));
    place.reach(&mut plain).await;
    let untouched = place.versions().await;
    place.with_pod_monitor(true);
    place.reach(&mut orders).await;
    assert!(monitor(&place).await.is_some());
    place.with_pod_monitor(false);
    place.reach(&mut orders).await;
    place.until(&mut orders, "it settles", |_, progress| *progress == Progress::Settled).await;
    eventually("it is gone", async || monitor(&place).await.is_none().then_some(())).await;
    let object = place.api("Cluster").get("orders").await.unwrap();
    assert!(!object.annotations().contains_key("howdah.dev/monitored"), "{:?}", object.annotations());
    let before = versions(&place).await;
    assert_eq!((place.pass(&mut orders).await, place.pass(&mut plain).await), (Progress::Settled, Progress::Settled));
    assert_eq!(versions(&place).await, before);
    assert_eq!(place.versions().await["Cluster/plain"], untouched["Cluster/plain"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_pod_monitor_of_that_name_is_told_and_never_touched() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let theirs = json!({ "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": { "name": "orders.metrics" },
        "spec": { "selector": {}, "podMetricsEndpoints": [{ "port": "theirs" }] } });
    let made = apply(&place.client, &place.namespace, &theirs).await.unwrap();
    place.with_pod_monitor(true);
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    let words = &told(&orders).unwrap().reason.message;
    assert!(words.contains("orders.metrics") && words.contains("did not make"), "{words}");
    place.with_pod_monitor(false);
    place.reach(&mut orders).await;
    place.until(&mut orders, "nothing is told any more", |cluster, progress| told(cluster).is_none() && *progress == Progress::Settled).await;
    assert_eq!(monitor(&place).await.unwrap().resource_version(), made.resource_version());
    place.with_pod_monitor(true);
    place.remove(&mut orders).await;
    assert_eq!(monitor(&place).await.unwrap().resource_version(), made.resource_version());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_serves_pod_monitors_the_place_says_so_and_clusters_go_on() {
    let Some(server) = own().await else { return };
    let mut place = Place::open(&server).await;
    place.with_pod_monitor(true);
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    let lacks = |report: &domain::place::Report| report.findings.iter().any(|finding| !finding.serious && finding.remedy.contains("podmonitors.yaml"));
    place.report("it is told", lacks).await;
    assert!(told(&orders).is_none());
    install_crds(&place.client, &["prometheus-operator"]).await;
    place.reopen();
    place.report("it is there", |report| report.reachable.is_ok() && report.checked_at.is_some() && !lacks(report)).await;
    place.reach(&mut orders).await;
    assert!(monitor(&place).await.is_some());

    // And gone again, without a start in between.
    crds(&place.client).delete("podmonitors.monitoring.coreos.com", &DeleteParams::default()).await.unwrap();
    place.until(&mut orders, "it is missed", |_, _| lacks(&place.engine.report())).await;
    place.reach(&mut orders).await;
    place
        .until(&mut orders, "nothing is told", |cluster, progress| {
            told(cluster).is_none() && cluster.status.condition("PodMonitorUnseen").is_none() && *progress == Progress::Settled
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_right_is_missing_the_place_says_so_and_clusters_go_on() {
    let Some(server) = shared().await else { return };
    let admin = server.client().await;
    let home = namespace(&admin).await;
    allow(&admin, &home, &home, "portal").await;
    let kinds = ["namespaces", "clusters", "clusters/status", "databases", "databaseroles", "secrets", "services", "pods", "persistentvolumeclaims"];
    let only = |more: &[&str]| role(&json!([&kinds, more].concat()), &json!(["*"]));
    apply(&admin, &home, &only(&[])).await.unwrap();
    let bearer = token(&admin, &home, "portal").await;
    let mut place = Place::at(admin.clone(), home.clone(), server.kubeconfig());
    place.with_pod_monitor(true);
    place.reconfigure(|config| config["users"][0]["user"]["token"] = bearer.into());
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    let lacks = |report: &domain::place::Report| {
        let one =
            |finding: &domain::place::Finding| !finding.serious && finding.message.contains("create podmonitors") && finding.remedy.contains("pod_monitor");
        report.findings.iter().any(one)
    };
    place.report("it is told", lacks).await;
    assert!(told(&orders).is_none());

    apply(&admin, &home, &only(&["podmonitors"])).await.unwrap();
    let may = super::rights::account(server, &home, "portal").await;
    let may: Api<DynamicObject> = Api::namespaced_with(may, &home, &ApiResource::from_gvk(&GroupVersionKind::gvk("monitoring.coreos.com", "v1", "PodMonitor")));
    eventually("the right is in force", async || may.list(&Default::default()).await.ok()).await;
    place.reopen();
    place.report("nothing is missing", |report| report.reachable.is_ok() && report.checked_at.is_some() && !lacks(report)).await;
    place.reach(&mut orders).await;
    assert!(monitor(&place).await.is_some());

    // Who takes the right along with the key leaves what cannot be deleted, and is told.
    apply(&admin, &home, &only(&[])).await.unwrap();
    eventually("the right is gone", async || may.list(&Default::default()).await.is_err().then_some(())).await;
    place.with_pod_monitor(false);
    place.until(&mut orders, "it is told", |cluster, _| cluster.status.condition("PodMonitorUnseen").is_some()).await;
    place.reach(&mut orders).await;
    assert!(monitor(&place).await.is_some());
    apply(&admin, &home, &only(&["podmonitors"])).await.unwrap();
    eventually("the right is in force again", async || may.list(&Default::default()).await.ok()).await;
    place.until(&mut orders, "it goes", |cluster, progress| cluster.status.condition("PodMonitorUnseen").is_none() && *progress == Progress::Settled).await;
    assert!(monitor(&place).await.is_none());
}
