//! An API server that is away, comes back, forgets, or cannot be reached: nothing is lost, nothing is made twice, nothing is taken for gone.

use super::{
    denied::{allow, role},
    operator::{Mood, kind},
    place::{Place, cluster, nudged},
    rights::account,
    support::{Server, apply, eventually, namespace, own, shared, token, with},
    wire::{Way, Wire},
};
use domain::{Change, Cluster, Phase, Timestamp, observed::Progress};
use futures::future::join_all;
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Ten clusters are asked for, and the server dies while they are made; before, a first look finds nobody at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_the_middle_of_ten_creates_gets_each_of_them_once() {
    let Some(server) = own().await else { return };
    let mut place = Place::open(&server).await;
    let (server, ()) = with(server, Server::kill).await;
    // A portal that starts while nobody answers.
    place.reopen();
    let mut all: Vec<Cluster> = (0..10).map(|n| cluster(&format!("orders-{n}"))).collect();
    let progress = place.pass(&mut all[0]).await;
    assert!(matches!(&progress, Progress::Working(reason) if reason.message.contains("does not answer")), "{progress:?}");
    let report = place.report("it is told", |report| report.reachable.is_err()).await;
    assert!(report.reachable.unwrap_err().contains("the portal tries again by itself"));
    let (server, ()) = with(server, Server::revive).await;
    let _operator = place.operator(Mood { pause: Duration::from_millis(50), ..Mood::default() });

    let place = &place;
    let reaching = join_all(all.iter_mut().map(async |cluster| place.until_reached_unblocked(cluster).await));
    let outage = async {
        let begun = eventually("some are written", async || Some(place.versions().await).filter(|all| all.len() >= 3)).await;
        let (server, ()) = with(server, |server| {
            server.kill();
            std::thread::sleep(Duration::from_secs(2));
            server.revive();
        })
        .await;
        (server, begun)
    };
    let (_, (server, begun)) = tokio::join!(reaching, outage);
    let written = place.versions().await;
    assert_eq!(written.len(), 10);
    assert!(written.values().all(|(_, generation, _)| *generation == 1), "{written:?}");
    assert!(begun.iter().all(|(name, (uid, ..))| written[name].0 == *uid), "those that were there are the same ones");
    for cluster in &mut all {
        assert_eq!(place.pass(cluster).await, Progress::Settled);
    }
    assert_eq!(place.versions().await, written);
    drop(server);
}

/// What was reached stays as it was seen while the server is away, and what happened meanwhile is found when it is back, also when it forgot its history.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_and_a_compaction_everything_is_listed_again() {
    let Some(server) = own().await else { return };
    let place = Place::open(&server).await;
    let operator = place.operator(Mood::default());
    let (mut orders, mut bills) = (cluster("orders"), cluster("bills"));
    place.reach(&mut orders).await;
    place.reach(&mut bills).await;
    let before = place.versions().await;
    operator.change(Mood { silent: true, ..Mood::default() });
    let mut nudges = place.nudges();
    let (server, ()) = with(server, Server::kill).await;
    place.until(&mut orders, "it cannot be seen", |cluster, _| cluster.status.phase == Phase::Unknown).await;
    assert_eq!(orders.status.instances.len(), 1, "what was seen last is shown on");
    let (mut server, ()) = with(server, Server::revive).await;
    let name = |name: &str| json!({ "metadata": { "annotations": { "test": name } } });
    for n in 0..20 {
        eventually("written", async || place.api("Cluster").patch("bills", &PatchParams::default(), &Patch::Merge(name(&n.to_string()))).await.ok()).await;
    }
    server.compact();
    // A watch from before would have to say 410 now, and a new one has to list.
    let (server, ()) = with(server, |server| {
        server.kill();
        server.revive();
    })
    .await;
    nudged(&mut nudges, bills.id).await;
    for cluster in [&mut orders, &mut bills] {
        place.until_reached_unblocked(cluster).await;
    }
    assert_eq!(place.versions().await["Cluster/orders"], before["Cluster/orders"]);
    let change = json!({ "status": { "phase": "Failing over" } });
    place.api("Cluster").patch_status("orders", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    nudged(&mut nudges, orders.id).await;
    drop(server);
}

/// Restored from a backup, the server knows older objects and not the newer ones. What vanished is told and not made anew; what is older than the wish is
/// brought up to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_restored_from_before_loses_no_cluster_silently() {
    let Some(server) = own().await else { return };
    let place = Place::open(&server).await;
    let operator = place.operator(Mood::default());
    let mut old = cluster("old");
    place.reach(&mut old).await;
    let (server, ()) = with(server, |server| {
        server.kill();
        server.save();
        server.revive();
    })
    .await;
    let (mut new, mut gone) = (cluster("young"), cluster("gone"));
    place.until_reached_unblocked(&mut new).await;
    place.until_reached_unblocked(&mut gone).await;
    let mut old = old.change(None, vec![Change::Scale { instances: 2 }], Timestamp::now()).unwrap();
    place.until_reached_unblocked(&mut old).await;
    place.remove(&mut gone).await;
    let (server, ()) = with(server, |server| {
        server.kill();
        server.restore();
        server.revive();
    })
    .await;

    // Its watch waits at the end of a history that is no more.
    operator.change(Mood::default());
    let words = place.blocked(&mut new, "Vanished").await;
    assert!(words.contains("not made anew by itself"), "{words}");
    place.until_reached_unblocked(&mut old).await;
    assert_eq!(old.status.instances.len(), 2);
    let left = place.versions().await;
    assert_eq!(left.keys().collect::<Vec<_>>(), ["Cluster/old"], "the portal asks nothing back to life and deletes nothing by itself");
    place.blocked(&mut new, "Vanished").await;
    place.remove(&mut new).await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_cut_misses_nothing() {
    let Some(server) = shared().await else { return };
    let (mut place, way) = on_a_wire(server).await;
    let operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    operator.change(Mood { silent: true, ..Mood::default() });
    let mut nudges = place.nudges();
    way.set(Wire::Cut);
    place.until(&mut orders, "it cannot be seen", |cluster, _| cluster.status.phase == Phase::Unknown).await;
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(place.client.clone(), &place.namespace);
    pods.delete("orders-1", &DeleteParams::default().grace_period(0)).await.unwrap();
    way.set(Wire::Open);
    nudged(&mut nudges, orders.id).await;
    place.until(&mut orders, "the primary is missed", |cluster, _| cluster.status.phase == Phase::Down).await;
    place.reopen();
}

