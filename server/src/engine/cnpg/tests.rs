//! The laws of what is built, compared and seen; the objects themselves as snapshots that a reviewer can read.

use super::{
    act, build,
    crd::{self, HEALTHY},
    landed,
    monitor::Monitor,
    need::{Need, need},
    observe::{self, Besides, Outside},
    world::World,
};
use crate::{
    engine::kube::{
        object::{Meta, OWNER, Object, Readable},
        yaml,
    },
    postgres::facts::marked,
};
use domain::{
    Cluster, ClusterId, ClusterName, ProjectId, Spec, Timestamp, Uuid,
    database::{Database, Grants},
    name::Description,
    observed::Progress,
    quorum::Quorum,
    spec::{Power, Switchover},
    status::{EndpointKind, InstanceState, Item},
    topology::Topology,
    user::User,
    version::Major,
};
use kube::api::DynamicObject;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

fn wish(instances: u8) -> Cluster {
    let name: ClusterName = "orders".parse().expect("valid");
    let mut spec = Spec::new(&name, Major::V17);
    (spec.instances, spec.topology) = (instances, Topology::for_instances(instances));
    let (id, description, at) = (Uuid::nil(), Description::default(), Timestamp::UNIX_EPOCH);
    for user in ["Ab$c", "alice", "bob"] {
        let user = (
            user.parse().expect("valid"),
            User { id, replication: user == "bob", password_version: 2, description: description.clone(), created_at: at, updated_at: at },
        );
        spec.users.insert(user.0, user.1);
    }
    let set = |name: &str| [name.parse().expect("valid")].into();
    let shop = Database {
        id,
        owner: Some("Ab$c".parse().expect("valid")),
        roles: Grants { admin: set("alice"), readonly: set("bob") },
        extensions: ["hstore", "uuid-ossp"].map(|name| name.parse().expect("valid")).into(),
        description,
        created_at: at,
        updated_at: at,
    };
    spec.databases.insert("shop".parse().expect("valid"), shop);
    Cluster::create(ClusterId(Uuid::from_u128(7)), ProjectId::DEFAULT, "east".parse().expect("valid"), name, spec, at).expect("a wish that keeps the rules")
}

fn read<T: Readable>(body: &Value) -> Arc<Object<T>> {
    let object: DynamicObject = serde_json::from_value(body.clone()).expect("an object");
    Arc::new(Object::read(object).expect("understood"))
}

fn text(objects: impl IntoIterator<Item = build::Wanted>) -> String {
    objects.into_iter().map(|wanted| yaml::print(&wanted.body)).collect::<Vec<_>>().join("---\n")
}

#[test]
fn the_cluster_as_it_is_applied() {
    let mut wish = wish(3);
    wish.spec.quorum = Quorum::healing(0, 2);
    wish.spec.external = true;
    wish.spec.parameters.0.insert("max_connections".into(), "200".into());
    wish.spec.storage_class = "fast".into();
    insta::assert_snapshot!(text([build::cluster(&wish, "databases", &images())]));
}

#[test]
fn users_and_databases_as_they_are_applied() {
    let wish = wish(1);
    let (groups, users) = build::roles(&wish, "databases", |group| marked(group, None));
    let secret = build::secret(&wish, "databases", &"alice".parse().expect("valid"), "SCRAM-of-alice");
    insta::assert_snapshot!(text(groups.into_iter().chain(users.into_values()).chain([secret]).chain(build::databases(&wish, "databases").into_values())));
}

#[test]
fn the_pod_monitor_as_it_is_applied() {
    insta::assert_snapshot!(text([build::monitor(&wish(1), "databases", Some("c0ffee"))]));
}

#[test]
fn everything_that_the_webhook_refuses_is_refused_before() {
    let fixed = "archive_command archive_mode cluster_name pg_failover_slots.primary_dsn pg_failover_slots.standby_slot_names port primary_conninfo primary_slot_name \
        recovery_target recovery_target_action recovery_target_inclusive recovery_target_lsn recovery_target_name recovery_target_time recovery_target_timeline \
        recovery_target_xid restore_command shared_preload_libraries ssl ssl_ca_file ssl_cert_file ssl_crl_file ssl_dh_params_file ssl_ecdh_curve ssl_key_file \
        ssl_passphrase_command ssl_passphrase_command_supports_reload ssl_prefer_server_ciphers synchronized_standby_slots synchronous_standby_names temp_tablespaces \
        allow_system_table_mods archive_cleanup_command bonjour bonjour_name config_file data_directory data_sync_retry event_source external_pid_file hba_file \
        hot_standby ident_file jit_provider listen_addresses log_destination log_directory log_file_mode log_filename log_rotation_age log_rotation_size \
        log_truncate_on_rotation logging_collector promote_trigger_file recovery_end_command recovery_min_apply_delay restart_after_crash stats_temp_directory \
        syslog_facility syslog_ident syslog_sequence_numbers syslog_split_messages unix_socket_directories unix_socket_group unix_socket_permissions";
    for name in fixed.split_whitespace() {
        assert!(domain::parameter::refusal(name, "x").is_some(), "{name}");
    }
}

