//! A login role of a cluster, as wished for. Its password is never here: only a count of how often it changed.

use crate::Timestamp;
use crate::name::Description;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A login role that the portal makes and keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id in REST; never changes.
    pub id: Uuid,
    /// May connect for replication.
    pub replication: bool,
    /// Grows with each new password; the store keeps the SCRAM verifier of the current one.
    pub password_version: u32,
    /// Free text.
    #[serde(default)]
    pub description: Description,
    /// When it was first wished for.
    pub created_at: Timestamp,
    /// When the wish last changed.
    pub updated_at: Timestamp,
}
