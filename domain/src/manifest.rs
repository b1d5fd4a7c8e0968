//! The `Postgres` resource: the declarative face of a cluster. Same document in, same document out.

use crate::{Cluster, ClusterName, Command, Error, ProjectId, Spec, name::RoleName, version::Major};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A document that was read and understood.
#[derive(Clone, PartialEq)]
pub struct Document {
    /// `metadata.name`.
    pub name: ClusterName,
    /// The wish. Its ids are nil until [`Document::command`] gives them.
    pub spec: Spec,
    /// `version` was given; else the newest is meant, or the one that is there.
    pub has_version: bool,
    /// `howdah.dev/allow-drop`.
    pub allow_drop: std::collections::BTreeSet<crate::DatabaseName>,
    /// Passwords in clear, by user. The caller turns them into verifiers and drops them.
    pub passwords: BTreeMap<RoleName, String>,
}

/// Reads a document, YAML or JSON. Errors are placed at the field, or at `line N`.
#[cfg(feature = "yaml")]
pub fn parse(_text: &str) -> Result<Document, Error> {
    Err(Error::invalid("line 1", "not read yet"))
}

/// Prints the document of a cluster as YAML. Passwords are never in it.
pub fn print(_cluster: &Cluster) -> String {
    String::new()
}

impl Document {
    /// The command that makes `found` (or a new cluster) what the document says, and what that costs in words. `newest` is the version meant when none
    /// is given; `fresh` makes ids.
    pub fn command(
        &self,
        found: Option<&Cluster>,
        project: ProjectId,
        expected: Option<u64>,
        newest: Major,
        fresh: impl FnMut() -> Uuid,
    ) -> Result<(Command, Vec<String>), Error> {
        let _ = (found, project, expected, newest, fresh);
        Err(Error::NotFound)
    }
}
