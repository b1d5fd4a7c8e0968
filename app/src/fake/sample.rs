//! Clusters as they are in every state of their life, for tests of pages and for looking at them.

use domain::{
    Change, Cluster, ClusterId, ProjectId, Spec, Timestamp, Uuid,
    database::Grants,
    event::{Event, Kind},
    name::Description,
    parameter::Parameters,
    quantity::Bytes,
    quorum::Quorum,
    size::{Preset, Size},
    spec::Power,
    status::{Condition, Endpoint, EndpointKind, InstanceRole, InstanceState, InstanceStatus, Item, Phase, Reason, Status, kinds},
    version::Major,
    vitals::{Lag, Sync, Usage, Vitals},
};
use std::collections::BTreeSet;

/// The time of every sample, in seconds since the epoch.
pub const NOW: i64 = 1_795_000_000;

/// `seconds` after the time of the samples.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn id() -> ClusterId {
    ClusterId(Uuid::from_u128(0x0bde_0000_0000_4000_8000_0000_0000_0001))
}

fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a sample's name is valid")
}

/// Three users and two databases, three instances, quorum one to two; saved just now, nobody looked yet.
pub fn new() -> Cluster {
    let mut spec = Spec::new(&name("orders"), Major::V17);
    spec.size = Size { preset: Preset::Large, ..Size::default() };
    spec.storage = Bytes::gib(100);
    let uuid = |n| Uuid::from_u128(n);
    let user = |n: u128, who: &str, replication: bool, what: &str| Change::AddUser {
        id: uuid(n),
        name: name(who),
        replication,
        description: name::<Description>(what),
    };
    let database = |n: u128, which: &str, owner: &str, reads: &str, extensions: &[&str]| Change::AddDatabase {
        id: uuid(n),
        name: name(which),
        owner: (!owner.is_empty()).then(|| name(owner)),
        roles: Grants { admin: BTreeSet::new(), readonly: BTreeSet::from([name(reads)]) },
        extensions: extensions.iter().map(|e| name(e)).collect(),
        description: Description::default(),
    };
    let changes = [
        Change::Scale { instances: 3 },
        Change::SetQuorum { quorum: Quorum::healing(1, 2) },
        Change::SetParameters { parameters: Parameters([("max_connections", "200"), ("work_mem", "16MB")].map(|(k, v)| (k.into(), v.into())).into()) },
        user(11, "app", false, "Shop back end"),
        user(12, "cdc", true, "Change capture"),
        user(13, "reporting", false, ""),
        database(21, "analytics", "", "reporting", &["hstore"]),
        database(22, "orders", "app", "reporting", &["pgcrypto", "uuid-ossp"]),
    ];
    let spec = spec.apply(changes, at(-86_400)).expect("a sample keeps the rules");
    Cluster::create(id(), ProjectId::DEFAULT, domain::PlaceName::local(), name("orders"), spec, at(-86_400)).expect("a sample keeps the rules")
}

fn instance(ordinal: u8, role: InstanceRole, state: InstanceState) -> InstanceStatus {
    let sync = if role == InstanceRole::Replica { Sync::Quorum } else { Sync::Async };
    InstanceStatus {
        ordinal,
        name: format!("orders-{ordinal}"),
        role,
        state,
        host: "127.0.0.1".into(),
        port: 15_000 + u16::from(ordinal),
        sync,
        started_at: Some(at(-3_600)),
    }
}

fn condition(kind: &str, holds: Option<bool>, code: &str, message: &str) -> Condition {
    Condition { kind: kind.into(), holds, reason: Reason::new(code, message), since: at(-3_600) }
}

/// Everything asked for is there and answers; one role and one database were made by hand.
pub fn ready() -> Cluster {
    let mut cluster = new();
    let endpoint = |kind, tail: &str, port| Endpoint { kind, name: format!("orders-{tail}"), host: "127.0.0.1".into(), port };
    cluster.status = Status {
        reached: Some(cluster.updated_at),
        generation: 1,
        phase: Phase::Ready,
        reason: None,
        conditions: vec![
            condition(kinds::READY, Some(true), "AsWished", "Everything asked for is there and answers."),
            condition(kinds::INSTANCES, Some(true), "Counted", "3 of 3 ready."),
            condition(kinds::QUORUM, Some(true), "Counted", "Replicas that can confirm: 2; asked for: 2."),
            condition(kinds::INSIDE, Some(true), "Compared", "All users and databases are applied."),
            condition(kinds::PARAMETERS, Some(true), "InEffect", "All parameters are in effect."),
        ],
        instances: vec![
            instance(1, InstanceRole::Primary, InstanceState::Ready),
            instance(2, InstanceRole::Replica, InstanceState::Ready),
            instance(3, InstanceRole::Replica, InstanceState::Ready),
        ],
        endpoints: vec![endpoint(EndpointKind::Rw, "rw", 15_100), endpoint(EndpointKind::Ro, "ro", 15_101)],
        users: cluster.spec.users.keys().map(|user| (user.clone(), Item::Active { password_version: 1 })).collect(),
        databases: cluster.spec.databases.keys().map(|database| (database.clone(), Item::Active { password_version: 0 })).collect(),
        foreign_users: vec!["by_hand".into()],
        foreign_databases: vec!["scratch".into()],
        since: Some(at(-3_600)),
        engine: "local".into(),
    };
    cluster.revision = 7;
    cluster
}