/// The object as the API server keeps it, with what others filled in.
fn live(mut body: Value) -> Value {
    body["metadata"]["uid"] = "u".into();
    body["metadata"]["resourceVersion"] = "7".into();
    body["metadata"]["annotations"]["other"] = "x".into();
    if body["kind"] == "Cluster" {
        body["spec"]["postgresql"]["parameters"]["wal_level"] = "logical".into();
        body["spec"]["logLevel"] = "info".into();
    }
    body
}

/// A Cluster that says it is as wished for, and its pods.
fn healthy(wish: &Cluster) -> World {
    let mut body = live(build::cluster(wish, "databases", &images()).body);
    let names: Vec<_> = (1..=wish.spec.instances).map(|n| format!("orders-{n}")).collect();
    body["status"] = json!({
        "phase": HEALTHY, "instances": names.len(), "readyInstances": names.len(), "instanceNames": names, "currentPrimary": "orders-1",
        "targetPrimary": "orders-1", "image": "postgresql:17", "instancesStatus": { "healthy": names },
    });
    let limits = &body["spec"]["resources"]["limits"];
    let pod = |name: &String| {
        read(&json!({
            "metadata": { "name": name, "labels": { OWNER: wish.id.to_string(), "cnpg.io/podRole": "instance" } },
            "spec": { "containers": [{ "name": "postgres", "image": "postgresql:17", "resources": { "limits": limits } }] },
            "status": { "phase": "Running", "podIP": "10.0.0.1", "conditions": [{ "type": "Ready", "status": "True", "lastProbeTime": null }] },
        }))
    };
    World { pods: names.iter().map(pod).collect(), cluster: Some(read(&body)), ..World::default() }
}

fn images() -> build::Images {
    build::Images { kind: "ClusterImageCatalog", name: "postgresql".into() }
}

fn besides() -> Besides {
    Besides { outside: Outside::Unwanted, roles: true, secrets: BTreeMap::new(), unmonitored: None }
}

fn progress(wish: &Cluster, world: &World) -> Progress {
    landed::progress(wish, world.own(wish).expect("ours"), world)
}

#[test]
fn a_wish_has_landed_only_when_every_facet_of_it_has() {
    let mut wish = wish(3);
    let world = healthy(&wish);
    assert_eq!(progress(&wish, &world), Progress::Settled);
    assert!(
        observe::observed(&wish, "databases", &world, &besides(), Timestamp::UNIX_EPOCH)
            .instances
            .known()
            .expect("seen")
            .iter()
            .all(|i| i.state == InstanceState::Ready)
    );
    let mut fewer = world.clone();
    fewer.pods.pop();
    assert_eq!(
        observe::observed(&wish, "databases", &fewer, &besides(), Timestamp::UNIX_EPOCH).instances.known().expect("seen")[2].state,
        InstanceState::Starting
    );
    wish.spec.instances = 2;
    assert!(matches!(progress(&wish, &world), Progress::Working(_)), "healthy, and yet of the wish before");
    wish.spec.instances = 3;
    wish.spec.size.preset = domain::size::Preset::Large;
    assert!(matches!(progress(&wish, &world), Progress::Working(reason) if reason.code == "Restarting"));
    wish.spec.size = Default::default();
    wish.spec.power = Power::Off;
    assert!(matches!(progress(&wish, &world), Progress::Working(_)), "a healthy phase says nothing about hibernation");
}

