//! Laws of what is written: reached by one patch, and nothing is written twice, whoever did what to the object before.

use super::{
    build::{self, LOCKED},
    chart::Chart,
    check,
    crd::Postgres,
    mark::Mark,
    patch::{patch, whole},
};
use crate::{
    engine::{
        Verifiers,
        kube::object::{OWNER, Object, Readable},
    },
    secret::Verifier,
};
use domain::{
    Cluster, ClusterId, PlaceName, ProjectId, RoleName, Spec, Timestamp, Uuid,
    database::{Database, Grants},
    name::Description,
    parameter::Parameters,
    quantity::Bytes,
    quorum::Quorum,
    topology::Topology,
    user::User,
    version::Major,
};
use proptest::{option, prelude::*, sample::subsequence};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const USERS: [&str; 4] = ["alice", "bob", "carol", "Dave"];
const DATABASES: [&str; 3] = ["shop", "blog", "Archive"];

fn cluster(users: &[(&str, u32)], databases: &[(&str, Vec<&str>)], shape: (u8, u64, bool, Option<&str>)) -> Cluster {
    let name = "orders".parse().expect("a name");
    let mut spec = Spec::new(&name, Major::V17);
    let (instances, gib, external, work_mem) = shape;
    (spec.instances, spec.topology, spec.storage, spec.external) = (instances, Topology::Replicated, Bytes::gib(gib), external);
    spec.quorum = Quorum::healing(0, instances - 1);
    spec.parameters = Parameters(work_mem.map(|value| ("work_mem".to_owned(), value.to_owned())).into_iter().collect());
    for (user, version) in users {
        spec.users.insert(user.parse().expect("a name"), self::user(*version));
    }
    for (database, members) in databases {
        let members = members.iter().filter(|member| users.iter().any(|(user, _)| user == *member)).map(|member| member.parse().expect("a name"));
        spec.databases.insert(database.parse().expect("a name"), self::database(members.collect()));
    }
    Cluster::create(ClusterId(Uuid::from_u128(7)), ProjectId::DEFAULT, PlaceName::local(), name, spec, Timestamp::UNIX_EPOCH).expect("a valid wish")
}

fn user(version: u32) -> User {
    let (at, description) = (Timestamp::UNIX_EPOCH, Description::default());
    User { id: Uuid::nil(), replication: version == 2, password_version: version, description, created_at: at, updated_at: at }
}

fn database(admin: BTreeSet<RoleName>) -> Database {
    Database {
        id: Uuid::nil(),
        owner: None,
        roles: Grants { admin, readonly: BTreeSet::new() },
        extensions: ["hstore", "uuid-ossp"].map(|name| name.parse().expect("a name")).into(),
        description: Description::default(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

/// With that many more users, each with a database of its own.
fn crowded(mut cluster: Cluster, more: usize) -> Cluster {
    for n in 0..more {
        let name: RoleName = format!("tenant_{n}").parse().expect("a name");
        cluster.spec.databases.insert(format!("of_tenant_{n}").parse().expect("a name"), database([name.clone()].into()));
        cluster.spec.users.insert(name, user(1));
    }
    cluster
}

fn verifiers(cluster: &Cluster) -> Verifiers {
    let verifier = |version| Verifier { version, scram: format!("SCRAM-SHA-256$4096:{version}") };
    cluster.spec.users.iter().map(|(name, user)| (name.clone(), verifier(user.password_version))).collect()
}

fn any_cluster() -> impl Strategy<Value = Cluster> {
    let users = subsequence(USERS.to_vec(), 0..=USERS.len()).prop_flat_map(|names| names.into_iter().map(|name| (Just(name), 1u32..4)).collect::<Vec<_>>());
    let members = || subsequence(USERS.to_vec(), 0..=2);
    let databases =
        subsequence(DATABASES.to_vec(), 0..=3).prop_flat_map(move |names| names.into_iter().map(|name| (Just(name), members())).collect::<Vec<_>>());
    let shape = (1u8..4, 1u64..4, any::<bool>(), option::of(prop_oneof![Just("4MB"), Just("8MB")]));
    // What is remembered of forty is longer than what tools may keep in an annotation.
    let more = prop_oneof![3 => Just(0), 1 => Just(40)];
    (users, databases, shape, more).prop_map(|(users, databases, shape, more)| crowded(cluster(&users, &databases, shape), more))
}

/// What somebody may have written into the object by hand.
fn any_edit() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        Just(json!({"users": {"mallory": {"password": "clear"}}})),
        Just(json!({"users": {"alice": {"password": "clear", "replication": true}, "bob": null}})),
        Just(json!({"databases": {"theirs": {"roles": {"admin": ["mallory"]}}, "shop": null}})),
        Just(json!({"databases": {"blog": {"extensions": ["citext"]}}})),
        Just(json!({"users": null, "postgresql": null})),
        Just(json!({"replicas": 7, "external": true, "resources": {"cpu": "9"}, "postgresql": {"parameters": {"work_mem": 12, "jit": "off"}}})),
        Just(json!({"resourcesPreset": "micro", "quorum": {"maxSyncReplicas": 5}})),
    ];
    proptest::collection::vec(part, 0..3).prop_map(|parts| parts.iter().fold(json!({}), |all, part| merged(&all, part)))
}

/// RFC 7386, as the API applies it.
fn merged(there: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut all = there.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        match value {
            Value::Null => drop(all.remove(key)),
            value => drop(all.insert(key.clone(), merged(all.get(key).unwrap_or(&Value::Null), value))),
        }
    }
    Value::Object(all)
}

