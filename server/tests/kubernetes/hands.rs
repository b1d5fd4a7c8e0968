//! What people do by hand to the objects of a cluster.

use super::{
    operator::Mood,
    place::{Place, add_user, cluster, nudged},
    support::{crds, eventually, furnish, own, shared},
};
use domain::{Change, Cluster, Phase, Timestamp, observed::Progress};
use kube::{
    Api,
    api::{DeleteParams, DynamicObject},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_deleted_by_hand_is_told_and_not_made_anew() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let (mut orders, mut bills) = (cluster("orders"), cluster("bills"));
    place.reach(&mut orders).await;
    place.reach(&mut bills).await;
    let mut nudges = place.nudges();
    place.api("Cluster").delete("orders", &DeleteParams::background()).await.unwrap();
    nudged(&mut nudges, orders.id).await;
    let words = place.blocked(&mut orders, "Vanished").await;
    assert!(words.contains("create it again, or restore the object there"), "{words}");
    place.reopen();
    place.blocked(&mut orders, "Vanished").await;
    assert_eq!(place.versions().await.keys().collect::<Vec<_>>(), ["Cluster/bills"]);
    assert_eq!(place.pass(&mut bills).await, Progress::Settled, "others go on");
    place.remove(&mut orders).await;
}

/// Of three instances one finds no machine, for weeks: the wish is never wholly reached, and the others hold data.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_was_never_wholly_as_wished_for_is_not_made_anew_either() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let _operator = place.operator(Mood { silent: true, ..Mood::default() });
    let mut orders = cluster("orders");
    place.until(&mut orders, "it is there", |_, progress| matches!(progress, Progress::Working(_))).await;
    assert_eq!(orders.status.generation, 0);
    place.api("Cluster").delete("orders", &DeleteParams::background()).await.unwrap();
    eventually("it is gone", async || place.api("Cluster").get_opt("orders").await.unwrap().is_none().then_some(())).await;
    place.blocked(&mut orders, "Vanished").await;
    place.reopen();
    place.blocked(&mut orders, "Vanished").await;
    assert!(place.versions().await.is_empty());
    place.remove(&mut orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_for_a_user_is_made_again_since_the_user_is_still_there() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    let user = add_user("alice");
    place.wish(&mut orders, [user]);
    place.reach(&mut orders).await;
    let before = place.versions().await;
    let mut nudges = place.nudges();
    place.api("DatabaseRole").delete("orders-alice", &DeleteParams::default()).await.unwrap();
    nudged(&mut nudges, orders.id).await;
    place.pass(&mut orders).await;
    place.reach(&mut orders).await;
    let after = place.versions().await;
    assert!(after["DatabaseRole/orders-alice"].0 != before["DatabaseRole/orders-alice"].0 && after["Cluster/orders"] == before["Cluster/orders"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_ours_that_is_edited_is_told_and_one_of_theirs_is_left_alone() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    let mut nudges = place.nudges();
    place.edit("orders", json!({ "spec": { "logLevel": "debug", "postgresql": { "parameters": { "log_min_duration_statement": "5s" } } } })).await;
    nudged(&mut nudges, orders.id).await;
    let before = place.versions().await;
    assert_eq!(place.pass(&mut orders).await, Progress::Settled);
    assert_eq!(place.versions().await, before, "what others add is not written over");

    place.edit("orders", json!({ "spec": { "smartShutdownTimeout": 44, "storage": { "size": "64Gi" } } })).await;
    nudged(&mut nudges, orders.id).await;
    let words = place.blocked(&mut orders, "Refused").await;
    assert!(words.contains("a volume never shrinks"), "a volume is larger already: {words}");
    place.edit("orders", json!({ "spec": { "storage": { "size": orders.spec.storage.to_string() } } })).await;
    let words = place.blocked(&mut orders, "ManagedByOthers").await;
    assert!(words.contains(".spec.smartShutdownTimeout is managed by kubectl-edit") && words.contains("take over"), "{words}");
    // Undone there, it is over.
    place.edit("orders", json!({ "spec": { "smartShutdownTimeout": 3 } })).await;
    place.reach(&mut orders).await;

    place.edit("orders", json!({ "spec": { "smartShutdownTimeout": 45 } })).await;
    place.blocked(&mut orders, "ManagedByOthers").await;
    let mut orders = orders.change(None, vec![Change::TakeOver], Timestamp::now()).unwrap();
    place.reach(&mut orders).await;
    let object = place.api("Cluster").get("orders").await.unwrap();
    assert_eq!((&object.data["spec"]["smartShutdownTimeout"], &object.data["spec"]["logLevel"]), (&json!(3), &json!("debug")));
}

/// Without its label the portal does not know it again, and must not tell anybody to delete it.
#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_is_taken_off_is_told_with_the_command_that_puts_it_back() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    place.edit("orders", json!({ "metadata": { "labels": { "howdah.dev/cluster": null } } })).await;
    let words = place.blocked(&mut orders, "LabelLost").await;
    assert!(words.contains(&format!("howdah.dev/cluster={}", orders.id)) && !words.contains("Delete"), "{words}");
    place.edit("orders", json!({ "metadata": { "labels": { "howdah.dev/cluster": orders.id.to_string() } } })).await;
    place.reach(&mut orders).await;
}

/// What the portal does not know again it does not delete, and it does not forget it either.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_its_label_is_neither_deleted_nor_forgotten() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    let user = add_user("alice");
    place.wish(&mut orders, [user]);
    place.reach(&mut orders).await;
    let before = place.versions().await;
    place.edit("orders", json!({ "metadata": { "labels": { "howdah.dev/cluster": null } } })).await;
    place.blocked(&mut orders, "LabelLost").await;
    orders.deleted_at = Some(Timestamp::now());
    let told = async || match place.engine.remove(&orders).await {
        Ok(Progress::Blocked(reason)) if reason.code == "LabelLost" => Some(reason.message),
        Ok(Progress::Settled) => panic!("it is still there"),
        _ => None,
    };
    let words = eventually("it is told", told).await;
    assert!(words.contains(&format!("howdah.dev/cluster={}", orders.id)) && words.contains("delete"), "{words}");
    assert_eq!(place.versions().await["DatabaseRole/orders-alice"], before["DatabaseRole/orders-alice"], "what belongs to it stays as well");
    place.edit("orders", json!({ "metadata": { "labels": { "howdah.dev/cluster": orders.id.to_string() } } })).await;
    place.remove(&mut orders).await;
    assert!(place.versions().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_that_hangs_is_named_and_holds_up_nobody_else() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let (mut orders, mut bills) = (cluster("orders"), cluster("bills"));
    place.reach(&mut orders).await;
    place.edit("orders", json!({ "metadata": { "finalizers": ["example.com/never"] } })).await;
    orders.deleted_at = Some(Timestamp::now());
    let held = async || match place.engine.remove(&orders).await {
        Ok(Progress::Working(reason)) if reason.message.contains("example.com/never") => Some(reason),
        Ok(Progress::Settled) => panic!("it is still there"),
        _ => None,
    };
    eventually("what it waits for is named", held).await;
    place.reach(&mut bills).await;
    assert!(place.api("Cluster").get("orders").await.is_ok(), "finalizers of others are theirs");
    place.edit("orders", json!({ "metadata": { "finalizers": null } })).await;
    place.remove(&mut orders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_taken_away_and_comes_back_makes_nothing_anew() {
    let Some(server) = own().await else { return };
    let place = Place::open(&server).await;
    let _operator = place.operator(Mood::default());
    let (mut orders, mut later) = (cluster("orders"), cluster("later"));
    place.reach(&mut orders).await;
    crds(&place.client).delete("clusters.postgresql.cnpg.io", &DeleteParams::default()).await.unwrap();
    // The objects go first, and are seen to go; then nobody knows the kind.
    let unserved = |_: &Cluster, progress: &Progress| matches!(progress, Progress::Working(reason) if reason.message.contains("does not serve that kind"));
    place.until(&mut orders, "the kind is missed", unserved).await;
    assert_eq!(orders.status.phase, Phase::Unknown);
    place.until(&mut later, "the kind is missed", unserved).await;
    furnish(&place.client).await;
    place.blocked(&mut orders, "Vanished").await;
    place.reach(&mut later).await;
    let objects: Api<DynamicObject> = place.api("Cluster");
    assert_eq!(objects.list(&Default::default()).await.unwrap().items.len(), 1);
}
