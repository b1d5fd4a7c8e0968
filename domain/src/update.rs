//! What the event stream carries: whole values, never differences.

use crate::{
    cluster::{Cluster, ClusterId},
    vitals::Vitals,
};
use serde::{Deserialize, Serialize};

/// One message of the stream to a browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Update {
    /// All clusters that this reader may see; the first message of a connection.
    Snapshot(Vec<Cluster>),
    /// One cluster as it is now. Older revisions are to be ignored.
    Cluster(Box<Cluster>),
    /// A cluster is gone.
    Gone(ClusterId),
    /// Fresh measurements of one cluster.
    Vitals(Vitals),
    /// Whether the portal reaches its own database.
    Store {
        /// It does.
        reachable: bool,
    },
}