/// What could not be read is not absent: somebody may be using that address.
#[test]
fn an_address_from_outside_that_cannot_be_read_stays_as_it_was_known() {
    let mut wish = wish(1);
    wish.spec.external = true;
    let world = healthy(&wish);
    let seen = |wish: &Cluster, outside: Outside| {
        let seen = observe::observed(wish, "databases", &world, &Besides { outside, ..besides() }, Timestamp::UNIX_EPOCH);
        let host = seen.endpoints.iter().find(|endpoint| endpoint.kind == EndpointKind::External).map(|endpoint| endpoint.host.clone());
        (host, seen.notes.first().map(|note| note.code.clone()), seen.endpoints)
    };
    let given = seen(&wish, Outside::Given("192.0.2.7".into()));
    assert_eq!((given.0.as_deref(), given.1), (Some("192.0.2.7"), None));
    let unseen = || Outside::Unseen("no answer within 5 s".into());
    assert_eq!(seen(&wish, unseen()).0, None, "nothing was known");
    wish.status.endpoints = given.2;
    let known = seen(&wish, unseen());
    assert_eq!((known.0.as_deref(), known.1.as_deref()), (Some("192.0.2.7"), Some("ExternalAddressUnseen")));
    let awaited = seen(&wish, Outside::Awaited);
    assert_eq!((awaited.0, awaited.1.as_deref()), (None, Some("NoExternalAddress")), "it was taken back");
}

/// An operator of before 1.28.1 deletes whichever PodMonitor has the name of a Cluster, and any deletes one that a Cluster controls.
#[test]
fn no_operator_takes_the_pod_monitor_for_its_own() {
    let wanted = build::monitor(&wish(1), "databases", Some("u"));
    assert!(wanted.name.parse::<ClusterName>().is_err(), "{} could be a cluster", wanted.name);
    assert!(wanted.body["metadata"]["ownerReferences"][0].get("controller").is_none());
}

#[test]
fn a_pod_monitor_needs_nothing_until_somebody_changes_it_or_the_cluster_is_another() {
    let wish = wish(1);
    let needs = |uid: &str, live: &Value| {
        let there = read::<crd::Monitor>(live);
        need(&wish, &build::monitor(&wish, "databases", Some(uid)), Some((&there.meta, &there.body.spec)))
    };
    let there = live(build::monitor(&wish, "databases", Some("u")).body);
    assert_eq!((needs("u", &there), needs("v", &there)), (Ok(Need::Nothing), Ok(Need::Apply)));
    let mut edited = there.clone();
    edited["spec"]["selector"]["matchLabels"]["cnpg.io/cluster"] = "bills".into();
    assert_eq!(needs("u", &edited), Ok(Need::Apply));
    let mut theirs = there;
    theirs["metadata"]["labels"] = json!({ "release": "prometheus" });
    theirs["metadata"]["annotations"] = json!({});
    let world = World { monitor: Monitor::Seen(Some(read(&theirs))), ..healthy(&wish) };
    let seen = observe::observed(&wish, "databases", &world, &besides(), Timestamp::UNIX_EPOCH);
    assert!(seen.notes[0].code == "PodMonitor" && seen.notes[0].message.contains("orders.metrics that this portal did not make"), "{:?}", seen.notes);
}

#[test]
fn the_mark_on_a_cluster_is_a_change_of_its_own() {
    let wish = wish(1);
    let plain = || build::cluster(&wish, "databases", &images());
    let (marked, there) = (plain().monitored(), |wanted: build::Wanted| read::<crd::Cluster>(&live(wanted.body)));
    let needs = |wanted: &build::Wanted, there: &Object<crd::Cluster>| need(&wish, wanted, Some((&there.meta, &there.body.spec)));
    assert_eq!((needs(&marked, &there(plain())), needs(&marked, &there(marked.clone()))), (Ok(Need::Apply), Ok(Need::Nothing)));
    assert_eq!(needs(&plain(), &there(marked.clone())), Ok(Need::Apply), "the mark goes");
}

/// The annotation is of the wish; the Secret that the operator took is of what is there.
#[test]
fn a_new_password_is_not_called_there_before_the_operator_has_taken_it() {
    let wish = wish(1);
    let alice: domain::RoleName = "alice".parse().expect("valid");
    let mut body = live(build::roles(&wish, "databases", |_| String::new()).1[&alice].body.clone());
    body["metadata"]["generation"] = 1.into();
    body["status"] = json!({ "applied": true, "observedGeneration": 1, "secretResourceVersion": "40" });
    let world = World { roles: vec![read(&body)], ..healthy(&wish) };
    let version = |found: &str| {
        let besides = Besides { secrets: [(alice.clone(), found.to_owned())].into(), ..besides() };
        let seen = observe::observed(&wish, "databases", &world, &besides, Timestamp::UNIX_EPOCH);
        seen.inside.known().expect("seen").users[&alice].clone()
    };
    assert_eq!((version("40"), version("41")), (Item::Active { password_version: 2 }, Item::Active { password_version: 1 }));
}