/// As it is read from the API.
fn object(body: &Value) -> Object<Postgres> {
    let mut whole = json!({"apiVersion": Postgres::KIND.api_version(), "kind": Postgres::KIND.kind, "metadata": {"name": "orders"}});
    whole = merged(&whole, body);
    Object::read(serde_json::from_value(whole).expect("an object")).expect("a Postgres")
}

fn wish(cluster: &Cluster, there: Option<&Object<Postgres>>) -> Value {
    build::wish(cluster, &verifiers(cluster), &Chart::assumed(), there).expect("all passwords are known")
}

fn created(cluster: &Cluster) -> Value {
    whole(&wish(cluster, None))
}

/// As [`created`], without what the portal only remembers.
fn decided(cluster: &Cluster) -> Value {
    json!({"spec": created(cluster)["spec"]})
}

/// What one pass makes of an object.
fn changed(there: &Value, cluster: &Cluster) -> Value {
    match patch(there, &wish(cluster, Some(&object(there)))) {
        Some(change) => merged(there, &change),
        None => there.clone(),
    }
}

fn keys(body: &Value, path: &str) -> Vec<String> {
    body.pointer(path).and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
}

proptest! {
    #[test]
    fn one_patch_reaches_a_wish_and_then_nothing_is_written(first in any_cluster(), second in any_cluster(), edit in any_edit()) {
        let there = merged(&created(&first), &json!({"spec": edit}));
        let after = changed(&there, &second);
        prop_assert_eq!(patch(&after, &wish(&second, Some(&object(&after)))), None);
        // What is decided is there, whatever was there before.
        prop_assert_eq!(patch(&after, &decided(&second)), None);
        prop_assert_eq!(changed(&created(&first), &first), created(&first));
    }

    #[test]
    fn only_what_the_portal_put_there_is_taken_away(first in any_cluster(), second in any_cluster(), edit in any_edit()) {
        let there = merged(&created(&first), &json!({"spec": edit}));
        let after = changed(&there, &second);
        let ours = Mark::read(&object(&there).meta);
        for database in keys(&there, "/spec/databases") {
            let wished = keys(&created(&second), "/spec/databases").contains(&database);
            let stays = after.pointer("/spec/databases").is_some_and(|all| all.get(&database).is_some());
            prop_assert_eq!(stays, wished || !ours.databases.contains(&database), "{}", database);
        }
        for user in keys(&there, "/spec/users") {
            let still = &after["spec"]["users"][&user];
            let wished = keys(&created(&second), "/spec/users").contains(&user);
            if !wished && ours.users.contains_key(&user) {
                prop_assert_eq!(&still["password"], LOCKED);
            } else if !wished {
                prop_assert_eq!(still, &there["spec"]["users"][&user]);
            }
        }
    }

    #[test]
    fn a_user_that_left_has_no_rights_and_comes_back_with_his_own_password(first in any_cluster(), second in any_cluster()) {
        let after = changed(&created(&first), &second);
        for database in keys(&after, "/spec/databases") {
            for member in after["spec"]["databases"][&database]["roles"]["admin"].as_array().into_iter().flatten() {
                prop_assert!(second.spec.users.keys().any(|user| user.as_str() == member));
            }
        }
        prop_assert_eq!(patch(&changed(&after, &first), &decided(&first)), None);
    }
}

