//! The portal itself: authorize, decide, save. Decisions are `domain`'s, rows are the store's; this joins them in one transaction.

use crate::{
    places::Places,
    store::{Store, clusters as rows, events},
};
use app::portal::{Applied, Intent, Passwords, Portal, Submitted, Target};
use async_trait::async_trait;
use domain::{
    Action, Actor, Cluster, ClusterId, ClusterName, Command, Error, PlaceName,
    access::{may, needed},
    event::Event,
    place::{Access, Place},
    update::Update,
    vitals::Vitals,
};
use futures::stream::BoxStream;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

mod clusters;
mod document;
pub mod observe;
mod offered;
mod passwords;
mod words;

pub use observe::Live;

/// Most events of one answer.
const EVENTS: u32 = 500;
/// Longest wait for an engine that says how a cluster is reached.
const ACCESS: Duration = Duration::from_secs(5);

/// The portal over its store. Any number of processes may have one over the same database.
#[derive(Clone)]
pub struct Service {
    store: Store,
    places: Arc<Places>,
    live: Arc<Live>,
}

impl Service {
    /// The portal over this store.
    pub fn new(store: Store, places: Arc<Places>, live: Arc<Live>) -> Self {
        Self { store, places, live }
    }
}

/// Refuses who may not, and says which role may.
fn authorize(actor: &Actor, action: Action) -> Result<(), Error> {
    if may(actor.role, action) { Ok(()) } else { Err(Error::Forbidden(format!("This needs the role {}; yours is {}.", needed(action), actor.role))) }
}

#[async_trait]
impl Portal for Service {
    async fn clusters(&self, actor: &Actor) -> Result<Vec<Cluster>, Error> {
        authorize(actor, Action::View)?;
        Ok(rows::list(&self.store, actor.project).await?)
    }

    async fn cluster(&self, actor: &Actor, id: ClusterId) -> Result<Cluster, Error> {
        authorize(actor, Action::View)?;
        let cluster = rows::get(&self.store, id).await?;
        if cluster.project != actor.project {
            return Err(Error::NotFound);
        }
        self.live.ask(id);
        Ok(cluster)
    }

    async fn named(&self, actor: &Actor, name: &ClusterName) -> Result<Cluster, Error> {
        authorize(actor, Action::View)?;
        Ok(rows::named(&self.store, actor.project, name).await?)
    }

    async fn with_history(&self, actor: &Actor, name: &ClusterName, limit: u32) -> Result<(Cluster, Vec<Event>), Error> {
        authorize(actor, Action::View)?;
        Ok(rows::with_history(&self.store, actor.project, name, limit.min(EVENTS)).await?)
    }

    async fn submit(&self, actor: &Actor, command: Command, passwords: Passwords) -> Result<Submitted, Error> {
        authorize(actor, command.action())?;
        passwords::check(&passwords)?;
        clusters::submit(self, actor, command, passwords).await
    }

    async fn document(&self, actor: &Actor, id: ClusterId) -> Result<String, Error> {
        self.cluster(actor, id).await.map(|cluster| domain::manifest::print(&cluster))
    }

    async fn apply(&self, actor: &Actor, target: Target, text: &str, expected: Option<u64>, intent: Intent) -> Result<Applied, Error> {
        document::apply(self, actor, target, text, expected, intent).await
    }

    async fn events(&self, actor: &Actor, id: ClusterId, limit: u32) -> Result<Vec<Event>, Error> {
        authorize(actor, Action::View)?;
        let found = events::list(&self.store, actor.project, id, limit.min(EVENTS)).await?;
        if found.is_empty() {
            // Nothing happened yet, or there is no such cluster for them.
            self.cluster(actor, id).await?;
        }
        Ok(found)
    }

    fn vitals(&self, id: ClusterId) -> Option<Vitals> {
        self.live.vitals(id)
    }

    fn updates(&self, actor: &Actor) -> BoxStream<'static, Update> {
        observe::updates(&self.live, self.store.clone(), actor.project)
    }

    fn places(&self) -> Vec<Place> {
        self.places.all()
    }

    fn place(&self, name: Option<&PlaceName>) -> Result<Place, Error> {
        self.places.get(name)
    }

    async fn objects(&self, actor: &Actor, id: ClusterId) -> Result<String, Error> {
        let cluster = self.cluster(actor, id).await?;
        // Where this process does not have the engine, there is nothing to show.
        Ok(self.places.engine(&cluster.place).map(|engine| engine.objects(&cluster)).unwrap_or_default())
    }

    async fn access(&self, actor: &Actor, id: ClusterId) -> Result<Access, Error> {
        let cluster = self.cluster(actor, id).await?;
        match self.places.engine(&cluster.place) {
            Ok(engine) => Ok(timeout(ACCESS, engine.access(&cluster)).await.unwrap_or_default()),
            Err(_) => Ok(Access { ca: self.places.get(Some(&cluster.place)).ok().and_then(|place| place.offer.ca), commands: Vec::new() }),
        }
    }
}
