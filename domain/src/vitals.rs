//! Measurements of a running cluster, seconds old and never stored.

use crate::Timestamp;
use crate::cluster::ClusterId;
use serde::{Deserialize, Serialize};

/// Whether a commit waits for a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// It does not.
    Async,
    /// It waits for this one.
    Sync,
    /// This one is among those of which a number must confirm.
    Quorum,
}

/// One measurement of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    /// Which cluster.
    pub cluster: ClusterId,
    /// When it was measured.
    pub at: Timestamp,
    /// Ordinal of the instance that answered as primary; none: nobody did.
    pub primary: Option<u8>,
    /// Its replicas, by ordinal. One that is not in the list is unknown, not caught up.
    pub replicas: Vec<Lag>,
    /// Sessions of clients, and how many are allowed.
    pub connections: Option<(u32, u32)>,
    /// Commits and rollbacks per second since the measurement before.
    pub transactions: Option<f64>,
    /// Bytes of WAL written per second since the measurement before.
    pub wal: Option<f64>,
    /// What processes and volumes use.
    pub usage: Vec<Usage>,
}

/// How far a replica is behind, as its primary sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// Which instance.
    pub ordinal: u8,
    /// Bytes of WAL that it has not replayed.
    pub bytes: u64,
    /// Seconds behind; 0 when no bytes are.
    pub seconds: f64,
    /// Seconds since it last reported. Grows when the replica is stuck, while `seconds` may freeze. None: not told.
    pub silent: Option<f64>,
    /// PostgreSQL's own word: `streaming`, `catchup`, …; empty: not told.
    pub state: String,
    /// Whether commits wait for it.
    pub sync: Sync,
}

/// What one instance uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Which instance.
    pub ordinal: u8,
    /// Processor time, as a share of one core; none at the first measurement.
    pub cpu: Option<f64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of its data, WAL included.
    pub disk: Option<u64>,
}

impl Vitals {
    /// The lag of an instance; none: unknown.
    pub fn lag(&self, ordinal: u8) -> Option<&Lag> {
        self.replicas.iter().find(|lag| lag.ordinal == ordinal)
    }
}
