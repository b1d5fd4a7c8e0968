//! The wish for one cluster, the rules that it keeps, and how a change folds into it.

use crate::Timestamp;
use crate::{
    command::Change,
    database::Database,
    error::{Error, FieldError},
    name::{ClusterName, DatabaseName, Description, RoleName, Title},
    parameter::Parameters,
    quantity::Bytes,
    quorum::Quorum,
    size::Size,
    topology::Topology,
    user::User,
    version::Major,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod apply;
mod check;

/// Most instances of a cluster, the primary included.
pub const MAX_INSTANCES: u8 = 16;

/// Runs, or stopped on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// Runs.
    #[default]
    On,
    /// Stopped; the data stays.
    Off,
}

/// A switchover that was asked for. Once an engine has carried it out, or a failover came after it, only a higher serial moves the primary again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switchover {
    /// Ordinal of the instance to become primary.
    pub to: u8,
    /// Counts the switchovers asked for.
    pub serial: u32,
}

/// What is said about backups while none are taken: kept as it was written, so that a document comes out as it went in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Cron, six fields.
    pub schedule: Option<String>,
    /// As in `30d`.
    pub retention_policy: Option<String>,
    /// As in `s3://bucket/path`.
    pub destination_path: Option<String>,
    /// Address of the object store.
    pub endpoint_url: Option<String>,
}

/// What a cluster shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// What people call it; REST's `name`.
    pub title: Title,
    /// Free text.
    #[serde(default)]
    pub description: Description,
    /// Labels for people and their tools.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// PostgreSQL's major version; never changes.
    pub version: Major,
    /// Which processes it consists of.
    pub topology: Topology,
    /// 1 to 16, the primary included.
    pub instances: u8,
    /// Of each instance.
    pub size: Size,
    /// Volume of each instance; never shrinks.
    pub storage: Bytes,
    /// Empty: the place's default. Fixed after creation.
    #[serde(default)]
    pub storage_class: String,
    /// How many replicas confirm a commit.
    #[serde(default)]
    pub quorum: Quorum,
    /// Reachable from outside.
    #[serde(default)]
    pub external: bool,
    /// Runs or is paused.
    #[serde(default)]
    pub power: Power,
    /// The last switchover asked for.
    #[serde(default)]
    pub switchover: Option<Switchover>,
    /// Counts the restarts asked for.
    #[serde(default)]
    pub restarts: u32,
    /// Counts how often fields that somebody else manages were to be taken over.
    #[serde(default)]
    pub takeovers: u32,
    /// Login roles.
    #[serde(default)]
    pub users: BTreeMap<RoleName, User>,
    /// Databases.
    #[serde(default)]
    pub databases: BTreeMap<DatabaseName, Database>,
    /// Server parameters.
    #[serde(default)]
    pub parameters: Parameters,
    /// Words about backups.
    #[serde(default)]
    pub backup: Backup,
}

impl Spec {
    /// The smallest whole wish: one micro instance with 10Gi of the given version.
    pub fn new(name: &ClusterName, version: Major) -> Self {
        Self {
            title: name.clone().into(),
            description: Description::default(),
            labels: BTreeMap::new(),
            version,
            topology: Topology::Standalone,
            instances: 1,
            size: Size::default(),
            storage: Bytes::gib(10),
            storage_class: String::new(),
            quorum: Quorum::default(),
            external: false,
            power: Power::On,
            switchover: None,
            restarts: 0,
            takeovers: 0,
            users: BTreeMap::new(),
            databases: BTreeMap::new(),
            parameters: Parameters::default(),
            backup: Backup::default(),
        }
    }

    /// Replicas asked for.
    pub fn replicas(&self) -> u8 {
        self.instances.saturating_sub(1)
    }

    /// The connections that the primary allows: `max_connections`, 100 unless set.
    pub fn max_connections(&self) -> u32 {
        self.parameters.0.get("max_connections").and_then(|v| v.trim().parse().ok()).unwrap_or(100)
    }

    /// Every rule that the wish breaks; empty: it keeps them all.
    pub fn check(&self) -> Vec<FieldError> {
        check::all(self)
    }

    /// The wish with changes folded in, in this order, at the time `now`. The outcome keeps the rules, or all of them are refused.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>, now: Timestamp) -> Result<Self, Error> {
        let next = changes.into_iter().try_fold(self.clone(), |spec, change| apply::fold(spec, change, now))?;
        match next.check() {
            errors if errors.is_empty() => Ok(next),
            errors => Err(Error::Invalid(errors)),
        }
    }

    /// What going from this wish to `next` costs while it is applied, in words; empty: nothing that clients notice.
    pub fn cost(&self, next: &Self) -> Vec<String> {
        let mut costs = Vec::new();
        let restarts: Vec<_> = next.parameters.changed(&self.parameters).filter(|name| crate::parameter::needs_restart(name)).collect();
        if !restarts.is_empty() {
            costs.push(format!("Restarts every instance, replicas first: {} takes effect only then.", restarts.join(", ")));
        }
        if self.size != next.size {
            costs.push("Restarts every instance, replicas first: memory settings follow the size.".into());
        }
        if self.topology != next.topology {
            costs.push("The cluster gets a new read-write address that follows the primary; change your clients to it.".into());
        }
        if next.power == Power::Off && self.power == Power::On {
            costs.push("Ends every session; nobody can connect until it is resumed.".into());
        }
        if self.switchover != next.switchover {
            costs.push("Writes pause for about half a second; open sessions on the primary end.".into());
        }
        costs
    }
}
