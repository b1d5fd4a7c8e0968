//! A place on Kubernetes: one API server, spoken to by whichever engine fits what it has. Opening one never waits, and never fails: what is wrong with a
//! place is told by its report, and tried again by itself.

use super::{Engine, EngineError, Sql, Verifiers, cnpg::Cnpg, cozystack::Cozystack};
use async_trait::async_trait;
use domain::{
    Cluster, ClusterId, FieldError, PlaceName,
    observed::{Observed, Progress},
    offer::Offer,
    place::{Access, Report},
    vitals::{Usage, Vitals},
};
use futures::stream::{BoxStream, StreamExt};
use place::Place;
use probe::{CNPG, COZYSTACK, Facts};
use sqlx::postgres::PgConnectOptions;
use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub mod failure;
mod keeper;
mod link;
pub mod object;
pub mod parameters;
pub mod place;
pub mod probe;
pub mod reach;
mod report;
pub mod rights;
pub mod watch;
pub mod yaml;

/// Longest wait for the first look at a place.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// Which engine works at a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Whichever fits: CloudNativePG where its clusters can be created, else Cozystack.
    #[default]
    Auto,
    /// CloudNativePG.
    Cnpg,
    /// Cozystack.
    Cozystack,
}

/// Where an API server is, and how the portal works there.
#[derive(Debug, Clone)]
pub struct Target {
    /// The place's name.
    pub name: PlaceName,
    /// None: the cluster that this process runs in.
    pub kubeconfig: Option<PathBuf>,
    /// None: the kubeconfig's current one.
    pub context: Option<String>,
    /// Where clusters are created. `{project}` in it is replaced: `default` for the project that every portal has, else its id.
    pub namespace: String,
    /// Which engine.
    pub engine: Choice,
    /// The image catalog to take images from: the name of a `ClusterImageCatalog`, or `ImageCatalog/` and the name of one of the namespace. None: the first
    /// one that belongs to no namespace.
    pub catalog: Option<String>,
    /// Each cluster gets a PodMonitor.
    pub pod_monitor: bool,
    /// Ends everything that runs for the place.
    pub stop: CancellationToken,
}

impl Target {
    /// Name of the image catalog of the namespace, if it is such a one that was named.
    pub fn own_catalog(&self) -> Option<&str> {
        self.catalog.as_deref()?.strip_prefix("ImageCatalog/")
    }
}

/// Opens a place. At once: it is looked at in the background.
pub fn open(target: Target) -> Arc<dyn Engine> {
    let place = Place::new(target);
    let kube = Arc::new(Kube { place: place.clone(), driver: RwLock::new(None) });
    if place.target().engine != Choice::Auto {
        kube.choose(place.target().engine);
    }
    let told = kube.clone();
    tokio::spawn(keeper::run(place, move |facts| told.found(facts)));
    kube
}

/// An engine that is there only when it is known which.
struct Kube {
    place: Arc<Place>,
    driver: RwLock<Option<(Choice, Arc<dyn Engine>)>>,
}

impl Kube {
    fn found(&self, facts: &Facts) {
        let fits = match self.place.target().engine {
            Choice::Auto => fitting(facts),
            chosen => Some(chosen),
        };
        // What worked so far stays, also while its kinds are taken away: clusters are not handed from one engine to another by a passing look.
        if let (Some(fits), None) = (fits, self.driver()) {
            self.choose(fits);
        }
    }

    fn choose(&self, choice: Choice) {
        let engine: Option<Arc<dyn Engine>> = match choice {
            Choice::Cnpg => Some(Cnpg::new(self.place.clone())),
            Choice::Cozystack => Some(Cozystack::open(self.place.clone())),
            Choice::Auto => None,
        };
        info!(place = self.place.name(), ?choice, "engine");
        *self.driver.write().unwrap_or_else(PoisonError::into_inner) = engine.map(|engine| (choice, engine));
    }

    fn driver(&self) -> Option<Arc<dyn Engine>> {
        self.driver.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, engine)| engine.clone())
    }

    async fn engine(&self, cluster: &Cluster) -> Result<Arc<dyn Engine>, EngineError> {
        self.place.remember(cluster.id);
        // Only right after the start: a portal that restarts must not tell of every cluster that it cannot be seen.
        self.place.looked_at(FIRST_LOOK).await;
        // Down is told first: it explains why there is no engine, and costs no wait.
        self.place.client()?;
        self.driver().ok_or_else(|| {
            let why = match self.place.facts() {
                Some(facts) if facts.uncertain => "could not wholly be asked yet what it has and what the portal may do there",
                Some(_) | None => "has neither CloudNativePG nor Cozystack",
            };
            EngineError::Retry(anyhow::anyhow!("{} {why}", self.place.name()))
        })
    }
}

