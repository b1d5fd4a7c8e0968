//! What people may ask for.

use crate::{
    access::Action,
    cluster::{ClusterId, ProjectId},
    database::Grants,
    name::{ClusterName, DatabaseName, Description, ExtensionName, PlaceName, RoleName, Title},
    parameter::Parameters,
    quantity::Bytes,
    quorum::Quorum,
    size::Size,
    spec::{Power, Spec},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A user's wish. Its secrets travel beside it, never in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// A new cluster. Sending the same id, project and name again is answered as the first time: a double click makes one cluster.
    Create {
        /// Chosen by the sender.
        id: ClusterId,
        /// Where it belongs.
        project: ProjectId,
        /// Where it is to run; none: the only place there is, else `local`.
        #[serde(default)]
        place: Option<PlaceName>,
        /// Unique in the project.
        name: ClusterName,
        /// The whole wish.
        spec: Box<Spec>,
    },
    /// Changes to one cluster, in this order: all or none.
    Change {
        /// Which.
        id: ClusterId,
        /// The generation that the sender saw; none: whatever is stored.
        expected: Option<u64>,
        /// What to change.
        changes: Vec<Change>,
    },
    /// The cluster and its data go.
    Delete {
        /// Which.
        id: ClusterId,
        /// How the sender made sure.
        confirm: Confirm,
    },
}

/// How a person or a client made sure that it means this thing, before data goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirm {
    /// What a person typed; must equal the thing's name.
    Typed(String),
    /// A client addressed the thing itself by its id, as in `DELETE …/{uuid}`.
    Addressed,
}

impl Confirm {
    /// Whether this confirms the removal of `name`.
    pub fn holds(&self, name: &str) -> bool {
        match self {
            Self::Typed(typed) => typed.trim() == name,
            Self::Addressed => true,
        }
    }
}

/// One change of a cluster's wish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Words about it. None: as it is.
    Describe {
        /// What people call it.
        title: Option<Title>,
        /// Free text.
        description: Option<Description>,
        /// All labels.
        labels: Option<BTreeMap<String, String>>,
    },
    /// Another number of instances, the primary included. More than one makes a standalone cluster replicated.
    Scale {
        /// 1 to 16.
        instances: u8,
    },
    /// Another size of each instance. Restarts them.
    Resize {
        /// The new size.
        size: Size,
    },
    /// A larger volume for each instance.
    Grow {
        /// At least what it is.
        storage: Bytes,
    },
    /// Another quorum.
    SetQuorum {
        /// The new quorum.
        quorum: Quorum,
    },
    /// Pause or resume.
    SetPower {
        /// On or off.
        power: Power,
    },
    /// Make another instance the primary.
    Switchover {
        /// Ordinal of the instance.
        to: u8,
    },
    /// Restart every instance, replicas first.
    Restart,
    /// Take over, once, the fields that another manager of the same objects holds.
    TakeOver,
    /// Reachable from outside, or not.
    SetExternal {
        /// The wish.
        external: bool,
    },
    /// All parameters: what is not in the map goes back to its default.
    SetParameters {
        /// The new map.
        parameters: Parameters,
    },
    /// A new login role. Its password travels beside the command.
    AddUser {
        /// Its id.
        id: Uuid,
        /// Its name.
        name: RoleName,
        /// May connect for replication.
        replication: bool,
        /// Free text.
        description: Description,
    },
    /// Other properties of a user. None: as it is.
    SetUser {
        /// Which.
        name: RoleName,
        /// May connect for replication.
        replication: Option<bool>,
        /// Free text.
        description: Option<Description>,
    },
    /// A new password, which travels beside the command.
    RotatePassword {
        /// Whose.
        name: RoleName,
    },
    /// The role goes; what it owns goes to the `<db>_admin` of each database.
    RemoveUser {
        /// Which.
        name: RoleName,
    },
    /// A new database.
    AddDatabase {
        /// Its id.
        id: Uuid,
        /// Its name.
        name: DatabaseName,
        /// The user that owns it; none: `<db>_admin`.
        owner: Option<RoleName>,
        /// Members of its group roles.
        roles: Grants,
        /// To create in it.
        extensions: BTreeSet<ExtensionName>,
        /// Free text.
        description: Description,
    },
    /// Other properties of a database. None: as it is.
    SetDatabase {
        /// Which.
        name: DatabaseName,
        /// The user that owns it.
        owner: Option<RoleName>,
        /// Members of its group roles.
        roles: Option<Grants>,
        /// To create in it.
        extensions: Option<BTreeSet<ExtensionName>>,
        /// Free text.
        description: Option<Description>,
    },
    /// The database and its data go.
    RemoveDatabase {
        /// Which.
        name: DatabaseName,
        /// How the sender made sure.
        confirm: Confirm,
    },
    /// The whole wish anew, as a document gives it. Ids, times and password counts of what stays are kept.
    Replace {
        /// The new wish.
        spec: Box<Spec>,
        /// Databases that may go although they hold data.
        allow_drop: BTreeSet<DatabaseName>,
    },
}

/// The answer to an accepted command: saved, not yet reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The cluster.
    pub id: ClusterId,
    /// The generation to wait for.
    pub generation: u64,
}

impl Command {
    /// What the sender must be allowed to do.
    pub fn action(&self) -> Action {
        match self {
            Self::Create { .. } => Action::Create,
            Self::Delete { .. } => Action::Delete,
            Self::Change { changes, .. } => changes.iter().map(Change::action).max().unwrap_or(Action::View),
        }
    }
}

impl Change {
    /// What the sender must be allowed to do.
    pub fn action(&self) -> Action {
        match self {
            Self::Describe { .. } | Self::Switchover { .. } | Self::Restart | Self::SetPower { .. } | Self::RotatePassword { .. } => Action::Operate,
            Self::AddUser { .. } | Self::SetUser { .. } | Self::AddDatabase { .. } | Self::SetDatabase { .. } => Action::Operate,
            Self::Scale { .. } | Self::Resize { .. } | Self::Grow { .. } | Self::SetQuorum { .. } => Action::Configure,
            Self::SetExternal { .. } | Self::SetParameters { .. } | Self::TakeOver => Action::Configure,
            Self::RemoveUser { .. } | Self::RemoveDatabase { .. } | Self::Replace { .. } => Action::Configure,
        }
    }
}
