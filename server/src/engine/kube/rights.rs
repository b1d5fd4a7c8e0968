//! The rights that the portal needs at a place.

use super::probe::{CNPG, Facts};
use std::fmt;

/// One verb on one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// API group; empty for the core.
    pub group: &'static str,
    /// As in `clusters`.
    pub resource: &'static str,
    /// As in `status`, or empty.
    pub subresource: &'static str,
    /// As in `create`.
    pub verb: &'static str,
    /// Of a kind without namespaces.
    pub cluster_wide: bool,
}

impl Right {
    /// In a namespace.
    pub const fn new(group: &'static str, resource: &'static str, subresource: &'static str, verb: &'static str) -> Self {
        Self { group, resource, subresource, verb, cluster_wide: false }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        write!(f, "{} {}{dot}{}{slash}{}", self.verb, self.resource, self.group, self.subresource)
    }
}

/// What is needed of what the place has.
pub fn needed(facts: &Facts) -> impl Iterator<Item = Right> {
    let all: &[(&'static str, &'static str, &'static str, &[&'static str])] = if facts.groups.contains(CNPG) {
        &[
            (CNPG, "clusters", "", &["get", "list", "watch", "create", "patch", "delete"]),
            (CNPG, "clusters", "status", &["patch"]),
            (CNPG, "databases", "", &["get", "list", "watch", "create", "patch", "delete"]),
            (CNPG, "databaseroles", "", &["get", "list", "watch", "create", "patch", "delete"]),
            ("", "secrets", "", &["get", "create", "patch", "delete"]),
            ("", "services", "", &["get", "create", "patch", "delete"]),
            ("", "pods", "", &["get", "list", "watch"]),
            ("", "persistentvolumeclaims", "", &["get", "list"]),
        ]
    } else {
        &[]
    };
    all.iter().flat_map(|(group, resource, subresource, verbs)| verbs.iter().map(|verb| Right::new(group, resource, subresource, verb)))
}