#[test]
fn a_switchover_is_asked_for_once_and_only_of_a_healthy_cluster() {
    let mut wish = wish(3);
    let world = healthy(&wish);
    let own = |world: &World| world.own(&wish).expect("ours").clone();
    let object = own(&world);
    wish.spec.switchover = Some(Switchover { to: 3, serial: 1 });
    assert!(
        matches!(act::next(&wish, &object, &world), act::Next::Switch(patch, ..) if patch["status"]["targetPrimary"] == "orders-3" && patch["metadata"]["resourceVersion"] == "7")
    );
    let mut done = object.clone();
    done.meta.annotations.insert(build::SWITCHOVER.into(), "1".into());
    assert_eq!(act::next(&wish, &done, &world), act::Next::Nothing);
    let mut moving = object.clone();
    moving.body.status.phase = "Failing over".into();
    assert!(matches!(act::next(&wish, &moving, &world), act::Next::Wait(_)));
    wish.spec.switchover = Some(Switchover { to: 9, serial: 1 });
    assert!(matches!(act::next(&wish, &object, &world), act::Next::Refuse(_)));
}

#[test]
fn what_is_somebody_elses_is_refused_and_what_was_taken_over_is_ours_once() {
    let mut wish = wish(1);
    let wanted = build::cluster(&wish, "databases", &images());
    let there = read::<crd::Cluster>(&live(wanted.body.clone()));
    let theirs = Meta { labels: Default::default(), ..there.meta.clone() };
    assert!(need(&wish, &wanted, Some((&theirs, &there.body.spec))).is_err());
    wish.spec.takeovers = 1;
    let wanted = build::cluster(&wish, "databases", &images());
    assert_eq!(need(&wish, &wanted, Some((&there.meta, &there.body.spec))), Ok(Need::TakeOver));
    let taken = read::<crd::Cluster>(&live(wanted.body.clone()));
    assert_eq!(need(&wish, &wanted, Some((&taken.meta, &taken.body.spec))), Ok(Need::Nothing));
}

proptest! {
    #[test]
    fn what_was_applied_needs_nothing_and_a_changed_field_does(instances in 1u8..9, max in 0u8..9, paused: bool, memory in 1u64..64) {
        let mut wish = wish(instances);
        wish.spec.quorum = Quorum::healing(0, max.min(instances - 1));
        wish.spec.power = if paused { Power::Off } else { Power::On };
        wish.spec.size.memory = Some(domain::quantity::Bytes::mib(memory * 128));
        let wanted = build::cluster(&wish, "databases", &images());
        prop_assert_eq!(&wanted, &build::cluster(&wish, "databases", &images()));
        let there = read::<crd::Cluster>(&live(wanted.body.clone()));
        prop_assert_eq!(need(&wish, &wanted, Some((&there.meta, &there.body.spec))), Ok(Need::Nothing));
        let mut edited = live(wanted.body.clone());
        edited["spec"]["instances"] = (instances + 1).into();
        let there = read::<crd::Cluster>(&edited);
        prop_assert_eq!(need(&wish, &wanted, Some((&there.meta, &there.body.spec))), Ok(Need::Apply));
    }

    #[test]
    fn whatever_the_operator_says_is_never_taken_for_a_wish_that_has_landed(phase in "[A-Za-z ]{0,40}", ready in 0i64..5, current in "orders-[1-4]", target in "(orders-[1-4]|pending)?") {
        let wish = wish(3);
        let mut world = healthy(&wish);
        let mut object = world.own(&wish).expect("ours").clone();
        (object.body.status.phase, object.body.status.ready_instances) = (phase.clone(), ready);
        (object.body.status.current_primary, object.body.status.target_primary) = (current, target);
        world.cluster = Some(Arc::new(object));
        prop_assert!(phase == HEALTHY || progress(&wish, &world) != Progress::Settled);
        let seen = observe::observed(&wish, "databases", &world, &besides(), Timestamp::UNIX_EPOCH);
        prop_assert_eq!(seen.instances.known().map(Vec::len), Some(3), "pods that are there are seen, whatever the phase");
    }

    #[test]
    fn two_names_never_share_an_object(a in "[a-zA-Z_][a-zA-Z0-9_$]{0,20}", b in "[a-zA-Z_][a-zA-Z0-9_$]{0,20}") {
        let wish = wish(1);
        let (one, other) = (build::object_name(&wish, &a), build::object_name(&wish, &b));
        prop_assert_eq!(a == b, one == other);
        prop_assert!(one.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') && !one.ends_with('-'));
    }
}
