//! The event stream of a tab, folded into signals. One stream for each tab; the newest revision wins over whatever was fetched or rendered.

use crate::api::{ApiError, boot::Boot};
use domain::{Cluster, ClusterId, Error, Timestamp, update, vitals::Vitals};
use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "hydrate")]
mod stream;

/// Seconds after which a measurement is old: three of them were missed.
pub const STALE_AFTER: i64 = 4;

/// How the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Not opened yet; without JavaScript it stays so.
    Idle,
    /// Updates come in.
    Live,
    /// None came since then; it is being opened anew.
    Lost {
        /// When it broke.
        since: Timestamp,
    },
}

/// Everything that the stream told, and the clock that ages are counted from.
#[derive(Clone, Copy)]
pub struct Live {
    clusters: RwSignal<Option<BTreeMap<ClusterId, Cluster>>>,
    gone: RwSignal<BTreeSet<ClusterId>>,
    vitals: RwSignal<BTreeMap<ClusterId, Vitals>>,
    connection: RwSignal<Connection>,
    heard: RwSignal<Option<Timestamp>>,
    reachable: RwSignal<bool>,
    now: RwSignal<Timestamp>,
    announcement: RwSignal<String>,
    /// How often the portal could be reached again.
    returns: RwSignal<u32>,
}

impl Live {
    /// As the server rendered the page.
    pub fn new(boot: &Boot) -> Self {
        Self {
            clusters: RwSignal::new(None),
            gone: RwSignal::new(BTreeSet::new()),
            vitals: RwSignal::new(BTreeMap::new()),
            connection: RwSignal::new(Connection::Idle),
            heard: RwSignal::new(None),
            reachable: RwSignal::new(boot.reachable),
            now: RwSignal::new(boot.now),
            announcement: RwSignal::new(String::new()),
            returns: RwSignal::new(0),
        }
    }

    /// Opens the stream and starts the clock. Does nothing on the server.
    pub fn start(self) {
        #[cfg(feature = "hydrate")]
        stream::open(self);
    }

    /// Folds one message in.
    pub fn fold(self, message: update::Update) {
        self.heard.set(Some(self.now.get_untracked()));
        match message {
            update::Update::Snapshot(all) => {
                self.is_back();
                self.gone.update(|gone| gone.extend(self.known().filter(|id| all.iter().all(|c| c.id != *id))));
                let old = self.clusters.get_untracked().unwrap_or_default();
                let newest = all.into_iter().map(|c| (c.id, newer(old.get(&c.id).cloned(), c)));
                self.clusters.set(Some(newest.collect()));
            }
            update::Update::Cluster(cluster) => {
                self.announce(&cluster);
                self.clusters.update(|all| {
                    let all = all.get_or_insert_default();
                    let newest = newer(all.remove(&cluster.id), *cluster);
                    all.insert(newest.id, newest);
                });
            }
            update::Update::Gone(id) => {
                self.gone.update(|gone| {
                    gone.insert(id);
                });
                self.clusters.update(|all| {
                    all.as_mut().map(|all| all.remove(&id));
                });
            }
            update::Update::Vitals(vitals) => self.vitals.update(|all| {
                all.insert(vitals.cluster, vitals);
            }),
            update::Update::Store { reachable: true } => self.is_back(),
            update::Update::Store { reachable: false } => self.reachable.set(false),
        }
    }

    fn is_back(self) {
        self.reachable.set(true);
        self.returns.update(|n| *n += 1);
    }