/// The engine that fits what a place has. None also as long as that is not known for certain: the choice lasts.
fn fitting(facts: &Facts) -> Option<Choice> {
    if facts.uncertain {
        return None;
    }
    let cnpg = facts.groups.contains(CNPG);
    match (cnpg && facts.may_create_cnpg(), facts.groups.contains(COZYSTACK), cnpg) {
        (true, ..) => Some(Choice::Cnpg),
        (false, true, _) => Some(Choice::Cozystack),
        (false, false, true) => Some(Choice::Cnpg),
        (false, false, false) => None,
    }
}

#[async_trait]
impl Engine for Kube {
    async fn observe(&self, cluster: &Cluster) -> Result<Observed, EngineError> {
        self.engine(cluster).await?.observe(cluster).await
    }

    async fn converge(&self, cluster: &Cluster, verifiers: &Verifiers) -> Result<Progress, EngineError> {
        self.engine(cluster).await?.converge(cluster, verifiers).await
    }

    async fn remove(&self, cluster: &Cluster) -> Result<Progress, EngineError> {
        let progress = self.engine(cluster).await?.remove(cluster).await?;
        if progress == Progress::Settled {
            self.place.forget(cluster.id);
        }
        Ok(progress)
    }

    async fn primary(&self, cluster: &Cluster) -> Result<Option<PgConnectOptions>, EngineError> {
        self.engine(cluster).await?.primary(cluster).await
    }

    async fn usage(&self, cluster: &Cluster) -> Vec<Usage> {
        match self.engine(cluster).await {
            Ok(engine) => engine.usage(cluster).await,
            Err(_) => Vec::new(),
        }
    }

    async fn hearsay(&self, cluster: &Cluster) -> Option<Vitals> {
        self.driver()?.hearsay(cluster).await
    }

    fn unmeasured(&self) -> String {
        self.driver().map_or_else(String::new, |engine| engine.unmeasured())
    }

    fn nudges(&self) -> BoxStream<'static, ClusterId> {
        let name = self.place.name().to_owned();
        let heard = move |nudge| match nudge {
            Ok(id) => Some(id),
            Err(BroadcastStreamRecvError::Lagged(lost)) => {
                warn!(place = name, lost, "nudges came faster than they were taken: those clusters are looked at later");
                None
            }
        };
        BroadcastStream::new(self.place.nudges()).filter_map(move |nudge| std::future::ready(heard(nudge))).boxed()
    }

    fn offer(&self) -> Offer {
        self.driver().map_or_else(report::nothing, |engine| engine.offer())
    }

    fn refusals(&self, wish: &Cluster) -> Vec<FieldError> {
        self.driver().map_or_else(Vec::new, |engine| engine.refusals(wish))
    }

    fn name(&self) -> &'static str {
        self.driver().map_or("", |engine| engine.name())
    }

    fn report(&self) -> Report {
        self.driver().map_or_else(|| self.place.report(self.name()), |engine| engine.report())
    }

    fn sql(&self) -> Sql {
        self.driver().map_or(Sql::Nothing, |engine| engine.sql())
    }

    fn quiet(&self) -> Option<Duration> {
        self.driver().and_then(|engine| engine.quiet())
    }

    async fn access(&self, cluster: &Cluster) -> Access {
        match self.engine(cluster).await {
            Ok(engine) => engine.access(cluster).await,
            Err(_) => Access::default(),
        }
    }

    fn objects(&self, cluster: &Cluster) -> String {
        self.driver().map_or_else(String::new, |engine| engine.objects(cluster))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cozystack_is_taken_only_where_clusters_cannot_be_created_directly() {
        let denied = || {
            let right = rights::needed(&[rights::Part::Cnpg]).find(|right| right.resource == "clusters").expect("a right");
            let asks = right.asks().filter(|ask| ask.verb == "create").collect();
            probe::Lack { right, asks }
        };
        let facts = |groups: &[&str], denied: &[probe::Lack]| Facts {
            groups: groups.iter().map(ToString::to_string).collect(),
            missing: denied.to_vec(),
            ..Facts::default()
        };
        let no = denied();
        assert_eq!(fitting(&facts(&[CNPG], &[])), Some(Choice::Cnpg));
        assert_eq!(fitting(&facts(&[CNPG, COZYSTACK], &[])), Some(Choice::Cnpg));
        assert_eq!(fitting(&facts(&[CNPG, COZYSTACK], std::slice::from_ref(&no))), Some(Choice::Cozystack));
        assert_eq!(fitting(&facts(&[COZYSTACK], &[])), Some(Choice::Cozystack));
        assert_eq!(fitting(&facts(&[CNPG], std::slice::from_ref(&no))), Some(Choice::Cnpg), "the report then says what is missing");
        assert_eq!(fitting(&facts(&["apps"], &[])), None);
        assert_eq!(fitting(&Facts { uncertain: true, ..facts(&[CNPG, COZYSTACK], &[]) }), None, "a review that was not answered grants nothing");
    }
}