/// For a while after its watch was cut the portal goes by what it saw last. What is gone meanwhile must not come back by a wish that falls into that while.
#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_is_based_on_what_was_seen_before_makes_nothing_anew() {
    let Some(server) = shared().await else { return };
    let (admin, way) = (server.client().await, Way::to(server.port()).await);
    let home = namespace(&admin).await;
    allow(&admin, &home, &home, "portal").await;
    let bearer = token(&admin, &home, "portal").await;
    let mut place = Place::at(admin.clone(), home.clone(), server.kubeconfig());
    place.reconfigure(|config| {
        config["users"][0]["user"]["token"] = bearer.into();
        config["clusters"][0]["cluster"]["server"] = format!("https://127.0.0.1:{}", way.port).into();
    });
    let _operator = place.operator(Mood::default());
    let (mut orders, mut bills) = (cluster("orders"), cluster("bills"));
    place.reach(&mut orders).await;
    place.reach(&mut bills).await;

    // Watches that are cut from now on stay so.
    let may = async |verbs: &[&str]| apply(&admin, &home, &role(&json!(["*"]), &json!(verbs))).await.unwrap();
    may(&["get", "create", "patch", "delete"]).await;
    let account: Api<DynamicObject> = Api::namespaced_with(account(server, &home, "portal").await, &home, &kind("Cluster"));
    eventually("it may not list any more", async || account.list(&Default::default()).await.is_err().then_some(())).await;
    way.set(Wire::Cut);
    eventually("that is noticed", async || way.idle().then_some(())).await;
    way.set(Wire::Open);
    place.report("it goes on", |report| report.reachable.is_ok()).await;
    let clusters = place.api("Cluster");
    let mut other = clusters.get("bills").await.unwrap();
    for name in ["orders", "bills"] {
        clusters.delete(name, &DeleteParams::background()).await.unwrap();
        eventually("it is gone", async || clusters.get_opt(name).await.unwrap().is_none().then_some(())).await;
    }
    // Somebody brought this one back from a backup, with who manages what: another object, and the portal's.
    (other.metadata.uid, other.metadata.resource_version, other.metadata.managed_fields) = (None, None, None);
    let restored = clusters.patch("bills", &PatchParams::apply("howdah"), &Patch::Apply(&other)).await.unwrap();
    for cluster in [&mut orders, &mut bills] {
        *cluster = cluster.change(None, vec![Change::Scale { instances: 2 }], Timestamp::now()).unwrap();
        let progress = place.pass(cluster).await;
        assert!(matches!(&progress, Progress::Working(reason) if reason.message.contains("uid")), "{}: {progress:?}", cluster.name);
    }
    assert!(clusters.get_opt("orders").await.unwrap().is_none(), "an empty cluster was made in its place");
    assert_eq!(clusters.get("bills").await.unwrap().metadata.generation, restored.metadata.generation);

    may(&["*"]).await;
    place.blocked(&mut orders, "Vanished").await;
    place.reach(&mut bills).await;
    assert_eq!(clusters.get("bills").await.unwrap().metadata.uid, restored.metadata.uid);
}

/// A connection on which nobody answers says nothing of itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_found_out_within_seconds() {
    let Some(server) = shared().await else { return };
    let (place, way) = on_a_wire(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    way.set(Wire::Held);
    let started = Instant::now();
    place.report("the silence is told", |report| report.reachable.is_err()).await;
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    let started = Instant::now();
    place.pass(&mut orders).await;
    assert!(started.elapsed() < Duration::from_millis(500), "a place that is down keeps nobody waiting");
    assert_eq!(orders.status.phase, Phase::Unknown);
    way.set(Wire::Open);
    place.reach(&mut orders).await;
}

/// A place whose way to the server can be cut.
async fn on_a_wire(server: &Server) -> (Place, Way) {
    let way = Way::to(server.port()).await;
    let mut place = Place::open(server).await;
    place.reconfigure(|config| config["clusters"][0]["cluster"]["server"] = format!("https://127.0.0.1:{}", way.port).into());
    (place, way)
}

impl Place {
    /// Until the wish is reached; on the way, nobody must be told that a person has to help.
    async fn until_reached_unblocked(&self, cluster: &mut Cluster) {
        let reached = |cluster: &Cluster, progress: &Progress| {
            assert!(!matches!(progress, Progress::Blocked(_)), "{}: {progress:?}", cluster.name);
            *progress == Progress::Settled && cluster.status.phase == Phase::Ready
        };
        self.until(cluster, "reached", reached).await;
    }
}
