//! The Cozystack engine against a real Cozystack API with its real chart, with the rights of a tenant: `HOWDAH_TEST_COZYSTACK_KUBECONFIG` names a kubeconfig
//! whose context names the tenant's namespace. Everything made here is deleted again.
#![allow(clippy::unwrap_used)]

#[path = "cozystack/world.rs"]
mod world;

use domain::{
    Phase,
    observed::{Progress, Seen},
    parameter::Parameters,
    quantity::Bytes,
    topology::Topology,
    version::Major,
};
use serde_json::json;
use world::{World, database};

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_had_is_read_from_the_platform() {
    let Some(world) = World::open("offer").await else { return };
    let (offer, report) = (world.engine().offer(), world.engine().report());
    assert_eq!(report.engine, "Cozystack");
    assert!(report.findings.iter().all(|finding| !finding.serious), "{:?}", report.findings);
    assert!(offer.releases.iter().any(|release| release.major == Major::V17), "{offer:?}");
    assert!(!offer.storage_classes.is_empty() && !offer.switchover && offer.durable.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_lives_and_leaves_nothing() {
    let Some(mut world) = World::open("life").await else { return };
    world.password("alice", "alice's secret");
    world.password("bob", "bob's secret");
    world.cluster.spec.databases.insert("shop".parse().unwrap(), database(&["alice"], &["bob"], &["uuid-ossp", "hstore"]));
    world.settles_in_spite_of_everything().await;
    assert_eq!(world.cluster.status.phase, Phase::Ready);
    assert!(matches!(world.seen().await.inside, Seen::Known(_)));

    world.sql("alice", "alice's secret", "create table t as select uuid_generate_v4()").await.unwrap();
    assert!(world.sql("alice", "bob's secret", "select 1").await.is_err(), "a wrong password");
    assert!(world.sql("bob", "bob's secret", "select * from t").await.is_err(), "made later, and nothing changed since");
    world.stays_as_it_is().await;

    // A second instance, and a parameter, at once.
    world.cluster.spec.topology = Topology::Replicated;
    world.cluster.spec.instances = 2;
    world.cluster.spec.parameters = Parameters([("work_mem".to_owned(), "9MB".to_owned())].into());
    world.wish();
    world.settles().await;
    let roles: Vec<_> = world.cluster.status.instances.iter().map(|instance| instance.role).collect();
    assert_eq!(roles.len(), 2, "{:?}", world.cluster.status.instances);
    assert_eq!(world.sql("bob", "bob's secret", "select count(*)::text from t").await.unwrap(), "1", "rights are given again with every change");
    assert_eq!(world.sql("alice", "alice's secret", "show work_mem").await.unwrap(), "9MB");

    // Back to one, another password, a user less; and the volume grows.
    world.cluster.spec.topology = Topology::Standalone;
    world.cluster.spec.instances = 1;
    world.cluster.spec.storage = Bytes::gib(2);
    world.cluster.spec.users.remove(&"bob".parse().unwrap());
    world.cluster.spec.databases.insert("shop".parse().unwrap(), database(&["alice"], &[], &["uuid-ossp", "hstore"]));
    world.password("alice", "another secret");
    world.wish();
    world.settles().await;
    assert_eq!(world.cluster.status.instances.len(), 1);
    world.sql("alice", "another secret", "select count(*)::text from t").await.unwrap();
    assert!(world.sql("alice", "alice's secret", "select 1").await.is_err(), "the former password");
    assert!(world.sql("bob", "bob's secret", "select 1").await.is_err(), "a user that is gone");
    world.stays_as_it_is().await;

    world.leaves_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_do_to_the_object_is_undone_or_left_and_told() {
    let Some(mut world) = World::open("hand").await else { return };
    world.password("alice", "alice's secret");
    world.cluster.spec.databases.insert("shop".parse().unwrap(), database(&["alice"], &[], &[]));
    world.cluster.spec.databases.insert("old".parse().unwrap(), database(&[], &[], &[]));
    world.settles().await;

    // Ours is put back, theirs stays.
    let edit = json!({"spec": {
        "replicas": 2, "postgresql": {"parameters": {"work_mem": "3MB", "jit": "off"}},
        "users": {"alice": {"password": "in-clear-text"}, "carol": {"replication": false}},
        "databases": {"shop": {"roles": {"admin": []}}, "theirs": {"roles": {}}},
    }});
    let told = world.nudged_by(world.edit(&edit)).await;
    eprintln!("told after {} ms", told.as_millis());
    world.settles().await;
    let spec = world.spec().await;
    let parameters = &spec["postgresql"]["parameters"];
    assert_eq!((&spec["replicas"], &parameters["work_mem"], parameters.get("jit")), (&json!(1), &json!("1MB"), None), "{spec}");
    assert!(spec["databases"].get("theirs").is_some() && spec["users"].get("carol").is_some(), "{spec}");
    world.sql("alice", "alice's secret", "create table t ()").await.unwrap();
    let Seen::Known(inside) = world.seen().await.inside else { panic!("not seen") };
    assert_eq!((inside.foreign_users, inside.foreign_databases), (vec!["carol".to_owned()], vec!["theirs".to_owned()]));

    // Only what was ours and is not wished for any more goes.
    world.cluster.spec.databases.remove(&"old".parse().unwrap());
    world.wish();
    world.settles().await;
    let databases = world.sql("alice", "alice's secret", "select string_agg(datname, ' ' order by datname) from pg_database where not datistemplate").await;
    assert_eq!(databases.unwrap(), "app postgres shop theirs");

    // A volume that was made larger by hand cannot become smaller again.
    world.edit(&json!({"spec": {"size": "2Gi"}})).await;
    let progress = world.pass().await;
    assert!(matches!(&progress, Progress::Blocked(reason) if reason.code == "StorageGrown"), "{progress:?}");
    world.cluster.spec.storage = Bytes::gib(2);
    world.wish();
    world.settles().await;

    // Whose it is can be read nowhere else: then nothing is touched, and nothing is forgotten.
    world.edit(&json!({"metadata": {"labels": {"howdah.dev/cluster": null}}})).await;
    let lost = |progress: Progress| matches!(progress, Progress::Blocked(reason) if reason.code == "OwnerUnknown" && reason.message.contains("kubectl label"));
    assert!(lost(world.pass().await) && lost(world.remove().await));
    world.edit(&json!({"metadata": {"labels": {"howdah.dev/cluster": world.cluster.id.to_string()}}})).await;
    world.settles().await;

    // Deleted by hand: told, and never made anew without its data.
    world.waits_to_be_deletable().await;
    world.delete_by_hand().await;
    world.until(|progress| matches!(progress, Progress::Blocked(reason) if reason.code == "Gone")).await;
    world.leaves_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_portal_did_not_make_is_never_touched() {
    let Some(mut world) = World::open("taken").await else { return };
    world.create_by_hand(&json!({"replicas": 1, "size": "1Gi", "version": "v17"})).await;
    let before = world.version().await;
    let progress = world.pass().await;
    assert!(matches!(&progress, Progress::Blocked(reason) if reason.code == "NameTaken"), "{progress:?}");
    assert_eq!(world.remove().await, Progress::Settled, "nothing of it is ours");
    assert_eq!(world.spec().await["size"], json!("1Gi"), "before {before}");
    world.waits_to_be_deletable().await;
    world.delete_by_hand().await;
    // The name is free again only when the last pod is gone.
    world.until_gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_cannot_be_had_writes_nothing() {
    let Some(mut world) = World::open("refused").await else { return };
    world.cluster.spec.parameters = Parameters([("shared_buffers".to_owned(), "64GB".to_owned())].into());
    let progress = world.pass().await;
    assert!(matches!(&progress, Progress::Blocked(reason) if reason.code == "ParameterNotPossible"), "{progress:?}");
    assert!(world.object().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_the_platform_lost_is_found_and_deleted() {
    let Some(mut world) = World::open("lost").await else { return };
    world.settles().await;
    // A deletion right after a write, while a release is under way: the object goes, and everything else stays without an owner.
    world.edit(&json!({"spec": {"postgresql": {"parameters": {"work_mem": "5MB"}}}})).await;
    world.until_releasing().await;
    world.edit(&json!({"spec": {"postgresql": {"parameters": {"work_mem": "6MB"}}}})).await;
    world.delete_by_hand().await;
    world.until(|progress| matches!(progress, Progress::Blocked(reason) if reason.code == "Gone")).await;
    eprintln!("left: {:?}", world.remains().await);
    world.leaves_nothing().await;
}
