//! What all clusters of a data root share: folders, installs, certificates, limits.

use super::{
    cgroup::Limits,
    conf,
    installs::{Install, Installs},
    layout::{Layout, Site},
    mark::Settings,
    ports::Turn,
    room::Sums,
    tls::Authority,
};
use domain::Cluster;
use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

/// Programs that belong to an instance.
pub const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_"];
/// Programs that belong to a cluster.
pub const ALL_PROGRAMS: [&str; 4] = ["postgres", "initdb", "pg_", "haproxy"];

/// Shared by all clusters.
#[derive(Debug)]
pub struct Ground {
    /// Folders.
    pub layout: Layout,
    /// PostgreSQL and HAProxy, as last found.
    pub installs: RwLock<Arc<Installs>>,
    /// Control groups.
    pub limits: Limits,
    /// Certificates.
    pub authority: Authority,
    /// Whose turn it is to choose a port.
    pub ports: Turn,
    /// What data directories take.
    pub sums: Sums,
    /// Operating system users that may become superuser on a socket.
    pub users: Vec<String>,
}

/// A configuration file: where it lies and what must be in it.
pub type Wanted = Vec<(PathBuf, String)>;

impl Ground {
    /// What is installed, as last found.
    pub fn installs(&self) -> Arc<Installs> {
        self.installs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// PostgreSQL of the cluster's major.
    pub fn install(&self, cluster: &Cluster) -> Option<Arc<Install>> {
        self.installs().by_major.get(&cluster.spec.version).cloned()
    }

    /// The configuration files of an instance, all but the managed one.
    pub fn base(&self, cluster: &Cluster, site: &Site, ordinal: u8, port: u16, settings: &Settings) -> Wanted {
        let base = conf::Base { major: cluster.spec.version, name: cluster.name.as_str(), ordinal, port, site, settings, storage: cluster.spec.storage.get() };
        vec![
            (site.conf.join("postgresql.conf"), conf::postgresql(&base)),
            (site.conf.join("pg_hba.conf"), conf::hba()),
            (site.conf.join("pg_ident.conf"), conf::ident(&self.users)),
        ]
    }
}
