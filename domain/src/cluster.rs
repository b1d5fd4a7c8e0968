//! A cluster: the wish, what became of it, and how far apart the two are.

use crate::Timestamp;
use crate::{
    command::{Change, Confirm},
    error::{Conflict, Error, FieldError},
    name::{ClusterName, PlaceName, RESERVED},
    spec::Spec,
    status::Status,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// A cluster's id; never used twice.
    ClusterId;
    /// A project's id.
    ProjectId;
}

impl ProjectId {
    /// The project that every portal has.
    pub const DEFAULT: Self = Self(Uuid::from_u128(0x686f_7764_6168_4000_8000_0000_0000_0001));
}

/// A PostgreSQL cluster as the portal stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// Where it runs; immutable.
    #[serde(default = "PlaceName::local")]
    pub place: PlaceName,
    /// Its name, unique in the project, immutable.
    pub name: ClusterName,
    /// What was wished for.
    pub spec: Spec,
    /// Grows by one with each saved wish; 1 at creation.
    pub generation: u64,
    /// What became of it.
    pub status: Status,
    /// Grows with every saved change of spec or status; compares two copies of one cluster.
    pub revision: u64,
    /// When its deletion was asked for.
    pub deleted_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the wish last changed.
    pub updated_at: Timestamp,
}

impl Cluster {
    /// A new cluster, if its wish keeps the rules.
    pub fn create(id: ClusterId, project: ProjectId, place: PlaceName, name: ClusterName, spec: Spec, now: Timestamp) -> Result<Self, Error> {
        let mut errors = spec.check();
        if name.as_str() == RESERVED {
            errors.push(FieldError::new("name", "The portal makes clusters at the address of that name: choose another."));
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        Ok(Self { id, project, place, name, spec, generation: 1, status: Status::default(), revision: 1, deleted_at: None, created_at: now, updated_at: now })
    }

    /// The cluster with changes folded into its wish. A wish that stays the same keeps its generation: nothing is left to do.
    pub fn change(&self, expected: Option<u64>, changes: Vec<Change>, now: Timestamp) -> Result<Self, Error> {
        if self.deleted_at.is_some() {
            return Err(Conflict::Deleting.into());
        }
        if expected.is_some_and(|seen| seen != self.generation) {
            return Err(Conflict::Stale { generation: self.generation }.into());
        }
        let spec = self.spec.apply(changes, now)?;
        if spec == self.spec {
            return Ok(self.clone());
        }
        Ok(Self { spec, generation: self.generation + 1, revision: self.revision + 1, updated_at: now, ..self.clone() })
    }

    /// The cluster on its way out.
    pub fn delete(&self, confirm: &Confirm, now: Timestamp) -> Result<Self, Error> {
        if self.deleted_at.is_some() {
            return Ok(self.clone());
        }
        if !confirm.holds(self.name.as_str()) {
            return Err(Error::invalid("confirm", format!("Type {} to delete the cluster and its data.", self.name)));
        }
        Ok(Self { deleted_at: Some(now), generation: self.generation + 1, revision: self.revision + 1, updated_at: now, ..self.clone() })
    }

    /// A wish was saved that is not reached yet.
    pub fn is_settling(&self) -> bool {
        self.status.generation < self.generation || self.deleted_at.is_some()
    }
}
