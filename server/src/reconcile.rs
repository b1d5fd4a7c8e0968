//! Makes wishes real in one place: claims one due cluster of it at a time for each free worker, takes it one pass closer and settles.
//!
//! Owns the lease of a claimed cluster while its pass runs. It remembers nothing about how far a pass got: each one starts by looking.

use crate::{engine::Engine, store::Store};
use domain::PlaceName;
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use uuid::Uuid;

mod events;
pub mod feed;
mod memory;
mod nudges;
mod pass;
pub mod sampler;
mod worker;

pub use worker::run;

/// How long things may take and how often they are looked at. The default is what a portal uses; tests are less patient.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Passes at once.
    pub passes: usize,
    /// How long a claimed cluster is ours without a sign of life.
    pub lease: Duration,
    /// How often the lease is extended while a pass runs. At most a third of `lease`.
    pub extend: Duration,
    /// When to look again at a cluster that is as wished for, or that only a new wish can help.
    pub settled: Duration,
    /// When to look again at a cluster of which something is under way.
    pub working: Duration,
    /// Longest pause after failed passes.
    pub backoff: Duration,
    /// Longest call of an engine's `converge` or `remove`; past it the call is cut off.
    pub converge: Duration,
    /// Longest call of any other method of an engine, and longest look inside PostgreSQL.
    pub look: Duration,
    /// How long nobody gets into a PostgreSQL that serves before the word of who makes users and databases has to do: longer than a fail-over takes.
    pub shut: Duration,
    /// Longest pass; past it the lease goes back, so that one busy cluster does not hold a worker for ever.
    pub pass: Duration,
    /// Most rounds of a pass.
    pub rounds: u32,
    /// How long running passes may go on after the portal was asked to stop.
    pub grace: Duration,
    /// How long a worker sleeps at most when nothing is announced: what a lost notification costs.
    pub idle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            passes: 8,
            lease: Duration::from_secs(30),
            extend: Duration::from_secs(10),
            settled: Duration::from_secs(30),
            working: Duration::from_secs(2),
            backoff: Duration::from_secs(300),
            converge: Duration::from_secs(120),
            look: Duration::from_secs(20),
            shut: Duration::from_secs(60),
            pass: Duration::from_secs(60),
            rounds: 200,
            grace: Duration::from_secs(10),
            idle: Duration::from_secs(15),
        }
    }
}

/// What every pass of this process needs.
pub(crate) struct Context {
    store: Store,
    /// Whose clusters are looked at.
    place: PlaceName,
    engine: Arc<dyn Engine>,
    /// Who we are to the leases: one id for each process.
    worker: Uuid,
    settings: Settings,
    /// A nudge was passed on: the store does not announce it, since nothing that people see has changed.
    woken: Notify,
}
