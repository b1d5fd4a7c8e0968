//! The local engine: real PostgreSQL as plain processes on this machine. They outlive the portal; a restarted portal finds them by looking.

use super::{Engine, EngineError, Verifiers};
use anyhow::{Context, Result};
use async_trait::async_trait;
use domain::{
    Cluster, ClusterId,
    observed::{Observed, Progress},
    offer::Offer,
    place::{Finding, Report},
    spec::MAX_INSTANCES,
    status::Reason,
    topology::Topology,
    vitals::Usage,
};
use futures::{
    future,
    stream::{BoxStream, StreamExt},
};
use nix::fcntl::{Flock, FlockArg};
use sqlx::postgres::PgConnectOptions;
use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
    time::Duration,
};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

mod cgroup;
mod conf;
mod execute;
mod ground;
mod haproxy;
pub mod installs;
mod layout;
mod mark;
mod observe;
mod plan;
mod ports;
pub mod process;
mod room;
mod seen;
mod sql;
mod tls;
mod usage;
mod watch;
mod world;

use ground::Ground;

/// How long a program that was installed meanwhile stays unseen, and a log may grow.
const HOUSEKEEPING: Duration = Duration::from_secs(15);

/// Where and as whom the engine works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalConfig {
    /// The data root. One process at a time owns it.
    pub root: PathBuf,
    /// Folders that have `bin/postgres`, or folders of such. Debian's own place is always looked at.
    pub installs: Vec<PathBuf>,
    /// The operating system user that processes run as; none: the own one, or `postgres` for root.
    pub run_as: Option<String>,
}

/// Why the engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns the data root: try again later.
    #[error("another process works in {}: only one portal at a time may own a data folder", .0.display())]
    Owned(PathBuf),
    /// Anything else.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// The engine.
#[derive(Debug)]
pub struct Local {
    ground: Arc<Ground>,
    watch: watch::Watch,
    busy: Mutex<BTreeSet<ClusterId>>,
    samples: Arc<Mutex<usage::Samples>>,
    /// The id of the data root.
    id: uuid::Uuid,
    /// Held as long as the engine lives.
    _lock: Flock<fs::File>,
}

