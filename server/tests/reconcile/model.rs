//! An engine without machines: it does what the test says, writes down what it was asked, and notices when two passes meet at one cluster.

use async_trait::async_trait;
use domain::{
    Cluster, ClusterId,
    observed::{Observed, Progress, Seen},
    offer::{Offer, Release},
    place::Report,
    spec::Power,
    status::{InstanceRole, InstanceState, InstanceStatus, Reason},
    version::Major,
    vitals::{Sync, Usage},
};
use futures::{StreamExt, stream::BoxStream};
use server::engine::{Engine, EngineError, Verifiers};
use sqlx::postgres::PgConnectOptions;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::broadcast, time::sleep};
use tokio_stream::wrappers::BroadcastStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Well,
    /// One step at a time.
    Steps(u32),
    Waits,
    Slowly(Duration),
    Fails,
    Panics,
    Hangs,
    Refuses,
    /// Well, with a note that something is still to come.
    Notes,
}

#[derive(Default)]
struct Cell {
    /// Generations that `converge` was called with, in order.
    asked: Vec<u64>,
    steps: u32,
    removed: u32,
    under_way: u32,
    met: bool,
}

pub struct Model {
    does: Mutex<HashMap<ClusterId, Does>>,
    cells: Mutex<HashMap<ClusterId, Cell>>,
    primary: Option<PgConnectOptions>,
    nudges: broadcast::Sender<ClusterId>,
    /// How long a cluster that is as wished for is left alone.
    pub quiet: Mutex<Option<Duration>>,
    name: Mutex<&'static str>,
}

impl Model {
    pub fn new(primary: Option<PgConnectOptions>) -> Arc<Self> {
        Arc::new(Self {
            does: Mutex::default(),
            cells: Mutex::default(),
            primary,
            nudges: broadcast::Sender::new(16),
            name: Mutex::new("model"),
            quiet: Mutex::default(),
        })
    }

    /// As if another engine worked there from now on.
    pub fn rename(&self, name: &'static str) {
        *self.name.lock().unwrap() = name;
    }

    pub fn set(&self, id: ClusterId, does: Does) {
        self.does.lock().unwrap().insert(id, does);
    }

    pub fn nudge(&self, id: ClusterId) {
        self.nudges.send(id).unwrap();
    }

    pub fn asked(&self, id: ClusterId) -> Vec<u64> {
        self.cells.lock().unwrap().get(&id).map(|cell| cell.asked.clone()).unwrap_or_default()
    }

    pub fn removed(&self, id: ClusterId) -> u32 {
        self.cells.lock().unwrap().get(&id).map_or(0, |cell| cell.removed)
    }

    pub fn under_way(&self, id: ClusterId) -> bool {
        self.cells.lock().unwrap().get(&id).is_some_and(|cell| cell.under_way > 0)
    }

    /// Two passes were at one cluster at once.
    pub fn met(&self) -> bool {
        self.cells.lock().unwrap().values().any(|cell| cell.met)
    }

    fn at<T>(&self, id: ClusterId, act: impl FnOnce(&mut Cell) -> T) -> T {
        act(self.cells.lock().unwrap().entry(id).or_default())
    }

    fn enter(&self, id: ClusterId) -> Visit<'_> {
        self.at(id, |cell| {
            cell.met |= cell.under_way > 0;
            cell.under_way += 1;
        });
        Visit(self, id)
    }

    fn how(&self, id: ClusterId) -> Does {
        self.does.lock().unwrap().get(&id).copied().unwrap_or(Does::Well)
    }
}

struct Visit<'a>(&'a Model, ClusterId);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        // Also when cut off, and after a panic.
        if let Ok(mut cells) = self.0.cells.lock() {
            cells.entry(self.1).or_default().under_way -= 1;
        }
    }
}

#[async_trait]
impl Engine for Model {
    async fn observe(&self, cluster: &Cluster) -> Result<Observed, EngineError> {
        let stepping = matches!(self.how(cluster.id), Does::Steps(n) if self.at(cluster.id, |cell| cell.steps) < n);
        let state = match cluster.spec.power {
            Power::Off => InstanceState::Stopped,
            Power::On if stepping || self.how(cluster.id) == Does::Waits => InstanceState::Starting,
            Power::On => InstanceState::Ready,
        };
        let instance = InstanceStatus {
            ordinal: 1,
            name: format!("{}-1", cluster.name),
            role: InstanceRole::Primary,
            state,
            host: "127.0.0.1".into(),
            port: 1,
            sync: Sync::Async,
            started_at: None,
        };
        let notes = (self.how(cluster.id) == Does::Notes).then(|| Reason::new("NoExternalAddress", "No address yet."));
        Ok(Observed {
            instances: Seen::Known(vec![instance]),
            endpoints: Vec::new(),
            inside: Seen::Unknown("not looked".into()),
            notes: notes.into_iter().collect(),
        })
    }

    async fn converge(&self, cluster: &Cluster, _verifiers: &Verifiers) -> Result<Progress, EngineError> {
        let id = cluster.id;
        let _visit = self.enter(id);
        self.at(id, |cell| cell.asked.push(cluster.generation));
        match self.how(id) {
            Does::Well | Does::Notes => Ok(Progress::Settled),
            Does::Steps(n) if self.at(id, |cell| cell.steps) >= n => Ok(Progress::Settled),
            Does::Steps(_) => {
                self.at(id, |cell| cell.steps += 1);
                Ok(Progress::Moved(Reason::new("Step", "One step.")))
            }
            Does::Waits => Ok(Progress::Working(Reason::new("Starting", "It is starting."))),
            Does::Slowly(time) => {
                sleep(time).await;
                Ok(Progress::Settled)
            }
            Does::Fails => Err(EngineError::Retry(anyhow::anyhow!("no luck today"))),
            Does::Panics => panic!("the model panics as told"),
            Does::Hangs => std::future::pending().await,
            Does::Refuses => Err(EngineError::Blocked(Reason::new("PortTaken", "Port 5 is taken: free it."))),
        }
    }

    async fn remove(&self, cluster: &Cluster) -> Result<Progress, EngineError> {
        let _visit = self.enter(cluster.id);
        let times = self.at(cluster.id, |cell| {
            cell.removed += 1;
            cell.removed
        });
        match times {
            1 => Ok(Progress::Moved(Reason::new("Stopped", "Stopped."))),
            _ => Ok(Progress::Settled),
        }
    }

    async fn primary(&self, _: &Cluster) -> Result<Option<PgConnectOptions>, EngineError> {
        Ok(self.primary.clone())
    }

    fn quiet(&self) -> Option<Duration> {
        *self.quiet.lock().unwrap()
    }

    async fn usage(&self, _: &Cluster) -> Vec<Usage> {
        Vec::new()
    }

    fn nudges(&self) -> BoxStream<'static, ClusterId> {
        BroadcastStream::new(self.nudges.subscribe()).filter_map(async |nudge| nudge.ok()).boxed()
    }

    fn offer(&self) -> Offer {
        let release = Release { major: Major::V17, full: "17.1".into(), image: String::new(), extensions: [].into() };
        Offer { releases: vec![release], external: Ok(()), ..crate::support::offer() }
    }

    fn name(&self) -> &'static str {
        *self.name.lock().unwrap()
    }

    fn report(&self) -> Report {
        Report { engine: self.name().into(), reachable: Ok(()), checked_at: None, facts: Vec::new(), findings: Vec::new() }
    }
}
