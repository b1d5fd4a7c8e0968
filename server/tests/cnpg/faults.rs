//! What goes wrong, and what others do to the same objects.

use crate::support::Place;
use domain::{Change, Phase, Timestamp, observed::Progress, status::InstanceState};
use kube::api::DeleteParams;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_is_replaced_and_the_portal_sees_it() {
    let Some(mut place) = Place::open("kill", 2).await else { return };
    place.reach().await;
    place.run("postgres", "create table t (n int); insert into t select generate_series(1, 1000)").await;
    let old = place.primary().name.clone();
    let kill = DeleteParams::default().grace_period(0);
    place.api("", "Pod", "pods").delete(&old, &kill).await.unwrap();
    let started = Instant::now();
    place.until("the portal sees it", |cluster, _| matches!(cluster.status.phase, Phase::Down | Phase::Degraded)).await;
    eprintln!("seen after {:?}: {:?}", started.elapsed(), place.cluster.status.reason);
    place.reach().await;
    eprintln!("ready again after {:?}", started.elapsed());
    place.ready();
    assert_eq!(place.ask("postgres", "(select count(*) from t)").await, "1000");
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_somebody_else_sets_is_told_and_taken_over_only_when_asked_for() {
    let Some(mut place) = Place::open("edit", 1).await else { return };
    place.reach().await;
    // A field that is none of ours stays as it was set.
    place.edit(json!({ "spec": { "logLevel": "debug", "postgresql": { "parameters": { "log_min_duration_statement": "5s" } } } })).await;
    place.pass().await;
    place.reach().await;
    assert_eq!(place.object().await.data["spec"]["logLevel"], "debug");

    place.edit(json!({ "spec": { "smartShutdownTimeout": 44 } })).await;
    place.until("a block", |_, progress| matches!(progress, Progress::Blocked(_))).await;
    let reason = place.cluster.status.reason.clone().unwrap();
    assert!(reason.message.contains(".spec.smartShutdownTimeout is managed by kubectl-edit"), "{reason:?}");
    assert_eq!(place.object().await.data["spec"]["smartShutdownTimeout"], 44);
    place.cluster.spec.takeovers += 1;
    place.cluster.generation += 1;
    place.reach().await;
    let object = place.object().await;
    assert_eq!(object.data["spec"]["smartShutdownTimeout"], 3);
    assert_eq!(object.data["spec"]["logLevel"], "debug", "what is none of ours is not taken over");
    place.edit(json!({ "spec": { "smartShutdownTimeout": 45 } })).await;
    place.until("a block again: taking over is done once", |_, progress| matches!(progress, Progress::Blocked(_))).await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_carries_no_label_of_ours_is_neither_adopted_nor_deleted() {
    let Some(mut place) = Place::open("foreign", 1).await else { return };
    let spec = json!({ "instances": 1, "storage": { "size": "1Gi" } });
    let theirs = json!({ "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": { "name": "orders", "annotations": { "cnpg.io/reconciliationLoop": "disabled" } }, "spec": spec });
    let api = place.api("postgresql.cnpg.io", "Cluster", "clusters");
    api.create(&kube::api::PostParams::default(), &serde_json::from_value(theirs).unwrap()).await.unwrap();
    place.until("a block", |_, progress| matches!(progress, Progress::Blocked(reason) if reason.code == "NameTaken")).await;
    place.cluster.deleted_at = Some(Timestamp::now());
    for _ in 0..20 {
        if matches!(place.engine.remove(&place.cluster).await, Ok(Progress::Settled)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(api.get_opt("orders").await.unwrap().is_some_and(|object| object.metadata.deletion_timestamp.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_deleted_by_hand_is_told_and_not_made_anew() {
    let Some(mut place) = Place::open("vanish", 1).await else { return };
    place.reach().await;
    place.api("postgresql.cnpg.io", "Cluster", "clusters").delete("orders", &DeleteParams::background()).await.unwrap();
    place.until("a block", |_, progress| matches!(progress, Progress::Blocked(reason) if reason.code == "Vanished")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    place.until("a block still", |_, progress| matches!(progress, Progress::Blocked(reason) if reason.code == "Vanished")).await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_killed_at_any_point_goes_on_where_the_objects_are() {
    let Some(mut place) = Place::open("crash", 1).await else { return };
    place.users(&["alice"]);
    place.database("shop", &["alice"], &[], &["hstore"]);
    // Each pass is cut off a little later than the one before, by a portal that remembers nothing.
    for step in 0..25u64 {
        let pass = tokio::time::timeout(Duration::from_millis(40 * step), place.pass());
        let _cut = pass.await;
        place.reopen();
    }
    place.reach().await;
    place.wish([Change::Scale { instances: 2 }]);
    for step in 0..10u64 {
        let _cut = tokio::time::timeout(Duration::from_millis(40 * step), place.pass()).await;
        place.reopen();
    }
    place.reach().await;
    place.ready();
    assert!(place.instances().iter().all(|instance| instance.state == InstanceState::Ready));
    place.remove().await;
}
