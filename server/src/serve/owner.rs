//! Who owns the local engine: one process for each data root. Any number of others serve pages and take over when the owner is gone.

use super::Parts;
use crate::{
    config::State,
    engine::{
        Engine,
        local::{Local, LocalConfig, OpenError},
    },
    places::Site,
    store::{
        Store, due,
        roots::{self, Claimed},
    },
};
use anyhow::{Context, anyhow};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};
use tracing::{error, info, warn};

/// How often a process that does not own the engine asks for it.
const AGAIN: Duration = Duration::from_secs(2);

/// The way to the engine.
pub(super) struct Owner {
    config: LocalConfig,
}

impl Owner {
    pub(super) fn new(state: &State) -> Self {
        Self { config: LocalConfig { root: state.folder().join("clusters"), installs: state.installs(), run_as: state.run_as() } }
    }

    /// Where the owner writes down what it offers, for the processes that do not own the engine.
    pub(super) fn notice(state: &State) -> PathBuf {
        state.folder().join("offer.json")
    }

    /// Reconciles and measures from the moment that this process owns the engine. Returns after the first attempt, so that the first page knows.
    pub(super) async fn start(self, tasks: &mut JoinSet<()>, site: Arc<Site>, parts: Parts) {
        let first = self.open(&site, &parts.store).await;
        tasks.spawn(async move {
            let Some(engine) = self.wait(first, &site, &parts).await else { return };
            // Whoever held a lease worked on this engine, and is dead: its lock is ours now.
            match due::inherit(&parts.store, site.name()).await {
                Ok(0) => {}
                Ok(leases) => info!(leases, "passes of a process that died go on here"),
                Err(error) => warn!(%error, "leases of a process that died have to run out first"),
            }
            parts.run(site.name().clone(), engine).await;
        });
    }

    async fn open(&self, site: &Site, store: &Store) -> Result<Arc<dyn Engine>, OpenError> {
        let engine = Local::open(self.config.clone()).await?;
        // In another folder its clusters would be missing: made anew, or forgotten while they run.
        match roots::claim(store, site.name(), engine.id(), &self.config.root).await.context("asking whose the clusters are")? {
            Claimed::Ours => Ok(site.opened(engine).clone()),
            Claimed::Theirs(folder) => Err(OpenError::Failed(anyhow!(
                "the clusters of this database lie in {folder}, not in {}: start with the --data that they were made with, or give this portal a database of \
                 its own. If that folder is lost for good, delete its row from the table data_roots",
                self.config.root.display()
            ))),
        }
    }

    /// The engine, as soon as this process owns it. None: told to stop before.
    async fn wait(&self, first: Result<Arc<dyn Engine>, OpenError>, site: &Site, parts: &Parts) -> Option<Arc<dyn Engine>> {
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
            if timeout(AGAIN, parts.stop.cancelled()).await.is_ok() {
                return None;
            }
            attempt = self.open(site, &parts.store).await;
        }
    }
}
