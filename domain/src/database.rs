//! A database of a cluster, as wished for.

use crate::Timestamp;
use crate::name::{Description, ExtensionName, RoleName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Who is a member of the two group roles of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Members of `<db>_admin`.
    #[serde(default)]
    pub admin: BTreeSet<RoleName>,
    /// Members of `<db>_readonly`.
    #[serde(default)]
    pub readonly: BTreeSet<RoleName>,
}

/// A database that the portal makes and keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its id in REST; never changes.
    pub id: Uuid,
    /// The user that owns the database itself; none: `<db>_admin` does. An owner may connect and create without being listed in `roles`.
    pub owner: Option<RoleName>,
    /// Members of its group roles.
    #[serde(default)]
    pub roles: Grants,
    /// Created in it. Taking one off this list drops nothing.
    #[serde(default)]
    pub extensions: BTreeSet<ExtensionName>,
    /// Free text.
    #[serde(default)]
    pub description: Description,
    /// When it was first wished for.
    pub created_at: Timestamp,
    /// When the wish last changed.
    pub updated_at: Timestamp,
}

impl Database {
    /// Every user that this database names.
    pub fn users(&self) -> impl Iterator<Item = &RoleName> {
        self.owner.iter().chain(&self.roles.admin).chain(&self.roles.readonly)
    }
}