/// One pass at a time about one cluster: given back when the pass ends, wherever it is cut off.
struct Turn<'a>(&'a Mutex<BTreeSet<ClusterId>>, ClusterId);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl Local {
    /// Opens a data root: takes its lock, finds what is installed, makes what is missing.
    pub async fn open(config: LocalConfig) -> Result<Arc<Self>, OpenError> {
        let account = account(config.run_as.as_deref())?;
        fs::create_dir_all(&config.root).with_context(|| format!("making {}", config.root.display()))?;
        let root = fs::canonicalize(&config.root).with_context(|| format!("looking at {}", config.root.display()))?;
        let layout = layout::Layout::new(&root, account);
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(layout.lock()).context("opening the lock of the data folder")?;
        let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => return Err(OpenError::Owned(root)),
            Err((_, error)) => return Err(anyhow::Error::from(error).context("locking the data folder").into()),
        };
        layout.prepare()?;
        let id = identity(&layout)?;
        let authority = tls::Authority::open(&layout.authority())?;
        let limits = cgroup::Limits::discover(&layout.tag());
        let traces = installs::Installs::traces(&config.installs);
        let installs = RwLock::new(Arc::new(installs::Installs::discover(&config.installs).await));
        let own = process::Account::current()?.name;
        let users: BTreeSet<String> = [own, layout.account.name.clone()].into();
        let ground =
            Ground { layout, installs, limits, authority, ports: ports::Turn::default(), sums: room::Sums::default(), users: users.into_iter().collect() };
        let ground = Arc::new(ground);
        let watch = watch::Watch::default();
        tokio::spawn(keep_house(Arc::downgrade(&ground), watch.nudges(), config.installs, traces));
        Ok(Arc::new(Self { ground, watch, busy: Mutex::default(), samples: Arc::default(), id, _lock: lock }))
    }

    /// The id of its data root: the same wherever the folder is moved.
    pub const fn id(&self) -> uuid::Uuid {
        self.id
    }

    fn turn(&self, id: ClusterId) -> Option<Turn<'_>> {
        let mine = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        mine.then_some(Turn(&self.busy, id))
    }

    /// Wakes the reconciler when one of the cluster's processes dies.
    fn watch(&self, id: ClusterId) {
        let place = self.ground.layout.place(id);
        for ordinal in place.ordinals().unwrap_or_default() {
            if let Ok(Some(postmaster)) = observe::running(&place.site(ordinal)) {
                self.watch.add(id, postmaster);
            }
        }
        for process in process::under(&place.proxy(), &["haproxy"]).unwrap_or_default() {
            self.watch.add(id, process);
        }
    }

    /// Does the steps of a plan side by side. The first that did not come about tells how the pass went.
    async fn carry_out(&self, cluster: &Cluster, plan: plan::Plan) -> Result<Progress, EngineError> {
        let outcomes = future::join_all(plan.steps.iter().map(|step| async move {
            let started = std::time::Instant::now();
            let outcome = execute::execute(&self.ground, cluster, step).await;
            tracing::debug!(cluster.id = %cluster.id, step = %step.words(), duration_ms = started.elapsed().as_millis(), ok = matches!(outcome, Ok(Ok(()))), "step");
            outcome.with_context(|| step.words().trim_end_matches('.').to_owned())
        }));
        let mut waits = None;
        let mut failed = None;
        for outcome in outcomes.await {
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => waits = waits.or(Some(reason)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match (failed, waits) {
            (Some(error), _) => Err(EngineError::Retry(error)),
            (None, Some(reason)) => Ok(Progress::Working(reason)),
            (None, None) => Ok(plan.progress),
        }
    }
}

/// The id of a data root, made with the first opening.
fn identity(layout: &layout::Layout) -> Result<uuid::Uuid> {
    let path = layout.id();
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().with_context(|| format!("{} has no id in it", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = uuid::Uuid::new_v4();
            layout::write_durably(&path, &id.to_string(), 0o600)?;
            Ok(id)
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Finds what is installed, upgraded or taken away while the portal runs, and keeps logs short, as long as there is an engine.
async fn keep_house(ground: Weak<ground::Ground>, nudges: broadcast::Sender<ClusterId>, folders: Vec<PathBuf>, mut known: installs::Traces) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        let Some(ground) = ground.upgrade() else { return };
        let (shared, looked) = (ground.clone(), folders.clone());
        let house = tokio::task::spawn_blocking(move || {
            execute::trim_logs(&shared);
            installs::Installs::traces(&looked)
        });
        let Ok(now) = house.await else { continue };
        if now == known {
            continue;
        }
        let found = installs::Installs::discover(&folders).await;
        tracing::info!(versions = ?found.by_major.keys(), haproxy = found.haproxy.is_some(), "what is installed has changed");
        *ground.installs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(found);
        known = now;
        // Some of them may have waited for just that.
        for id in ground.layout.clusters().unwrap_or_default() {
            let _nobody_listens = nudges.send(id);
        }
    }
}

fn account(run_as: Option<&str>) -> Result<process::Account> {
    let own = process::Account::current()?;
    match run_as {
        Some(name) => process::Account::named(name),
        // PostgreSQL refuses to run as root.
        None if own.uid == 0 => process::Account::named("postgres"),
        None => Ok(own),
    }
}

#[async_trait]
impl Engine for Local {
    async fn observe(&self, cluster: &Cluster) -> Result<Observed, EngineError> {
        let world = observe::look(&self.ground, cluster).await?;
        Ok(seen::observed(cluster, &world, self.ground.limits.enforced()))
    }

    async fn converge(&self, cluster: &Cluster, _verifiers: &Verifiers) -> Result<Progress, EngineError> {
        let Some(_turn) = self.turn(cluster.id) else { return Ok(Progress::Working(Reason::new("Busy", "Another pass is under way."))) };
        let world = observe::look(&self.ground, cluster).await?;
        let plan = plan::plan(cluster, &world);
        if plan.steps.is_empty() {
            self.watch(cluster.id);
            return Ok(plan.progress);
        }
        self.carry_out(cluster, plan).await
    }

    async fn remove(&self, cluster: &Cluster) -> Result<Progress, EngineError> {
        let Some(_turn) = self.turn(cluster.id) else { return Ok(Progress::Working(Reason::new("Busy", "Another pass is under way."))) };
        match execute::remove_all(&self.ground, cluster).await? {
            Ok(()) => Ok(Progress::Settled),
            Err(reason) => Ok(Progress::Working(reason)),
        }
    }

    async fn primary(&self, cluster: &Cluster) -> Result<Option<PgConnectOptions>, EngineError> {
        let place = self.ground.layout.place(cluster.id);
        let Some(ordinal) = mark::ClusterMark::read(&place)?.and_then(|mark| mark.primary) else { return Ok(None) };
        let site = place.site(ordinal);
        let (Some(mark), Some(_)) = (mark::InstanceMark::read(&site)?, observe::running(&site)?) else { return Ok(None) };
        match sql::ask(&site, mark.port, 0).await {
            world::Answer::Up(facts) if !facts.recovering => Ok(Some(sql::options(&site, mark.port))),
            world::Answer::Up(_) | world::Answer::Silent => Ok(None),
            world::Answer::Unknown(why) => Err(EngineError::Retry(anyhow::anyhow!("instance {ordinal}: {why}"))),
        }
    }

    async fn usage(&self, cluster: &Cluster) -> Vec<Usage> {
        let (ground, samples, id) = (self.ground.clone(), self.samples.clone(), cluster.id);
        let measured = tokio::task::spawn_blocking(move || usage::measure(&ground, id, &mut samples.lock().unwrap_or_else(PoisonError::into_inner)));
        measured.await.unwrap_or_default()
    }

    fn nudges(&self) -> BoxStream<'static, ClusterId> {
        // A listener that lags misses nudges only: the next look comes anyway.
        BroadcastStream::new(self.watch.listen()).filter_map(|nudge| future::ready(nudge.ok())).boxed()
    }

    fn name(&self) -> &'static str {
        "local"
    }

    fn report(&self) -> Report {
        let installs = self.ground.installs();
        let versions: Vec<_> = installs.releases().into_iter().map(|release| release.full).collect();
        let finding = |message: &str, remedy: &str| Finding { serious: false, message: message.into(), remedy: remedy.into() };
        let mut findings = Vec::new();
        if installs.haproxy.is_none() {
            findings
                .push(finding("HAProxy is not installed, so clusters have one instance only.", "Install the package haproxy: it is found within a minute."));
        }
        if let Err(why) = self.ground.limits.enforced() {
            findings.push(finding(&why, "Run the portal as root on a machine with control groups."));
        }
        Report {
            engine: self.name().into(),
            reachable: Ok(()),
            checked_at: None,
            facts: vec![("PostgreSQL".into(), versions.join(", ")), ("Instances run as".into(), "processes of this machine".into())],
            findings,
        }
    }

    fn offer(&self) -> Offer {
        let installs = self.ground.installs();
        let replicated = installs.haproxy.is_some();
        let topologies = if replicated { vec![Topology::Standalone, Topology::Replicated] } else { vec![Topology::Standalone] };
        Offer {
            releases: installs.releases(),
            topologies,
            max_instances: if replicated { MAX_INSTANCES } else { 1 },
            switchover: replicated,
            pause: true,
            restart: true,
            rights_at_once: true,
            durable: Ok(()),
            external: Err("Clusters of this portal listen on this machine only.".into()),
            limits: self.ground.limits.enforced(),
            storage: Err("The size of volumes is watched, not enforced: this machine has no quotas for folders.".into()),
            storage_classes: Vec::new(),
            ca: Some(self.ground.authority.pem().to_owned()),
            remarks: Vec::new(),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.ground.limits.close();
    }
}
