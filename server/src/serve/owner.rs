//! Who owns the engine: one process for each data root. Any number of others serve pages and take over when the owner is gone.

use crate::{
    config::State,
    engine::{
        Engine,
        local::{Local, LocalConfig, OpenError},
    },
    reconcile::{self, Settings, feed::Known, sampler},
    service::{Live, Offers},
    store::{Store, due},
};
use domain::offer::Offer;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How often a process that does not own the engine asks for it.
const AGAIN: Duration = Duration::from_secs(2);

/// The way to the engine.
pub(super) struct Owner {
    config: LocalConfig,
    engine: Arc<OnceLock<Arc<dyn Engine>>>,
    /// What the owner offers, for the processes that do not own the engine.
    notice: PathBuf,
}

impl Owner {
    pub(super) fn new(state: &State) -> Self {
        let data = state.folder();
        let config = LocalConfig { root: data.join("clusters"), installs: state.installs(), run_as: state.run_as() };
        Self { config, engine: Arc::default(), notice: data.join("offer.json") }
    }

    /// What can be had: the engine's word, else what its owner wrote down, else nothing.
    pub(super) fn offers(&self) -> Offers {
        let (engine, notice) = (self.engine.clone(), self.notice.clone());
        Arc::new(move || match engine.get() {
            Some(engine) => engine.offer(),
            None => std::fs::read(&notice).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_else(nothing),
        })
    }

    /// Reconciles and measures from the moment that this process owns the engine. Returns after the first attempt, so that the first page knows.
    pub(super) async fn start(self, parts: &mut JoinSet<()>, store: Store, live: Arc<Live>, known: Arc<Known>, settings: Settings, stop: CancellationToken) {
        let first = self.open().await;
        parts.spawn(async move {
            let Some(engine) = self.wait(first, &stop).await else { return };
            self.write_down(&engine.offer());
            // Whoever held a lease worked on this engine, and is dead: its lock is ours now.
            match due::inherit(&store).await {
                Ok(0) => {}
                Ok(leases) => info!(leases, "passes of a process that died go on here"),
                Err(error) => warn!(%error, "leases of a process that died have to run out first"),
            }
            tokio::join!(reconcile::run(store, engine.clone(), settings, stop.clone()), sampler::run(engine, live, known, stop.clone()),);
        });
    }

    async fn open(&self) -> Result<Arc<dyn Engine>, OpenError> {
        let engine: Arc<dyn Engine> = Local::open(self.config.clone()).await?;
        Ok(self.engine.get_or_init(|| engine).clone())
    }

    /// The engine, as soon as this process owns it. None: told to stop before.
    async fn wait(&self, first: Result<Arc<dyn Engine>, OpenError>, stop: &CancellationToken) -> Option<Arc<dyn Engine>> {
        let mut said = String::new();
        let mut attempt = first;
        loop {
            match attempt {
                Ok(engine) => {
                    info!(root = %self.config.root.display(), "this process owns the engine");
                    return Some(engine);
                }
                Err(error) => {
                    let why = error.to_string();
                    match error {
                        _ if why == said => {}
                        OpenError::Owned(_) => info!(why, "this process only serves pages; it asks for the engine every 2 s"),
                        OpenError::Failed(_) => error!(error = why, "the engine cannot be opened; it is tried again every 2 s"),
                    }
                    said = why;
                }
            }
            if timeout(AGAIN, stop.cancelled()).await.is_ok() {
                return None;
            }
            attempt = self.open().await;
        }
    }

    fn write_down(&self, offer: &Offer) {
        let written = serde_json::to_vec(offer).map_err(anyhow::Error::from).and_then(|text| Ok(std::fs::write(&self.notice, text)?));
        if let Err(error) = written {
            warn!(error = format!("{error:#}"), path = %self.notice.display(), "other processes will not know what can be had");
        }
    }
}

/// Nobody owns the engine yet.
fn nothing() -> Offer {
    let why = || Err("The engine is not open yet.".to_owned());
    Offer {
        releases: Vec::new(),
        topologies: Vec::new(),
        max_instances: 0,
        switchover: false,
        pause: false,
        external: why(),
        limits: why(),
        storage: why(),
        storage_classes: Vec::new(),
        ca: None,
    }
}