#[test]
fn an_object_carries_the_owner_and_what_the_portal_put_there() {
    let cluster = cluster(&[("alice", 1), ("bob", 2)], &[("shop", vec!["alice"])], (2, 10, false, Some("8MB")));
    assert_eq!(created(&cluster)["metadata"]["labels"][OWNER], cluster.id.to_string());
    insta::assert_snapshot!(serde_json::to_string_pretty(&created(&cluster)).expect("JSON"));
}

#[test]
fn an_extension_brings_along_what_it_needs() {
    let mut cluster = cluster(&[], &[("shop", vec![])], (1, 10, false, None));
    cluster.spec.databases.values_mut().for_each(|database| database.extensions = ["earthdistance".parse().expect("a name")].into());
    assert_eq!(created(&cluster)["spec"]["databases"]["shop"]["extensions"], json!(["cube", "earthdistance"]));
}

#[test]
fn memory_is_shared_out_by_the_size() {
    let mut cluster = cluster(&[], &[], (1, 10, false, Some("7MB")));
    cluster.spec.size = domain::size::Size { preset: domain::size::Preset::Nano, ..cluster.spec.size };
    let parameters = &created(&cluster)["spec"]["postgresql"]["parameters"];
    assert_eq!((&parameters["shared_buffers"], &parameters["work_mem"]), (&json!("32MB"), &json!("7MB")));
}

#[test]
fn people_see_no_passwords() {
    let cluster = cluster(&[("alice", 1)], &[("shop", vec!["alice"])], (1, 10, true, None));
    let yaml = build::yaml(&cluster, "tenant-a", &Chart::assumed());
    assert!(!yaml.contains("SCRAM") && !yaml.contains("password"), "{yaml}");
    insta::assert_snapshot!(yaml);
}

#[test]
fn what_would_fail_late_is_said_before() {
    let refused = |change: &dyn Fn(&mut Cluster)| {
        let mut cluster = cluster(&[("alice", 1)], &[("shop", vec!["alice"])], (2, 10, false, None));
        change(&mut cluster);
        check::refusal(&cluster, &Chart::assumed(), &["file".into()], None).map(|reason| reason.message)
    };
    let user = |name: &str| {
        let name = name.parse().expect("a name");
        refused(&move |cluster| {
            let user = cluster.spec.users.values().next().cloned().expect("alice");
            cluster.spec.users.insert(std::clone::Clone::clone(&name), user);
        })
    };
    let database = |name: &str| {
        let name = name.parse().expect("a name");
        refused(&move |cluster| {
            let database = cluster.spec.databases.values().next().cloned().expect("shop");
            cluster.spec.databases.insert(std::clone::Clone::clone(&name), database);
        })
    };
    let parameter = |name: &str, value: &str| refused(&|cluster| drop(cluster.spec.parameters.0.insert(name.into(), value.into())));
    let extension = |name: &str| {
        let name: domain::name::ExtensionName = name.parse().expect("a name");
        refused(&|cluster| cluster.spec.databases.values_mut().for_each(|database| database.extensions.extend([name.clone()])))
    };
    let all = [
        refused(&|_| {}),
        refused(&|cluster| cluster.spec.power = domain::spec::Power::Off),
        refused(&|cluster| cluster.spec.quorum = Quorum::strict(1)),
        refused(&|cluster| cluster.spec.storage_class = "fast".into()),
        user("a$b"),
        user("app"),
        user("Eve"),
        database(&"d".repeat(54)),
        database(&"d".repeat(55)),
        extension("earthdistance"),
        extension("timescaledb"),
        extension("pgaudit"),
        parameter("shared_buffers", "300MB"),
        parameter("shared_buffers", "16384"),
        parameter("max_wal_size", "10GB"),
        parameter("archive_command", "true"),
        refused(&|cluster| {
            let database = cluster.spec.databases.values().next().cloned().expect("shop");
            (0..150).for_each(|n| drop(cluster.spec.databases.insert(format!("d{n}").parse().expect("a name"), database.clone())));
        }),
    ];
    insta::assert_snapshot!(all.map(|message| message.unwrap_or_else(|| "-".into())).join("\n"));
}
