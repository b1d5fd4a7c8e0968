//! What happened to a cluster, in words.

use crate::Timestamp;
use crate::cluster::ClusterId;
use serde::{Deserialize, Serialize};

/// How an event is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something good came about.
    Good,
    /// Somebody asked for something.
    Asked,
    /// Something that a person should know of.
    Warning,
    /// Something failed.
    Failed,
}

/// An entry of a cluster's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Order of entry.
    pub id: i64,
    /// Which cluster.
    pub cluster: ClusterId,
    /// When.
    pub at: Timestamp,
    /// How it is drawn.
    pub kind: Kind,
    /// A few words, no full stop.
    pub title: String,
    /// A sentence, or empty.
    pub text: String,
    /// Who asked, if somebody did.
    pub actor: Option<String>,
}
