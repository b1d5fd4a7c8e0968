//! Who may do what: three roles, each reaching further than the one before.

use crate::cluster::ProjectId;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How far somebody's rights reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything but secrets.
    Viewer,
    /// Runs what exists: users, databases, passwords, restart, switchover, pause.
    Operator,
    /// Everything, also what costs or destroys.
    Admin,
}

/// A kind of thing to be allowed to do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Look.
    View,
    /// Run what exists.
    Operate,
    /// Change what it costs or what it holds.
    Configure,
    /// Make a cluster.
    Create,
    /// Delete a cluster.
    Delete,
}

impl Role {
    /// All of them, least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The name in words and in REST.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or("One of viewer, operator, admin.")
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The least role that may do it.
pub const fn needed(action: Action) -> Role {
    match action {
        Action::View => Role::Viewer,
        Action::Operate => Role::Operator,
        Action::Configure | Action::Create | Action::Delete => Role::Admin,
    }
}

/// Whether the role reaches.
pub fn may(role: Role, action: Action) -> bool {
    role >= needed(action)
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Stable id, as in `token:4f…` or `session:9c…`; for the audit.
    pub id: String,
    /// What people call them.
    pub name: String,
    /// How far their rights reach.
    pub role: Role,
    /// The project that they belong to; all else does not exist for them.
    pub project: ProjectId,
}