    /// Fetches again what could not be fetched while the portal was out of reach. What was fetched stays as it is: the stream keeps it new.
    pub fn retry_when_back<T>(self, fetched: Resource<Result<T, ApiError>>)
    where
        T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Effect::new(move || {
            let is_out = || matches!(fetched.get_untracked(), Some(Err(ApiError(Error::Unavailable))));
            if self.returns.get() > 0 && is_out() {
                fetched.refetch();
            }
        });
    }

    fn known(self) -> impl Iterator<Item = ClusterId> {
        self.clusters.get_untracked().unwrap_or_default().into_keys()
    }

    /// Only a change of status is said aloud; numbers are not.
    fn announce(self, cluster: &Cluster) {
        let before = self.clusters.with_untracked(|all| all.as_ref().and_then(|all| all.get(&cluster.id)).map(|c| c.status.phase));
        if before.is_some_and(|phase| phase != cluster.status.phase) {
            let (_, _, word) = crate::component::status::look(cluster);
            self.announcement.set(format!("{}: {word}", cluster.name));
        }
    }

    /// All clusters by name: what was fetched, or what the stream told if it is newer. None: neither is there yet.
    pub fn clusters(self, fetched: Option<Vec<Cluster>>) -> Memo<Option<Vec<Cluster>>> {
        Memo::new(move |_| {
            let live = self.clusters.get();
            let mut all = match (live, fetched.clone()) {
                (None, fetched) => fetched?,
                (Some(live), fetched) => {
                    let mut fetched: BTreeMap<_, _> = fetched.unwrap_or_default().into_iter().map(|c| (c.id, c)).collect();
                    live.into_values().map(|c| newer(fetched.remove(&c.id), c)).collect()
                }
            };
            all.sort_by(|a, b| a.name.cmp(&b.name));
            Some(all)
        })
    }

    /// One cluster, at least as new as what was fetched. None: it is gone.
    pub fn cluster(self, fetched: Cluster) -> Memo<Option<Cluster>> {
        Memo::new(move |_| {
            if self.gone.read().contains(&fetched.id) {
                return None;
            }
            let live = self.clusters.read().as_ref().and_then(|all| all.get(&fetched.id).cloned());
            Some(newer(live, fetched.clone()))
        })
    }

    /// The last measurement of a cluster, also when it is old: see [`Live::is_stale`].
    pub fn vitals(self, id: ClusterId) -> Memo<Option<Vitals>> {
        Memo::new(move |_| self.vitals.read().get(&id).cloned())
    }

    /// The last measurement is older than three missed updates, or there was one and the stream broke.
    pub fn is_stale(self, id: ClusterId) -> Memo<bool> {
        Memo::new(move |_| {
            let Some(heard) = self.vitals.read().get(&id).map(|v| v.at) else { return false };
            matches!(self.connection.get(), Connection::Lost { .. }) || seconds(heard, self.now.get()) > STALE_AFTER
        })
    }

    /// How the stream is.
    pub fn connection(self) -> Signal<Connection> {
        self.connection.into()
    }

    /// The portal reaches its own database.
    pub fn reachable(self) -> Signal<bool> {
        self.reachable.into()
    }

    /// The time that ages are counted from: the server's, ticking.
    pub fn now(self) -> Signal<Timestamp> {
        self.now.into()
    }

    /// When the last message came.
    pub fn heard(self) -> Signal<Option<Timestamp>> {
        self.heard.into()
    }

    /// What to say aloud.
    pub fn announcement(self) -> Signal<String> {
        self.announcement.into()
    }
}

/// The live state of this tab.
pub fn use_live() -> Live {
    use_context().unwrap_or_else(|| Live::new(&Boot::here()))
}

/// All clusters; none until the stream opened. Pages that fetched them give what they have to [`Live::clusters`] instead.
pub fn use_clusters() -> Signal<Option<Vec<Cluster>>> {
    use_live().clusters(None).into()
}

/// The last measurement of a cluster.
pub fn use_vitals(id: ClusterId) -> Signal<Option<Vitals>> {
    use_live().vitals(id).into()
}

/// The one of two copies with the higher revision; of two equal ones the second.
fn newer(one: Option<Cluster>, other: Cluster) -> Cluster {
    match one {
        Some(one) if one.revision > other.revision => one,
        _ => other,
    }
}

/// Whole seconds from `since` to `now`, never negative.
pub fn seconds(since: Timestamp, now: Timestamp) -> i64 {
    (now.as_second() - since.as_second()).max(0)
}
