//! Everything that was seen of one cluster, boiled down to what `plan` decides by. Pure data.

use super::{
    mark::{ClusterMark, InstanceMark, Settings},
    room::Room,
};
use domain::{observed::Seen, status::Reason};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A cluster as it was just now.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// What the cluster remembers.
    pub mark: ClusterMark,
    /// Every instance that has a folder. One that could not be looked at is unknown, not absent.
    pub instances: BTreeMap<u8, Seen<Instance>>,
    /// HAProxy of the cluster.
    pub proxy: Proxy,
    /// What this machine has for it.
    pub tools: Tools,
    /// How much room its data have.
    pub room: Room,
}

/// What this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tools {
    /// PostgreSQL of the cluster's major.
    pub install: bool,
    /// HAProxy.
    pub haproxy: bool,
    /// pg_rewind of the cluster's major.
    pub rewind: bool,
    /// pg_basebackup.
    pub basebackup: bool,
}

/// One instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// What it remembers.
    pub mark: InstanceMark,
    /// Its data directory.
    pub data: Data,
    /// Its processes.
    pub process: Process,
    /// What it says.
    pub answer: Answer,
    /// Its configuration.
    pub conf: Conf,
    /// Its limits are what the size says.
    pub limited: bool,
    /// Too many starts failed: a pause before the next.
    pub cooling: bool,
    /// Its mark was lost and is what its running postmaster tells: it has to be written again before anything else.
    pub recalled: bool,
}

/// A data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// There is none.
    Absent,
    /// There is one; it starts as a standby if `standby`.
    There {
        /// Whether `standby.signal` is in it.
        standby: bool,
    },
}

/// Processes of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Process {
    /// None.
    Dead,
    /// No postmaster, but others that still hold the data: children of a dead postmaster, or a tool that was cut off.
    Leftover,
    /// Its postmaster runs.
    Running,
}

/// What an instance says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It does not run, or does not take connections yet.
    Silent,
    /// The question did not come about; why.
    Unknown(String),
    /// It answered.
    Up(Facts),
}

/// What a running instance says about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// It is a standby.
    pub recovering: bool,
    /// How far its WAL goes: written for a primary, received or replayed for a standby.
    pub position: u64,
    /// The standby streams from its primary.
    pub streaming: bool,
    /// Ordinals of the instances that stream from here, and how many bytes each has not replayed.
    pub followers: BTreeMap<u8, Follower>,
    /// Our slots, by ordinal.
    pub slots: BTreeSet<u8>,
    /// The role for replication is there.
    pub role: bool,
    /// A parameter waits for a restart.
    pub pending: Vec<String>,
    /// The five parameters that a replica must have at least as much of.
    pub held: Held,
    /// What it has loaded is at least as new as its configuration files.
    pub loaded: bool,
    /// When it started, in microseconds since 1970.
    pub started: i64,
    /// It cannot go on following; PostgreSQL's words.
    pub stray: Option<String>,
}

/// Somebody who streams from a primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follower {
    /// Bytes not yet replayed.
    pub behind: u64,
    /// Whether commits wait for it.
    pub sync: domain::vitals::Sync,
}

/// `max_connections`, `max_locks_per_transaction`, `max_prepared_transactions`, `max_wal_senders`, `max_worker_processes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held(pub [u32; 5]);

/// The part of the configuration that follows what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Managed {
    /// The instance that it follows as a standby.
    pub follows: Option<u8>,
    /// How many of which replicas confirm a commit.
    pub sync: Option<(u8, BTreeSet<u8>)>,
    /// At least these, so that no replica has less than its primary.
    pub held: Held,
    /// New transactions are read-only by default: there is no room.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short: bool,
}

/// The configuration of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conf {
    /// The files that follow from settings, port and place are as they shall be.
    pub base: bool,
    /// What the managed file says; none when it is missing or was edited.
    pub managed: Option<Managed>,
}

/// Where the two addresses lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// The primary.
    pub rw: u8,
    /// Replicas that serve reads.
    pub ro: BTreeSet<u8>,
    /// Ports of all of them: a changed port is another route.
    pub ports: BTreeMap<u8, u16>,
}

/// HAProxy of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// It runs.
    pub running: bool,
    /// What the running process was configured with.
    pub serves: Option<Routes>,
    /// Why it does not start.
    pub trouble: Option<Reason>,
}

impl Instance {
    /// A whole copy that may be started.
    pub fn is_good(&self) -> bool {
        self.mark.stage == super::mark::Stage::Built && self.data != Data::Absent && !self.mark.fenced
    }

    /// It runs and would take writes.
    pub fn is_running_primary(&self) -> bool {
        self.process == Process::Running && self.data == Data::There { standby: false }
    }

    /// Its files tell it to refuse writes by default.
    pub fn is_short(&self) -> bool {
        self.conf.managed.as_ref().is_some_and(|managed| managed.short)
    }

    /// What it says, if it answered.
    pub fn facts(&self) -> Option<&Facts> {
        match &self.answer {
            Answer::Up(facts) => Some(facts),
            Answer::Silent | Answer::Unknown(_) => None,
        }
    }
}

impl Held {
    /// Names, in the order of the numbers.
    pub const NAMES: [&'static str; 5] =
        ["max_connections", "max_locks_per_transaction", "max_prepared_transactions", "max_wal_senders", "max_worker_processes"];

    /// What settings ask for.
    pub fn of(settings: &Settings) -> Self {
        const DEFAULTS: [u32; 5] = [100, 64, 0, 40, 8];
        let mut held = DEFAULTS;
        for (value, name) in held.iter_mut().zip(Self::NAMES) {
            *value = settings.parameters.0.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(*value);
        }
        Self(held)
    }

    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        let mut held = self.0;
        for (value, other) in held.iter_mut().zip(other.0) {
            *value = (*value).max(other);
        }
        Self(held)
    }

    /// None is less than the other's.
    pub fn covers(self, other: Self) -> bool {
        self.max(other) == self
    }
}
