//! What became of a wish: derived by one pure function from the wish and what was seen.

use crate::Timestamp;
use crate::{
    cluster::Cluster,
    name::{DatabaseName, RoleName},
    observed::{Observed, Progress},
    vitals::Sync,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod derive;

/// A machine-readable word and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// CamelCase word, as in `PortTaken`.
    pub code: String,
    /// A sentence: what is so, and what to do if something is to be done.
    pub message: String,
}

impl Reason {
    /// A reason.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// Where a cluster is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Saved; nobody looked yet.
    #[default]
    New,
    /// Coming up for the first time.
    Creating,
    /// As wished for.
    Ready,
    /// Serving while a new wish is applied.
    Changing,
    /// Serving, but something is missing.
    Degraded,
    /// No primary answers.
    Down,
    /// On its way to being paused.
    Pausing,
    /// Stopped on purpose.
    Paused,
    /// On its way out.
    Deleting,
    /// The engine could not look.
    Unknown,
}

/// A named fact about a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Its name, as in `Ready`.
    pub kind: String,
    /// True, false, or none: unknown.
    pub holds: Option<bool>,
    /// Why.
    pub reason: Reason,
    /// Since when `holds` is what it is.
    pub since: Timestamp,
}

/// What became of a user or database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// Not applied yet.
    New,
    /// Applied; which password version, for a user (0 for a database).
    Active {
        /// The password version that is in PostgreSQL.
        password_version: u32,
    },
    /// Could not be applied; a sentence.
    Error(String),
}

/// What an instance is to its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceRole {
    /// Accepts writes.
    Primary,
    /// Follows the primary.
    Replica,
}

/// How an instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceState {
    /// Its data directory is being made.
    Creating,
    /// Its process runs and does not answer yet.
    Starting,
    /// It answers; a replica is streaming.
    Ready,
    /// It answers, but does not follow its primary.
    NotStreaming,
    /// Stopped on purpose.
    Stopped,
    /// It should run and does not; why.
    Failed(String),
    /// The engine could not look; why.
    Unknown(String),
}

/// One instance as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// Its number, from 1; never used again while the cluster lives, except by the same instance rebuilt.
    pub ordinal: u8,
    /// Its name, as in `orders-2`.
    pub name: String,
    /// What it is to the cluster.
    pub role: InstanceRole,
    /// How it is.
    pub state: InstanceState,
    /// Where it listens.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// Whether commits wait for it.
    pub sync: Sync,
    /// When its process started.
    pub started_at: Option<Timestamp>,
}

/// What an endpoint leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointKind {
    /// The primary, wherever it is.
    Rw,
    /// The replicas.
    Ro,
    /// One instance.
    Instance,
    /// The primary, wherever it is, for clients outside of the place.
    External,
}

/// An address for clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// What it leads to.
    pub kind: EndpointKind,
    /// Its name, as in `orders-rw`.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What became of a wish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The newest generation that is wholly reached; 0: none.
    pub generation: u64,
    /// When the wish of that generation was saved; none: nothing was reached yet, or before this was kept.
    pub reached: Option<Timestamp>,
    /// Where it is in its life.
    pub phase: Phase,
    /// Why it is not as wished for, in words; none when it is.
    pub reason: Option<Reason>,
    /// Facts, by kind.
    pub conditions: Vec<Condition>,
    /// Instances by ordinal.
    pub instances: Vec<InstanceStatus>,
    /// Addresses.
    pub endpoints: Vec<Endpoint>,
    /// What became of each user.
    pub users: BTreeMap<RoleName, Item>,
    /// What became of each database.
    pub databases: BTreeMap<DatabaseName, Item>,
    /// Login roles made by hand.
    pub foreign_users: Vec<String>,
    /// Databases made by hand.
    pub foreign_databases: Vec<String>,
    /// Since when the phase is what it is; none: never looked.
    pub since: Option<Timestamp>,
    /// The engine that it was made on, as in [`Report::engine`](crate::place::Report::engine), whose names therefore never change; empty: none yet, or before this was kept.
    #[serde(default)]
    pub engine: String,
}

/// Names of conditions.
pub mod kinds {
    /// Everything wished for is there and answers.
    pub const READY: &str = "Ready";
    /// The instances asked for run and follow.
    pub const INSTANCES: &str = "InstancesReady";
    /// Users and databases are applied.
    pub const INSIDE: &str = "UsersAndDatabasesApplied";
    /// A phase lasts longer than it should.
    pub const STALLED: &str = "Stalled";
    /// Only a new wish or a person can help.
    pub const BLOCKED: &str = "Blocked";
    /// Parameters are in effect; false: a restart is needed or a value was refused.
    pub const PARAMETERS: &str = "ParametersApplied";
    /// Limits of processor and memory are enforced.
    pub const LIMITS: &str = "LimitsEnforced";
    /// As many replicas confirm as asked for.
    pub const QUORUM: &str = "QuorumMet";
    /// A note: users and databases are there by the word of who makes them, and nobody gets into PostgreSQL to grant rights or to measure.
    pub const NO_WAY_INSIDE: &str = "NoWayInside";
}

/// Codes of reasons on which pages offer an act.
pub mod reasons {
    /// Somebody else manages fields that the portal sets: they can be taken over.
    pub const MANAGED_BY_OTHERS: &str = "ManagedByOthers";
}

impl Status {
    /// The condition of that kind.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// The instance that accepts writes, as last seen.
    pub fn primary(&self) -> Option<&InstanceStatus> {
        self.instances.iter().find(|i| i.role == InstanceRole::Primary)
    }

    /// The address of that kind.
    pub fn endpoint(&self, kind: EndpointKind) -> Option<&Endpoint> {
        self.endpoints.iter().find(|e| e.kind == kind)
    }

    /// What became of the wish, given what was seen and how the pass went. `now` is the time of the look.
    pub fn derive(cluster: &Cluster, seen: &Observed, progress: &Progress, now: Timestamp) -> Self {
        derive::status(cluster, seen, progress, now)
    }
}
