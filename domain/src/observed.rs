//! What an engine saw of a cluster. Everything may be unknown, and unknown never means absent.

use crate::{
    name::{DatabaseName, RoleName},
    status::{Endpoint, InstanceStatus, Item, Reason},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A look that either came about or did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen<T> {
    /// The look did not come about; why, as a sentence.
    Unknown(String),
    /// What was there.
    Known(T),
}

impl<T> Seen<T> {
    /// What was there, if the look came about.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Unknown(_) => None,
            Self::Known(value) => Some(value),
        }
    }
}

/// A cluster as its engine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Its instances by ordinal.
    pub instances: Seen<Vec<InstanceStatus>>,
    /// Where clients connect.
    pub endpoints: Vec<Endpoint>,
    /// Roles and databases, when a primary answered.
    pub inside: Seen<Inside>,
    /// What a person should know although it works, as in "memory limits are not enforced".
    pub notes: Vec<Reason>,
}

/// What is inside PostgreSQL, compared with the wish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// What became of each user wished for.
    pub users: BTreeMap<RoleName, Item>,
    /// What became of each database wished for.
    pub databases: BTreeMap<DatabaseName, Item>,
    /// Login roles that somebody made by hand. Never dropped.
    pub foreign_users: Vec<String>,
    /// Databases that somebody made by hand. Never dropped.
    pub foreign_databases: Vec<String>,
    /// Parameters that wait for a restart.
    pub pending_restart: Vec<String>,
    /// Parameters whose value PostgreSQL refused, and why.
    pub rejected_parameters: BTreeMap<String, String>,
    /// Nobody can see whether parameters are in effect; why, as a sentence.
    pub unseen_parameters: Option<String>,
}

/// How a pass of an engine went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// What was wished for is there.
    Settled,
    /// Something was done just now: look again at once.
    Moved(Reason),
    /// Something is under way that only has to be waited for.
    Working(Reason),
    /// Only a new wish or a person can help.
    Blocked(Reason),
}
