//! Where PostgreSQL runs. An engine knows no store: what it must remember lies beside the data.

use crate::secret::Verifier;
use async_trait::async_trait;
use domain::{
    Cluster, ClusterId, FieldError, RoleName,
    observed::{Observed, Progress},
    offer::Offer,
    place::{Access, Report},
    status::Reason,
    vitals::{Usage, Vitals},
};
use futures::stream::BoxStream;
use sqlx::postgres::PgConnectOptions;
use std::{collections::BTreeMap, time::Duration};

pub mod cnpg;
pub mod cozystack;
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

/// Verifiers of the passwords of a cluster's users, by user.
pub type Verifiers = BTreeMap<RoleName, Verifier>;

/// How much of what is wished for inside PostgreSQL is made by SQL; the engine makes the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sql {
    /// Roles, databases, extensions and rights.
    Everything,
    /// Rights only: roles, databases and extensions are the engine's, and SQL waits until they are there.
    Rights,
    /// Nothing: nobody may connect as superuser. What [`Engine::observe`] says of the inside is all there is.
    Nothing,
}

/// Where PostgreSQL runs. Every method may be cut off at any await and called again.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Looks; changes nothing. `inside` of the answer is what the engine itself makes of users and databases; unknown where SQL makes everything.
    async fn observe(&self, cluster: &Cluster) -> Result<Observed, EngineError>;

    /// One pass closer to the wish. Looks for itself first, since what the caller saw may be old. `Moved` asks to be called again at once.
    async fn converge(&self, cluster: &Cluster, verifiers: &Verifiers) -> Result<Progress, EngineError>;

    /// Takes away processes, ports and data, until `Settled`: nothing is left.
    async fn remove(&self, cluster: &Cluster) -> Result<Progress, EngineError>;

    /// How to reach the primary as a superuser (database `postgres`); none while nobody accepts writes.
    async fn primary(&self, cluster: &Cluster) -> Result<Option<PgConnectOptions>, EngineError>;

    /// What each instance uses just now. Empty: not known.
    async fn usage(&self, cluster: &Cluster) -> Vec<Usage>;

    /// What somebody else measures of a cluster into which nobody gets. None: nobody does.
    async fn hearsay(&self, _cluster: &Cluster) -> Option<Vitals> {
        None
    }

    /// What is measured of clusters into which nobody gets, and what is not: a sentence.
    fn unmeasured(&self) -> String {
        "Lag and connections are not measured.".into()
    }

    /// Clusters at which something happened: "look at this one", nothing more.
    fn nudges(&self) -> BoxStream<'static, ClusterId>;

    /// What can be had.
    fn offer(&self) -> Offer;

    /// What of a wish cannot be had although the offer does not exclude it, each at its field: asked before anything is saved. Never waits.
    fn refusals(&self, _wish: &Cluster) -> Vec<FieldError> {
        Vec::new()
    }

    /// Which engine, for people: `local`, `CloudNativePG`, `Cozystack`; empty: not known yet. Clusters keep it, so that it never changes.
    fn name(&self) -> &'static str;

    /// What is known about the place itself. Never waits.
    fn report(&self) -> Report;

    /// How much of the inside is made by SQL.
    fn sql(&self) -> Sql {
        Sql::Everything
    }

    /// How long a cluster that is as wished for may be left alone, where every change to it is announced by a nudge. None: as the reconciler thinks.
    fn quiet(&self) -> Option<Duration> {
        None
    }

    /// How clients reach a cluster, beyond its addresses.
    async fn access(&self, _cluster: &Cluster) -> Access {
        Access { ca: self.offer().ca, commands: Vec::new() }
    }

    /// The objects that stand for a wish where it is applied, as YAML without secrets; empty: there are none.
    fn objects(&self, _cluster: &Cluster) -> String {
        String::new()
    }
}
