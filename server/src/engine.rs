//! Where PostgreSQL runs. An engine knows no store: what it must remember lies beside the data.

use async_trait::async_trait;
use domain::{
    Cluster, ClusterId,
    observed::{Observed, Progress},
    offer::Offer,
    status::Reason,
    vitals::Usage,
};
use futures::stream::BoxStream;
use sqlx::postgres::PgConnectOptions;

pub mod kube;
pub mod local;

/// The reconciler has two reactions to a failed call.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It may work the next time.
    #[error("{0:#}")]
    Retry(#[from] anyhow::Error),
    /// Only a new wish or a person can help.
    #[error("{}", .0.message)]
    Blocked(Reason),
}

/// Where PostgreSQL runs. Every method may be cut off at any await and called again.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Looks; changes nothing. `inside` of the answer is unknown: the reconciler looks inside by [`Engine::primary`].
    async fn observe(&self, cluster: &Cluster) -> Result<Observed, EngineError>;

    /// One pass closer to the wish. Looks for itself first, since what the caller saw may be old. `Moved` asks to be called again at once.
    async fn converge(&self, cluster: &Cluster) -> Result<Progress, EngineError>;

    /// Takes away processes, ports and data, until `Settled`: nothing is left.
    async fn remove(&self, cluster: &Cluster) -> Result<Progress, EngineError>;

    /// How to reach the primary as a superuser (database `postgres`); none while nobody accepts writes.
    async fn primary(&self, cluster: &Cluster) -> Result<Option<PgConnectOptions>, EngineError>;

    /// What each instance uses just now. Empty: not known.
    async fn usage(&self, cluster: &Cluster) -> Vec<Usage>;

    /// Clusters at which something happened: "look at this one", nothing more.
    fn nudges(&self) -> BoxStream<'static, ClusterId>;

    /// What can be had.
    fn offer(&self) -> Offer;
}
