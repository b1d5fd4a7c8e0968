//! Clusters, users, databases and versions as the contract shows them. Borrowed from what was read: nothing is copied to be printed.

use super::link;
use domain::{
    Cluster, ClusterName, PlaceName, Timestamp,
    database::{Database, Grants},
    name::{DatabaseName, RoleName},
    offer::Release,
    parameter::Parameters,
    quorum::Durability,
    spec::{Power, Spec},
    status::{Condition, Endpoint, InstanceRole, InstanceState, InstanceStatus, Item, Phase, Status, kinds},
    user::User,
    version::Major,
    vitals::{Sync, Vitals},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};
use uuid::Uuid;

/// Most addresses that the contract shows.
const ADDRESSES: usize = 15;

#[derive(Serialize)]
pub struct Instance<'a> {
    uuid: Uuid,
    name: &'a str,
    description: &'a str,
    project_id: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
    cpu: u32,
    ram: u64,
    disk_size: u64,
    nodes_number: u8,
    sync_replica_number: u8,
    version: String,
    status: &'static str,
    ipsv4: Vec<&'a str>,
    preset: Option<&'static str>,
    topology: &'static str,
    place: &'a PlaceName,
    storage_class: &'a str,
    external: bool,
    parameters: &'a Parameters,
    quorum: Option<Quorum>,
    backup: Backup,
    restore_from: (),
    labels: &'a BTreeMap<String, String>,
    power: Power,
    primary: Option<&'a str>,
    restarts: u32,
    takeovers: u32,
    resource_name: &'a ClusterName,
    endpoints: &'a [Endpoint],
    nodes: Vec<Node<'a>>,
    conditions: Vec<ConditionView<'a>>,
    generation: u64,
    observed_generation: u64,
}

#[derive(Serialize)]
struct Quorum {
    min: u8,
    max: u8,
}

#[derive(Serialize)]
struct Backup {
    enabled: bool,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    role: InstanceRole,
    state: &'static str,
    reason: Option<&'a str>,
    host: &'a str,
    port: u16,
    lag_bytes: Option<u64>,
    lag_seconds: Option<f64>,
    sync: Sync,
    started_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct ConditionView<'a> {
    r#type: &'a str,
    status: &'static str,
    reason: &'a str,
    message: &'a str,
    since: Timestamp,
}

/// The size as the contract has it: the preset only where something of it is left.
pub fn preset(spec: &Spec) -> Option<&'static str> {
    let size = &spec.size;
    (size.cpu.is_none() || size.memory.is_none()).then(|| size.preset.name())
}

impl<'a> Instance<'a> {
    pub fn new(cluster: &'a Cluster, vitals: Option<&Vitals>) -> Self {
        let Cluster { id, project, place, name, spec, generation, status, revision: _, deleted_at: _, created_at, updated_at } = cluster;
        let strict = spec.quorum.durability == Durability::Required;
        Self {
            uuid: id.0,
            name: spec.title.as_str(),
            description: spec.description.as_str(),
            project_id: project.0,
            created_at: *created_at,
            updated_at: *updated_at,
            cpu: spec.size.cpu().cores(),
            ram: spec.size.memory().as_mib(),
            disk_size: spec.storage.as_gib(),
            nodes_number: spec.instances,
            sync_replica_number: if strict { spec.quorum.max } else { 0 },
            version: link::version(spec.version),
            status: word(cluster),
            ipsv4: addresses(&status.endpoints),
            preset: preset(spec),
            topology: spec.topology.name(),
            place,
            storage_class: &spec.storage_class,
            external: spec.external,
            parameters: &spec.parameters,
            quorum: (!strict).then_some(Quorum { min: spec.quorum.min, max: spec.quorum.max }),
            backup: Backup { enabled: false },
            restore_from: (),
            labels: &spec.labels,
            power: spec.power,
            primary: status.primary().map(|primary| primary.name.as_str()),
            restarts: spec.restarts,
            takeovers: spec.takeovers,
            resource_name: name,
            endpoints: &status.endpoints,
            nodes: status.instances.iter().map(|instance| node(instance, vitals)).collect(),
            conditions: status.conditions.iter().map(condition).collect(),
            generation: *generation,
            observed_generation: status.generation,
        }
    }
}

/// The contract's word for how a cluster is.
fn word(cluster: &Cluster) -> &'static str {
    let Status { generation, phase, .. } = &cluster.status;
    let holds = |kind| cluster.status.condition(kind).is_some_and(|condition| condition.holds == Some(true));
    match phase {
        Phase::Ready if *generation == cluster.generation => "ACTIVE",
        Phase::Down => "ERROR",
        _ if holds(kinds::BLOCKED) || holds(kinds::STALLED) => "ERROR",
        Phase::New => "NEW",
        // A paused cluster accepts no connections, so it is not ACTIVE; `power` and its conditions say why.
        Phase::Ready | Phase::Creating | Phase::Changing | Phase::Degraded | Phase::Pausing | Phase::Paused | Phase::Deleting | Phase::Unknown => "IN_PROGRESS",
    }
}

