//! What a place offers, so that pages offer nothing that cannot be had.

use crate::{topology::Topology, version::Major};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A version of PostgreSQL that can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The major version.
    pub major: Major,
    /// The whole version, as in `17.11`.
    pub full: String,
    /// Where it comes from: a folder or an image.
    pub image: String,
    /// Extensions that can be created, by name. Shared: they are many, and asked for with every page.
    pub extensions: Arc<[String]>,
}

/// What an engine offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Newest first.
    pub releases: Vec<Release>,
    /// Topologies.
    pub topologies: Vec<Topology>,
    /// Most instances of a cluster.
    pub max_instances: u8,
    /// A chosen replica can be made the primary.
    pub switchover: bool,
    /// Clusters can be paused.
    pub pause: bool,
    /// Instances can be restarted on demand.
    pub restart: bool,
    /// What one user makes in a database is open to the database's other administrators and readers at once, not only after the cluster's next change.
    pub rights_at_once: bool,
    /// Writes can be made to wait for a quorum that is not there; else why not.
    pub durable: Result<(), String>,
    /// Clusters can be made reachable from outside; else why not.
    pub external: Result<(), String>,
    /// Limits of processor and memory are enforced; else why not.
    pub limits: Result<(), String>,
    /// The size of volumes is enforced; else why not.
    pub storage: Result<(), String>,
    /// Storage classes to choose from; empty: only the default.
    pub storage_classes: Vec<String>,
    /// The certificate authority that clients verify servers of every cluster with, PEM; none: each cluster has its own.
    pub ca: Option<String>,
    /// What is different here from other places, each as a sentence: said before anything is created.
    pub remarks: Vec<String>,
}
