//! The portal's private PostgreSQL, for portals that were given no database: made, started, shared by the processes of one data folder, stopped by the
//! last of them. It listens on a unix socket only, and lets in nobody but the portal's own user. It outlives a portal that was killed, and is found again.

use crate::{
    config::State,
    engine::local::process::Identity,
    store::{Store, StoreError},
};
use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use postmaster::Postmaster;
use std::{fs::File, path::Path, sync::Arc, time::Duration};

mod postmaster;
mod socket;

/// How long a start may take, crash recovery included.
const START: Duration = Duration::from_secs(60);

/// The portal's database, with the private PostgreSQL that it may live in.
pub struct Database {
    /// Ready for use.
    pub store: Store,
    private: Option<Private>,
}

impl Database {
    /// The database that the flags ask for, reached and brought up to date.
    pub async fn open(state: &State) -> Result<Self> {
        let private = match state.database() {
            Some(_) => None,
            None => Some(Private::open(&state.folder(), &state.installs(), state.run_as().as_deref()).await?),
        };
        let url = private.as_ref().map(Private::url).or(state.database()).context("no database")?;
        match reach(url).await {
            Ok(store) => Ok(Self { store, private }),
            Err(error) => {
                if let Some(private) = private {
                    private.close().await?;
                }
                Err(error)
            }
        }
    }

    /// Closes the connections, and stops the private PostgreSQL unless another process uses it.
    pub async fn close(self) -> Result<()> {
        // A connection that somebody still holds must not keep the portal from ending: the server's stop ends it.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.store.pool().close()).await;
        match self.private {
            Some(private) => private.close().await,
            None => Ok(()),
        }
    }
}

async fn reach(url: &str) -> Result<Store> {
    let store = Store::connect(url).await.context("the portal cannot reach its own database")?;
    store.migrate().await.map_err(|error: StoreError| anyhow::Error::new(error).context("the portal's own database cannot be brought up to date"))?;
    Ok(store)
}

/// A running private PostgreSQL. While this is held, no other process stops it.
pub struct Private {
    url: String,
    postmaster: Arc<Postmaster>,
    users: Flock<File>,
    supervisor: tokio::task::JoinHandle<()>,
}

impl Private {
    /// Starts the PostgreSQL of this data folder, or finds the one that runs.
    pub async fn open(data: &Path, installs: &[std::path::PathBuf], run_as: Option<&str>) -> Result<Self> {
        let postmaster = Arc::new(Postmaster::prepare(data, installs, run_as).await?);
        let held = postmaster.hold().await?;
        let running = postmaster.ensure().await.context("the portal's private PostgreSQL does not start")?;
        let users = lock(&postmaster.users(), FlockArg::LockSharedNonblock).context("the portal's private PostgreSQL is being stopped")?;
        drop(held);
        let supervisor = tokio::spawn(supervise(postmaster.clone(), running));
        Ok(Self { url: postmaster.url(), postmaster, users, supervisor })
    }

    /// How to connect.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it, unless another process uses it.
    pub async fn close(self) -> Result<()> {
        let Self { url: _, postmaster, users, supervisor } = self;
        supervisor.abort();
        let _ = supervisor.await;
        let held = postmaster.hold().await?;
        drop(users);
        if let Ok(_alone) = lock(&postmaster.users(), FlockArg::LockExclusiveNonblock) {
            postmaster.stop().await.context("the portal's private PostgreSQL does not stop")?;
        }
        drop(held);
        Ok(())
    }
}

/// Starts it again whenever it is found dead, and says so.
async fn supervise(postmaster: Arc<Postmaster>, mut running: Identity) {
    let mut pause = Duration::from_millis(200);
    loop {
        running.death().await;
        tracing::warn!("the portal's private PostgreSQL is gone; starting it again");
        loop {
            match again(&postmaster).await {
                Ok(found) => {
                    running = found;
                    pause = Duration::from_millis(200);
                    break;
                }
                Err(error) => tracing::error!(error = %format!("{error:#}"), "the portal's private PostgreSQL does not start"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }
}

async fn again(postmaster: &Postmaster) -> Result<Identity> {
    let _held = postmaster.hold().await?;
    postmaster.ensure().await
}

/// A lock that goes with the process, however that ends.
fn lock(path: &Path, how: FlockArg) -> Result<Flock<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path).with_context(|| format!("opening {}", path.display()))?;
    match Flock::lock(file, how) {
        Ok(lock) => Ok(lock),
        Err((_, error)) => bail!("locking {}: {error}", path.display()),
    }
}