fn addresses(endpoints: &[Endpoint]) -> Vec<&str> {
    let hosts: BTreeSet<&str> = endpoints.iter().map(|e| e.host.as_str()).filter(|host| host.parse::<Ipv4Addr>().is_ok()).collect();
    hosts.into_iter().take(ADDRESSES).collect()
}

fn node<'a>(instance: &'a InstanceStatus, vitals: Option<&Vitals>) -> Node<'a> {
    let lag = vitals.and_then(|vitals| vitals.lag(instance.ordinal));
    let (state, reason) = match &instance.state {
        InstanceState::Creating => ("creating", None),
        InstanceState::Starting => ("starting", None),
        InstanceState::Ready => ("ready", None),
        InstanceState::NotStreaming => ("not_streaming", None),
        InstanceState::Stopped => ("stopped", None),
        InstanceState::Failed(why) => ("failed", Some(why.as_str())),
        InstanceState::Unknown(why) => ("unknown", Some(why.as_str())),
    };
    Node {
        name: &instance.name,
        role: instance.role,
        state,
        reason,
        host: &instance.host,
        port: instance.port,
        lag_bytes: lag.map(|lag| lag.bytes),
        lag_seconds: lag.map(|lag| lag.seconds),
        sync: lag.map_or(instance.sync, |lag| lag.sync),
        started_at: instance.started_at,
    }
}

fn condition(condition: &Condition) -> ConditionView<'_> {
    ConditionView {
        r#type: &condition.kind,
        status: match condition.holds {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        },
        reason: &condition.reason.code,
        message: &condition.reason.message,
        since: condition.since,
    }
}

#[derive(Serialize)]
pub struct UserView<'a> {
    uuid: Uuid,
    name: &'a RoleName,
    description: &'a str,
    project_id: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
    replication: bool,
    status: &'static str,
    reason: Option<&'a str>,
}

impl<'a> UserView<'a> {
    pub fn new(cluster: &'a Cluster, name: &'a RoleName, user: &'a User) -> Self {
        let (status, reason) = item(cluster, cluster.status.users.get(name), Some(user.password_version), user.updated_at);
        let User { id, replication, password_version: _, description, created_at, updated_at } = user;
        let (created_at, updated_at) = (*created_at, *updated_at);
        Self {
            uuid: *id,
            name,
            description: description.as_str(),
            project_id: cluster.project.0,
            created_at,
            updated_at,
            replication: *replication,
            status,
            reason,
        }
    }
}

#[derive(Serialize)]
pub struct DatabaseView<'a> {
    uuid: Uuid,
    name: &'a DatabaseName,
    description: &'a str,
    project_id: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
    owner: Option<String>,
    roles: &'a Grants,
    extensions: &'a BTreeSet<domain::ExtensionName>,
    status: &'static str,
    reason: Option<&'a str>,
}

impl<'a> DatabaseView<'a> {
    pub fn new(cluster: &'a Cluster, name: &'a DatabaseName, database: &'a Database) -> Self {
        let Database { id, owner, roles, extensions, description, created_at, updated_at } = database;
        let (status, reason) = item(cluster, cluster.status.databases.get(name), None, *updated_at);
        let owner = owner.as_ref().and_then(|owner| cluster.spec.users.get(owner)).map(|user| link::user(cluster.id, user.id));
        let (created_at, updated_at) = (*created_at, *updated_at);
        Self {
            uuid: *id,
            name,
            description: description.as_str(),
            project_id: cluster.project.0,
            created_at,
            updated_at,
            owner,
            roles,
            extensions,
            status,
            reason,
        }
    }
}

/// The contract's word for what became of a user or database, and why it could not be applied.
fn item<'a>(cluster: &Cluster, item: Option<&'a Item>, wanted: Option<u32>, touched: Timestamp) -> (&'static str, Option<&'a str>) {
    // A wish that is not reached yet is about this very thing.
    let pending = cluster.status.generation < cluster.generation && cluster.status.reached.is_none_or(|reached| touched > reached);
    match item {
        None | Some(Item::New) => ("NEW", None),
        Some(Item::Error(why)) => ("ERROR", Some(why)),
        Some(Item::Active { password_version }) if pending || wanted.is_some_and(|wanted| *password_version != wanted) => ("IN_PROGRESS", None),
        Some(Item::Active { .. }) => ("ACTIVE", None),
    }
}

#[derive(Serialize)]
pub struct Version<'a> {
    uuid: Uuid,
    name: String,
    description: String,
    image: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> Version<'a> {
    pub fn new(release: &'a Release) -> Self {
        let Release { major, full, image, extensions: _ } = release;
        let released = released(*major);
        Self { uuid: major.uuid(), name: major.to_string(), description: format!("PostgreSQL {full}"), image, created_at: released, updated_at: released }
    }
}

/// When the major version came out, in whole days: the same on every portal.
fn released(major: Major) -> Timestamp {
    let day = match major {
        Major::V15 => 19_278,
        Major::V16 => 19_614,
        Major::V17 => 19_992,
        Major::V18 => 20_356,
    };
    Timestamp::from_second(day * 86_400).unwrap_or_default()
}
