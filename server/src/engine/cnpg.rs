//! CloudNativePG: a wish becomes a Cluster, DatabaseRoles, Databases and Secrets, applied as one field manager; the operator does the rest. `build`, `need`,
//! `landed` and `observe` are pure.

use super::{
    Engine, EngineError, Sql, Verifiers,
    kube::{object::Kind, place::Place, reach::Reach},
};
use async_trait::async_trait;
use domain::{
    Cluster, ClusterId, FieldError, Timestamp,
    observed::{Observed, Progress},
    offer::Offer,
    place::{Access, Report},
    spec::Power,
    vitals::{Usage, Vitals},
};
use futures::stream::{self, BoxStream, StreamExt};
use observe::{Besides, Outside};
use sqlx::postgres::PgConnectOptions;
use std::{sync::Arc, time::Duration};
use world::Eyes;

mod act;
mod apply;
mod build;
mod crd;
mod enter;
mod exporter;
mod inside;
mod landed;
mod memory;
mod monitor;
mod need;
mod observe;
mod offer;
mod proof;
mod refuse;
mod remove;
#[cfg(test)]
mod tests;
mod usage;
mod world;

/// How long a cluster that is as wished for is left alone: every change of its objects is a nudge, so only what is changed by hand inside PostgreSQL waits for
/// it. Each look opens a way to the primary, which is nearly all that idle clusters cost.
const QUIET: Duration = Duration::from_secs(900);

/// The engine at one place.
pub struct Cnpg {
    place: Arc<Place>,
    eyes: Arc<Eyes>,
    reach: Reach,
    memory: memory::Memory,
    doors: enter::Doors,
    heard: exporter::Heard,
}

/// Whether roles and databases are objects there. Else SQL makes them.
fn has_roles(place: &Place) -> bool {
    // None at all: not known, as while CRDs come or go.
    place.facts().is_none_or(|facts| facts.cnpg.is_empty() || facts.has_cnpg("DatabaseRole") && facts.has_cnpg("Database"))
}

impl Cnpg {
    /// The engine at a place; nothing is asked of it yet.
    pub fn new(place: Arc<Place>) -> Arc<Self> {
        let eyes = Arc::new(Eyes::new(&place));
        let (memory, doors, heard) = (memory::Memory::default(), enter::Doors::default(), exporter::Heard::default());
        Arc::new(Self { reach: Reach::new(place.clone()), place, eyes, memory, doors, heard })
    }

    /// The address that a load balancer gave.
    async fn outside(&self, cluster: &Cluster, namespace: &str) -> Outside {
        if !cluster.spec.external {
            return Outside::Unwanted;
        }
        let service = match self.place.get_raw(&Kind::core("Service", "services"), Some(namespace), &build::external(cluster)).await {
            Ok(Some(service)) => service,
            Ok(None) => return Outside::Awaited,
            Err(failure) => return Outside::Unseen(EngineError::from(failure).to_string()),
        };
        let given = &service.data["status"]["loadBalancer"]["ingress"][0];
        let host = given["hostname"].as_str().or_else(|| given["ip"].as_str());
        host.map_or(Outside::Awaited, |host| Outside::Given(host.to_owned()))
    }
}

#[async_trait]
impl Engine for Cnpg {
    async fn observe(&self, cluster: &Cluster) -> Result<Observed, EngineError> {
        let namespace = self.place.namespace(cluster);
        let (world, outside) = tokio::join!(self.eyes.look(cluster), self.outside(cluster, &namespace));
        let besides =
            Besides { outside, roles: has_roles(&self.place), secrets: self.memory.secrets_of(cluster), unmonitored: self.memory.unmonitored(cluster.id) };
        Ok(observe::observed(cluster, &namespace, &world?, &besides, Timestamp::now()))
    }

    async fn converge(&self, cluster: &Cluster, verifiers: &Verifiers) -> Result<Progress, EngineError> {
        self.converged(cluster, verifiers).await
    }

    async fn remove(&self, cluster: &Cluster) -> Result<Progress, EngineError> {
        let progress = self.removed(cluster).await?;
        if progress == Progress::Settled {
            self.memory.forget(cluster.id);
            self.doors.forget(cluster.id);
            self.heard.forget(cluster.id);
            self.reach.forget(cluster.id);
        }
        Ok(progress)
    }

    async fn primary(&self, cluster: &Cluster) -> Result<Option<PgConnectOptions>, EngineError> {
        if cluster.spec.power == Power::Off {
            return Ok(None);
        }
        Ok(self.enter(cluster).await?)
    }

    async fn usage(&self, cluster: &Cluster) -> Vec<Usage> {
        usage::measure(&self.place, cluster).await
    }

    async fn hearsay(&self, cluster: &Cluster) -> Option<Vitals> {
        self.exported(cluster).await
    }

    fn unmeasured(&self) -> String {
        self.exported_words()
    }

    fn nudges(&self) -> BoxStream<'static, ClusterId> {
        // Those of the place are passed on by who opened it.
        stream::pending().boxed()
    }

    fn offer(&self) -> Offer {
        offer::offer(&self.place)
    }

    fn refusals(&self, wish: &Cluster) -> Vec<FieldError> {
        refuse::amounts(wish).into_iter().collect()
    }

    fn name(&self) -> &'static str {
        "CloudNativePG"
    }

    fn report(&self) -> Report {
        offer::report(&self.place, self.name())
    }

    fn sql(&self) -> Sql {
        if has_roles(&self.place) { Sql::Rights } else { Sql::Everything }
    }

    fn quiet(&self) -> Option<Duration> {
        Some(QUIET)
    }

    async fn access(&self, cluster: &Cluster) -> Access {
        self.ways(cluster).await
    }

    fn objects(&self, cluster: &Cluster) -> String {
        apply::preview(
            &self.place,
            cluster,
            self.eyes.glance(&self.place.namespace(cluster), cluster.name.as_str()).map(|object| object.meta.uid.clone()).as_deref(),
        )
    }
}