/// The same cluster under another name and id.
pub fn named(cluster: Cluster, other: &str, n: u128) -> Cluster {
    Cluster { id: ClusterId(Uuid::from_u128(n)), name: name(other), ..cluster }
}

/// [`ready`] without a user or a database.
pub fn bare() -> Cluster {
    let mut cluster = ready();
    cluster.spec.users.clear();
    cluster.spec.databases.clear();
    cluster.status.users.clear();
    cluster.status.databases.clear();
    cluster.status.foreign_users.clear();
    cluster.status.foreign_databases.clear();
    cluster
}

/// A wish was saved that is not reached yet; one of its users cannot be applied.
pub fn changing() -> Cluster {
    let mut cluster = ready();
    cluster.generation = 2;
    cluster.spec.instances = 4;
    cluster.status.phase = Phase::Changing;
    cluster.status.reason = Some(Reason::new("Cloning", "orders-4 is copied from orders-1."));
    cluster.status.users.insert(name("cdc"), Item::Error("The role is a superuser made by hand.".into()));
    cluster.status.instances.push(instance(4, InstanceRole::Replica, InstanceState::Creating));
    cluster
}

/// A replica is gone, and it takes longer than it should.
pub fn degraded() -> Cluster {
    let mut cluster = ready();
    cluster.status.phase = Phase::Degraded;
    cluster.status.reason = Some(Reason::new("InstanceNotReady", "orders-3: the disk is full. Free some space."));
    cluster.status.instances[2].state = InstanceState::Failed("the disk is full. Free some space.".into());
    cluster.status.conditions[0] = condition(kinds::READY, Some(false), "InstanceNotReady", "orders-3: the disk is full. Free some space.");
    cluster.status.conditions[1] = condition(kinds::INSTANCES, Some(false), "Counted", "2 of 3 ready.");
    cluster.status.conditions.push(condition(
        kinds::BLOCKED,
        Some(true),
        "DiskFull",
        "The disk under orders-3 is full. Free some space; it goes on by itself.",
    ));
    cluster.status.conditions.push(condition(kinds::LIMITS, Some(false), kinds::LIMITS, "Limits of processor and memory are not enforced on this machine."));
    cluster
}

/// Stopped on purpose.
pub fn paused() -> Cluster {
    let mut cluster = ready();
    cluster.spec.power = Power::Off;
    cluster.status.phase = Phase::Paused;
    cluster.status.instances.iter_mut().for_each(|instance| instance.state = InstanceState::Stopped);
    cluster.status.conditions = vec![condition(kinds::READY, Some(false), "Paused", "Paused on purpose.")];
    cluster
}

/// Measurements of [`ready`]: the third instance is unknown.
pub fn vitals() -> Vitals {
    Vitals {
        cluster: id(),
        at: at(0),
        primary: Some(1),
        replicas: vec![Lag { ordinal: 2, bytes: 48 << 10, seconds: 0.12, silent: Some(0.4), state: "streaming".into(), sync: Sync::Quorum }],
        connections: Some((74, 200)),
        transactions: Some(1_240.4),
        wal: Some(3_565_158.0),
        usage: vec![Usage { ordinal: 1, cpu: Some(0.92), memory: Some(1_524_713_390), disk: Some(62 << 30) }],
    }
}

/// Four events of [`ready`], newest first.
pub fn events() -> Vec<Event> {
    let event = |n, seconds, kind, title: &str, text: &str, actor: Option<&str>| Event {
        id: n,
        cluster: id(),
        at: at(seconds),
        kind,
        title: title.into(),
        text: text.into(),
        actor: actor.map(Into::into),
    };
    vec![
        event(4, -240, Kind::Good, "Ready", "Everything asked for is there and answers.", None),
        event(3, -900, Kind::Asked, "User reporting added", "", Some("ada")),
        event(2, -5_400, Kind::Warning, "orders-3 does not follow the primary", "Cleared after 2 min.", None),
        event(1, -86_400, Kind::Failed, "orders-2 stopped", "It was started again.", None),
    ]
}
