//! A place where clusters can be created, and what is known about it.

use crate::{Timestamp, name::PlaceName, offer::Offer};
use serde::{Deserialize, Serialize};

/// A place as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its name, unique in a portal.
    pub name: PlaceName,
    /// Words about where it is; may be empty.
    pub region: String,
    /// What its last look came to.
    pub report: Report,
    /// What can be had there.
    pub offer: Offer,
}

/// What an engine knows about the place that it works in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which engine, for people: `local`, `CloudNativePG`, `Cozystack`; empty: not known yet.
    pub engine: String,
    /// It answers; else why not, as a sentence with what to do.
    pub reachable: Result<(), String>,
    /// When that was found; none: never looked.
    pub checked_at: Option<Timestamp>,
    /// Versions, kinds, catalogs, storage classes, namespaces: name and value, for people.
    pub facts: Vec<(String, String)>,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

/// Something at a place that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Nothing can be created until it is mended; else only something less can be had.
    pub serious: bool,
    /// What is so, as a sentence.
    pub message: String,
    /// What to do, as a sentence or a command.
    pub remedy: String,
}

/// How clients reach a cluster, beyond its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The certificate authority that clients verify the cluster's instances with, PEM; none: not known yet.
    pub ca: Option<String>,
    /// Commands that make it reachable: what for, and the command.
    pub commands: Vec<(String, String)>,
}
