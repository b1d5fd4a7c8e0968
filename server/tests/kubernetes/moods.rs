//! An operator that is slow, silent, ahead of itself, or of another opinion.

use super::{
    operator::{HEALTHY, MANAGER, Mood},
    place::{Place, add_database, add_user, cluster, nudged},
    support::shared,
};
use domain::{
    Change, Phase,
    command::Confirm,
    observed::Progress,
    parameter::Parameters,
    spec::Power,
    status::{InstanceState, Item, kinds},
};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_operator_is_waited_for_and_nothing_is_written_meanwhile() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let _operator = place.operator(Mood { pause: Duration::from_millis(150), ..Mood::default() });
    let mut orders = cluster("orders");
    let (alice, shop) = ("alice".parse().unwrap(), "shop".parse().unwrap());
    let user = add_user("alice");
    let database = add_database("shop", "alice", &["hstore"]);
    place.wish(&mut orders, [Change::Scale { instances: 3 }, user, database]);
    place.until(&mut orders, "the operator has begun", |cluster, _| !cluster.status.instances.is_empty()).await;
    assert_eq!(orders.status.phase, Phase::Creating);
    place.reach(&mut orders).await;
    assert_eq!(orders.status.instances.len(), 3);
    assert!(matches!(orders.status.users[&alice], Item::Active { .. }) && matches!(orders.status.databases[&shop], Item::Active { .. }));
    let written = place.versions().await;
    assert_eq!(written["Cluster/orders"].1, 1, "one write made it");

    for _ in 0..3 {
        assert_eq!(place.pass(&mut orders).await, Progress::Settled);
    }
    place.reopen();
    place.reach(&mut orders).await;
    assert_eq!(place.versions().await, written, "an idle pass writes nothing, nor does a portal that begins anew");

    place.wish(&mut orders, [Change::Scale { instances: 1 }, Change::RemoveDatabase { name: "shop".parse().unwrap(), confirm: Confirm::Addressed }]);
    place.reach(&mut orders).await;
    assert_eq!(orders.status.instances.len(), 1);
    assert!(!place.versions().await.contains_key("Database/orders-shop"));
    place.wish(&mut orders, [Change::SetPower { power: Power::Off }]);
    place.reach(&mut orders).await;
    assert_eq!((orders.status.phase, place.versions().await["Cluster/orders"].1), (Phase::Paused, 2), "hibernation is an annotation");
    place.remove(&mut orders).await;
    assert!(place.versions().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_operator_is_named_and_goes_on_where_it_was() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let operator = place.operator(Mood { silent: true, ..Mood::default() });
    let mut orders = cluster("orders");
    let said = place.until(&mut orders, "silence", |_, progress| matches!(progress, Progress::Working(reason) if reason.code == "OperatorSilent")).await;
    assert!(matches!(&said, Progress::Working(reason) if reason.message.contains("its operator does not run")), "{said:?}");
    operator.change(Mood::default());
    place.reach(&mut orders).await;

    // It falls silent once more: what is there goes on, and what is asked for waits.
    operator.change(Mood { silent: true, ..Mood::default() });
    let mut wish = orders.change(None, vec![Change::Scale { instances: 2 }], domain::Timestamp::now()).unwrap();
    let waits = |cluster: &domain::Cluster, progress: &Progress| cluster.status.phase == Phase::Changing && matches!(progress, Progress::Working(_));
    place.until(&mut wish, "it waits", waits).await;
    assert_eq!(wish.status.instances[0].state, InstanceState::Ready);
    operator.change(Mood::default());
    place.reach(&mut wish).await;
}

/// The phase of before stays, and here nobody can be asked what PostgreSQL runs with.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_is_not_called_in_effect_while_the_operator_is_silent() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    operator.change(Mood { silent: true, ..Mood::default() });
    let parameters = Parameters([("work_mem".to_owned(), "7MB".to_owned())].into());
    place.wish(&mut orders, [Change::SetParameters { parameters }]);
    let said = place.until(&mut orders, "it is written", |_, progress| !matches!(progress, Progress::Moved(_))).await;
    assert!(matches!(&said, Progress::Working(reason) if reason.code == "Applied"), "{said:?}");
    let told = orders.status.condition(kinds::PARAMETERS).unwrap();
    assert!(orders.status.phase == Phase::Changing && told.holds.is_none() && told.reason.message.contains("was not asked"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_phase_without_instances_is_not_believed() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let _operator = place.operator(Mood { hasty: true, pause: Duration::from_millis(200), ..Mood::default() });
    let mut orders = cluster("orders");
    orders.spec.instances = 2;
    orders.spec.topology = domain::topology::Topology::Replicated;
    let said = |cluster: &domain::Cluster, _: &Progress| {
        assert!(cluster.status.phase != Phase::Ready || cluster.status.instances.iter().all(|instance| instance.state == InstanceState::Ready));
        cluster.status.phase == Phase::Ready
    };
    place.until(&mut orders, "ready", said).await;
    assert_eq!(orders.status.instances.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_the_operator_rewrites_is_told_with_its_name_and_not_fought_over() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    place.edit_as(MANAGER, "orders", json!({ "spec": { "instances": 2 } })).await;
    let words = place.blocked(&mut orders, "ManagedByOthers").await;
    assert!(words.contains(".spec.instances is managed by manager") && words.contains("take over"), "{words}");
    assert_eq!(orders.status.phase, Phase::Degraded, "it serves all the same");
    let before = place.versions().await;
    place.pass(&mut orders).await;
    assert_eq!(place.versions().await["Cluster/orders"].1, before["Cluster/orders"].1, "nobody writes against the other");

    let mut wish = orders.change(None, vec![Change::TakeOver], domain::Timestamp::now()).unwrap();
    place.reach(&mut wish).await;
    assert_eq!(place.api("Cluster").get("orders").await.unwrap().data["spec"]["instances"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_that_nobody_knows_is_shown_as_it_is() {
    let Some(server) = shared().await else { return };
    let place = Place::open(server).await;
    let operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    place.reach(&mut orders).await;
    operator.change(Mood { silent: true, ..Mood::default() });
    let mut nudges = place.nudges();
    let says = async |phase: &str, reason: &str| {
        let status = json!({ "status": { "phase": phase, "phaseReason": reason } });
        place.api("Cluster").patch_status("orders", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    };
    says("Rearranging the furniture", "it was Tuesday").await;
    nudged(&mut nudges, orders.id).await;
    let seen = place.until(&mut orders, "it is seen", |_, progress| *progress != Progress::Settled).await;
    assert!(matches!(&seen, Progress::Working(reason) if reason.message.contains("Rearranging the furniture (it was Tuesday)")), "{seen:?}");
    assert_eq!(orders.status.phase, Phase::Ready, "it serves, and the wish was reached");

    says("Cluster is unrecoverable and needs manual intervention", "").await;
    let words = place.blocked(&mut orders, "OperatorWaits").await;
    assert!(words.contains("unrecoverable"), "{words}");
    says(HEALTHY, "").await;
    place.reach(&mut orders).await;
}
