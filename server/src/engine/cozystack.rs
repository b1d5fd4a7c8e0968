//! Clusters on Cozystack, as one of its tenants: the wish becomes an `apps.cozystack.io` Postgres object, and everything else is the platform's. What a tenant
//! may not see is unknown here, and said.

use super::{Engine, EngineError, Sql, Verifiers, kube::place::Place};
use async_trait::async_trait;
use domain::{
    Cluster, ClusterId, FieldError, Timestamp,
    observed::{Observed, Progress},
    offer::Offer,
    place::{Access, Report},
    vitals::Usage,
};
use futures::{
    future,
    stream::{BoxStream, StreamExt},
};
use platform::Known;
use remove::Gone;
use sqlx::postgres::PgConnectOptions;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::time::sleep;
use tokio_stream::wrappers::BroadcastStream;
use watch::Nudger;

mod apply;
mod build;
mod chart;
mod check;
mod crd;
#[cfg(test)]
mod laws;
mod mark;
mod observe;
mod patch;
mod platform;
mod release;
mod remove;
mod watch;
mod words;

/// Between looks at the platform, and before the first one that came about.
const LOOKS: (Duration, Duration) = (Duration::from_secs(180), Duration::from_secs(1));
/// How long a cluster is left alone: watches there do not tell everything.
const QUIET: Duration = Duration::from_secs(60);

/// The engine.
pub struct Cozystack {
    place: Arc<Place>,
    known: Arc<RwLock<Known>>,
    nudger: Arc<Nudger>,
    gone: Gone,
}

impl Cozystack {
    /// Works at that place until it is closed.
    pub fn open(place: Arc<Place>) -> Arc<Self> {
        let engine = Arc::new(Self { place, known: Arc::new(RwLock::new(Known::nothing())), nudger: Arc::default(), gone: Gone::default() });
        let (place, known) = (engine.place.clone(), engine.known.clone());
        tokio::spawn(async move {
            let stop = place.target().stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                () = keep(&place, &known) => {}
            }
        });
        engine
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep(place: &Place, known: &RwLock<Known>) {
    loop {
        let pause = match platform::look(place).await {
            Some(found) => {
                *known.write().unwrap_or_else(PoisonError::into_inner) = found;
                LOOKS.0
            }
            None => LOOKS.1,
        };
        sleep(pause).await;
    }
}

#[async_trait]
impl Engine for Cozystack {
    async fn observe(&self, cluster: &Cluster) -> Result<Observed, EngineError> {
        let world = apply::look(&self.place, cluster).await?;
        Ok(observe::observed(cluster, &self.place.namespace(cluster), &world, Timestamp::now()))
    }

    async fn converge(&self, cluster: &Cluster, verifiers: &Verifiers) -> Result<Progress, EngineError> {
        let world = apply::look(&self.place, cluster).await?;
        self.nudger.follow(&self.place, &self.place.namespace(cluster), cluster);
        apply::converge(&self.place, &self.known().platform, cluster, verifiers, &world).await
    }

    async fn remove(&self, cluster: &Cluster) -> Result<Progress, EngineError> {
        let world = apply::look(&self.place, cluster).await?;
        let progress = remove::remove(&self.place, &self.known().platform, cluster, &world, &self.gone).await?;
        match progress {
            Progress::Settled => self.nudger.forget(&self.place.namespace(cluster), cluster),
            Progress::Moved(_) | Progress::Working(_) | Progress::Blocked(_) => self.nudger.follow(&self.place, &self.place.namespace(cluster), cluster),
        }
        Ok(progress)
    }

    async fn primary(&self, _cluster: &Cluster) -> Result<Option<PgConnectOptions>, EngineError> {
        Ok(None)
    }

    async fn usage(&self, _cluster: &Cluster) -> Vec<Usage> {
        Vec::new()
    }

    fn nudges(&self) -> BoxStream<'static, ClusterId> {
        // A listener that lags misses nudges only: the next look comes anyway.
        BroadcastStream::new(self.place.nudges()).filter_map(|nudge| future::ready(nudge.ok())).boxed()
    }

    fn offer(&self) -> Offer {
        words::offer(&self.known().platform)
    }

    fn refusals(&self, wish: &Cluster) -> Vec<FieldError> {
        check::early(wish, &self.known().platform.chart)
    }

    fn name(&self) -> &'static str {
        "Cozystack"
    }

    fn report(&self) -> Report {
        let known = self.known();
        let mut report = self.place.report(self.name());
        report.facts.extend(known.facts);
        report.findings.extend(known.findings);
        report
    }

    fn sql(&self) -> Sql {
        Sql::Nothing
    }

    fn quiet(&self) -> Option<Duration> {
        Some(QUIET)
    }

    async fn access(&self, cluster: &Cluster) -> Access {
        Access { ca: None, commands: words::commands(cluster, &self.place.namespace(cluster)) }
    }

    fn objects(&self, cluster: &Cluster) -> String {
        build::yaml(cluster, &self.place.namespace(cluster), &self.known().platform.chart)
    }
}
