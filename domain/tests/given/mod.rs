//! Arbitrary wishes, changes and looks.

use domain::{
    Change, Confirm, DatabaseName, RoleName, Spec, Timestamp, Uuid,
    database::{Database, Grants},
    observed::{Inside, Observed, Seen},
    parameter::Parameters,
    quantity::{Bytes, Cpu},
    quorum::Quorum,
    size::{Preset, Size},
    spec::{Power, Switchover},
    status::{InstanceRole, InstanceState, InstanceStatus, Item},
    topology::Topology,
    user::User,
    version::Major,
    vitals::Sync,
};
use proptest::{prelude::*, sample::select};
use std::collections::BTreeMap;

fn names<T>(all: &'static [&'static str]) -> impl Strategy<Value = T> + Clone
where
    T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug + Clone + 'static,
{
    select(all).prop_map(|text| text.parse().expect("a valid name"))
}

fn role() -> impl Strategy<Value = RoleName> + Clone {
    names(&["app", "Batch$1", "null", "yes", "_x"])
}

fn database_name() -> impl Strategy<Value = DatabaseName> + Clone {
    names(&["orders", "Sales", "true", "d_0123456789012345678901234567890123456789012345678901234567890"])
}

fn user() -> impl Strategy<Value = User> {
    (any::<u128>(), any::<bool>(), 1u32..4, "\\PC{0,20}").prop_map(|(id, replication, password_version, words)| User {
        id: Uuid::from_u128(id),
        replication,
        password_version,
        description: words.parse().unwrap_or_default(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    })
}

fn size() -> impl Strategy<Value = Size> {
    (select(&Preset::ALL[..]), prop::option::of(100u32..4000), prop::option::of(128u64..4096)).prop_map(|(preset, cpu, memory)| Size {
        preset,
        cpu: cpu.map(Cpu::millis),
        memory: memory.map(Bytes::mib),
    })
}

fn quorum() -> impl Strategy<Value = Quorum> {
    prop_oneof![(0u8..4).prop_map(Quorum::strict), (0u8..4, 0u8..4).prop_map(|(min, max)| Quorum::healing(min, max))]
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let value = prop_oneof!["[0-9]{1,3}", "[a-zA-Z0-9 ,:'\"#_-]{0,12}"];
    prop::collection::btree_map(
        select(&["work_mem", "max_connections", "fsync", "log_statement", "a.b", "shared_preload_libraries"][..]).prop_map(String::from),
        value,
        0..3,
    )
    .prop_map(Parameters)
}

fn grants(users: Vec<RoleName>) -> impl Strategy<Value = Grants> {
    prop::collection::vec(0u8..3, users.len()).prop_map(move |kinds| {
        let of = |kind| users.iter().zip(&kinds).filter(|(_, k)| **k == kind).map(|(u, _)| u.clone()).collect();
        Grants { admin: of(1), readonly: of(2) }
    })
}

fn database(users: Vec<RoleName>) -> impl Strategy<Value = Database> {
    let owner = if users.is_empty() { Just(None).boxed() } else { prop::option::of(select(users.clone())).boxed() };
    (any::<u128>(), owner, grants(users), prop::collection::btree_set(names(&["hstore", "uuid-ossp", "pgcrypto"]), 0..3)).prop_map(
        |(id, owner, roles, extensions)| Database {
            id: Uuid::from_u128(id),
            owner,
            roles,
            extensions,
            description: Default::default(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        },
    )
}

fn databases(users: &BTreeMap<RoleName, User>) -> impl Strategy<Value = BTreeMap<DatabaseName, Database>> + use<> {
    prop::collection::btree_map(database_name(), database(users.keys().cloned().collect()), 0..3)
}

/// Any wish that keeps the rules.
pub fn spec() -> impl Strategy<Value = Spec> {
    let shape = (1u8..6, any::<bool>(), size(), 8u64..64, quorum(), any::<bool>(), any::<bool>(), select(&Major::ALL[..]));
    let words = (
        "\\PC{1,30}",
        "\\PC{0,30}",
        prop::collection::btree_map("[a-z]{1,8}", "[a-zA-Z0-9._-]{0,8}", 0..3),
        prop::option::of((1u8..6, 1u32..4)),
        (0u32..3, 0u32..3),
    );
    let people = prop::collection::btree_map(role(), user(), 0..4).prop_flat_map(|users| (databases(&users), Just(users)));
    (shape, words, people, parameters()).prop_filter_map("keeps the rules", |(shape, words, (databases, users), parameters)| {
        let (instances, replicated, size, gib, quorum, external, on, version) = shape;
        let (title, description, labels, switchover, (restarts, takeovers)) = words;
        let mut spec = Spec::new(&"orders".parse().ok()?, version);
        spec.title = title.parse().unwrap_or(spec.title);
        spec.description = description.parse().unwrap_or_default();
        spec.topology = if replicated { Topology::Replicated } else { Topology::for_instances(instances) };
        spec.switchover = switchover.map(|(to, serial)| Switchover { to, serial });
        spec.power = if on { Power::On } else { Power::Off };
        let spec = Spec { labels, instances, size, storage: Bytes::gib(gib), quorum, external, restarts, takeovers, users, databases, parameters, ..spec };
        spec.check().is_empty().then_some(spec)
    })
}

/// Any change, sensible or not.
pub fn change() -> impl Strategy<Value = Change> {
    let confirm = prop_oneof![Just(Confirm::Addressed), select(&["orders", "Sales", "nothing"][..]).prop_map(|t| Confirm::Typed(t.into()))];
    prop_oneof![
        (0u8..20).prop_map(|instances| Change::Scale { instances }),
        size().prop_map(|size| Change::Resize { size }),
        (0u64..2000).prop_map(|gib| Change::Grow { storage: Bytes::gib(gib) }),
        quorum().prop_map(|quorum| Change::SetQuorum { quorum }),
        (0u8..20).prop_map(|to| Change::Switchover { to }),
        any::<bool>().prop_map(|on| Change::SetPower { power: if on { Power::On } else { Power::Off } }),
        Just(Change::Restart),
        Just(Change::TakeOver),
        parameters().prop_map(|parameters| Change::SetParameters { parameters }),
        (any::<u128>(), role(), any::<bool>()).prop_map(|(id, name, replication)| Change::AddUser {
            id: Uuid::from_u128(id),
            name,
            replication,
            description: Default::default()
        }),
        role().prop_map(|name| Change::RemoveUser { name }),
        role().prop_map(|name| Change::RotatePassword { name }),
        (any::<u128>(), database_name(), prop::option::of(role())).prop_map(|(id, name, owner)| Change::AddDatabase {
            id: Uuid::from_u128(id),
            name,
            owner,
            roles: Grants::default(),
            extensions: Default::default(),
            description: Default::default()
        }),
        (database_name(), confirm).prop_map(|(name, confirm)| Change::RemoveDatabase { name, confirm }),
        (spec(), prop::collection::btree_set(database_name(), 0..2)).prop_map(|(spec, allow_drop)| Change::Replace { spec: Box::new(spec), allow_drop }),
    ]
}

/// A primary that answers.
pub fn primary() -> InstanceStatus {
    InstanceStatus {
        ordinal: 1,
        name: "orders-1".into(),
        role: InstanceRole::Primary,
        state: InstanceState::Ready,
        host: "127.0.0.1".into(),
        port: 20000,
        sync: Sync::Async,
        started_at: None,
    }
}

fn instance() -> impl Strategy<Value = InstanceStatus> {
    let state = prop_oneof![
        8 => Just(InstanceState::Ready),
        1 => Just(InstanceState::Starting),
        1 => Just(InstanceState::Stopped),
        1 => Just(InstanceState::Failed("gone".into())),
        1 => Just(InstanceState::Unknown("no answer".into())),
    ];
    (1u8..7, any::<bool>(), state).prop_map(|(ordinal, is_primary, state)| InstanceStatus {
        ordinal,
        role: if is_primary { InstanceRole::Primary } else { InstanceRole::Replica },
        state,
        ..primary()
    })
}

/// Any look at a cluster.
pub fn observed() -> impl Strategy<Value = Observed> {
    let instances = prop_oneof![9 => prop::collection::vec(instance(), 0..5).prop_map(Seen::Known), 1 => Just(Seen::Unknown("no answer".into()))];
    let item = prop_oneof![4 => (1u32..4).prop_map(|password_version| Item::Active { password_version }), 1 => Just(Item::Error("no".into()))];
    let users = prop::collection::btree_map(role(), item.clone(), 0..4);
    let databases = prop::collection::btree_map(database_name(), item, 0..4);
    let inside = prop_oneof![
        9 => (users, databases).prop_map(|(users, databases)| Seen::Known(Inside { users, databases, ..Inside::default() })),
        1 => Just(Seen::Unknown("no answer".into())),
    ];
    (instances, inside).prop_map(|(instances, inside)| Observed { instances, endpoints: vec![], inside, notes: vec![] })
}
