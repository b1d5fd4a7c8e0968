//! A portal in memory for tests of pages and of the REST interface: the real rules of `domain`, no database, no engine.

use crate::portal::{Applied, Intent, Passwords, Portal, Submitted, Target};
use async_trait::async_trait;
use domain::{
    Accepted, Actor, Change, Cluster, ClusterId, ClusterName, Command, Conflict, Error, PlaceName, Timestamp, access,
    event::Event,
    manifest,
    offer::{Offer, Release},
    place::{Access, Place, Report},
    topology::Topology,
    update::Update,
    version::Major,
    vitals::Vitals,
};
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::{Mutex, PoisonError};

pub mod sample;

/// Clusters in memory. Nothing becomes of a wish unless the test says so.
#[derive(Default)]
pub struct FakePortal {
    clusters: Mutex<Vec<Cluster>>,
    /// What `events` answers.
    pub events: Vec<Event>,
    /// What `vitals` answers.
    pub vitals: Option<Vitals>,
    /// The authority of all clusters of the place; none: each has its own.
    pub ca: Option<String>,
    /// The authority of a cluster that has its own; none: not known.
    pub own_ca: Option<String>,
    /// Answer everything with `Unavailable`.
    pub down: bool,
}

impl FakePortal {
    /// A portal with these clusters.
    pub fn with(clusters: Vec<Cluster>) -> Self {
        Self { clusters: Mutex::new(clusters), ..Self::default() }
    }

    /// A portal that cannot reach its database.
    pub fn unreachable() -> Self {
        Self { down: true, ..Self::default() }
    }

    fn all(&self) -> Result<std::sync::MutexGuard<'_, Vec<Cluster>>, Error> {
        if self.down { Err(Error::Unavailable) } else { Ok(self.clusters.lock().unwrap_or_else(PoisonError::into_inner)) }
    }

    fn decide(&self, actor: &Actor, command: Command) -> Result<Accepted, Error> {
        if !access::may(actor.role, command.action()) {
            return Err(Error::Forbidden(format!("This needs the role {}.", access::needed(command.action()))));
        }
        let mut all = self.all()?;
        let now = Timestamp::UNIX_EPOCH;
        let find = |all: &[Cluster], id| all.iter().position(|c| c.id == id && c.project == actor.project).ok_or(Error::NotFound);
        match command {
            Command::Create { id, project, place, name, spec } => {
                let place = place.unwrap_or_else(PlaceName::local);
                if let Some(same) = all.iter().find(|c| c.id == id) {
                    let again = same.name == name && same.spec == *spec;
                    return if again {
                        Ok(Accepted { id, generation: same.generation })
                    } else {
                        Err(Conflict::NameTaken(format!("cluster with the uuid {id}")).into())
                    };
                }
                if all.iter().any(|c| c.project == project && c.name == name) {
                    return Err(Conflict::NameTaken(format!("cluster {name}")).into());
                }
                all.push(Cluster::create(id, project, place, name, *spec, now)?);
                Ok(Accepted { id, generation: 1 })
            }
            Command::Change { id, expected, changes } => {
                let at = find(&all, id)?;
                all[at] = all[at].change(expected, changes, now)?;
                Ok(Accepted { id, generation: all[at].generation })
            }
            Command::Delete { id, confirm } => {
                let at = find(&all, id)?;
                all[at] = all[at].delete(&confirm, now)?;
                Ok(Accepted { id, generation: all[at].generation })
            }
        }
    }
}

#[async_trait]
impl Portal for FakePortal {
    async fn clusters(&self, actor: &Actor) -> Result<Vec<Cluster>, Error> {
        let mut mine: Vec<_> = self.all()?.iter().filter(|c| c.project == actor.project).cloned().collect();
        mine.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(mine)
    }

    async fn cluster(&self, actor: &Actor, id: ClusterId) -> Result<Cluster, Error> {
        self.all()?.iter().find(|c| c.id == id && c.project == actor.project).cloned().ok_or(Error::NotFound)
    }

    async fn named(&self, actor: &Actor, name: &ClusterName) -> Result<Cluster, Error> {
        self.all()?.iter().find(|c| c.name == *name && c.project == actor.project).cloned().ok_or(Error::NotFound)
    }

    async fn with_history(&self, actor: &Actor, name: &ClusterName, limit: u32) -> Result<(Cluster, Vec<Event>), Error> {
        let cluster = self.named(actor, name).await?;
        let events = self.events(actor, cluster.id, limit).await?;
        Ok((cluster, events))
    }

    async fn submit(&self, actor: &Actor, command: Command, passwords: Passwords) -> Result<Submitted, Error> {
        let changes = if let Command::Change { changes, .. } = &command { changes.as_slice() } else { &[] };
        let asked = changes.iter().filter_map(|change| match change {
            Change::AddUser { name, .. } | Change::RotatePassword { name } => Some(name),
            _ => None,
        });
        let generated = asked.filter(|name| !passwords.contains_key(*name)).map(|name| (name.clone(), format!("made-up-for-{name}").into())).collect();
        self.decide(actor, command).map(|accepted| Submitted { accepted, generated })
    }

    async fn document(&self, actor: &Actor, id: ClusterId) -> Result<String, Error> {
        self.cluster(actor, id).await.map(|cluster| manifest::print(&cluster))
    }

    async fn apply(&self, actor: &Actor, target: Target, text: &str, expected: Option<u64>, intent: Intent) -> Result<Applied, Error> {
        let document = manifest::parse(text)?;
        let found = match target {
            Target::Cluster(id) => Some(self.cluster(actor, id).await?),
            Target::Named => self.named(actor, &document.name).await.ok(),
        };
        let fresh = || uuid::Uuid::from_u128(0xfa4e);
        let (command, costs) = document.command(found.as_ref(), actor.project, expected, Major::V17, fresh)?;
        let changed = match (&found, &command) {
            (Some(cluster), Command::Change { changes, .. }) => cluster.change(None, changes.clone(), Timestamp::UNIX_EPOCH)? != *cluster,
            _ => true,
        };
        let accepted = match intent {
            Intent::Trial => None,
            Intent::Save => Some(self.decide(actor, command)?),
        };
        Ok(Applied { accepted, created: found.is_none(), changed, costs })
    }

    async fn events(&self, actor: &Actor, id: ClusterId, limit: u32) -> Result<Vec<Event>, Error> {
        self.cluster(actor, id).await?;
        Ok(self.events.iter().filter(|e| e.cluster == id).take(limit as usize).cloned().collect())
    }

    fn vitals(&self, id: ClusterId) -> Option<Vitals> {
        self.vitals.clone().filter(|v| v.cluster == id)
    }

    fn updates(&self, actor: &Actor) -> BoxStream<'static, Update> {
        let mine = self.all().map(|all| all.iter().filter(|c| c.project == actor.project).cloned().collect()).unwrap_or_default();
        stream::iter([Update::Snapshot(mine)]).chain(stream::pending()).boxed()
    }

    fn places(&self) -> Vec<Place> {
        let report = Report { engine: "local".into(), reachable: Ok(()), checked_at: None, facts: Vec::new(), findings: Vec::new() };
        vec![Place { name: PlaceName::local(), region: String::new(), report, offer: self.offer() }]
    }

    fn place(&self, name: Option<&PlaceName>) -> Result<Place, Error> {
        let mut all = self.places().into_iter();
        all.find(|place| name.is_none_or(|name| place.name == *name)).ok_or_else(|| Error::invalid("place", "There is no such place."))
    }

    async fn objects(&self, actor: &Actor, id: ClusterId) -> Result<String, Error> {
        self.cluster(actor, id).await.map(|_| String::new())
    }

    async fn access(&self, actor: &Actor, id: ClusterId) -> Result<Access, Error> {
        self.cluster(actor, id).await.map(|_| Access { ca: self.own_ca.clone(), ..Access::default() })
    }
}

impl FakePortal {
    /// What can be had at its places.
    pub fn offer(&self) -> Offer {
        let release = |major: Major| Release {
            major,
            full: format!("{}.1", major.number()),
            image: String::new(),
            extensions: ["hstore", "pgcrypto", "uuid-ossp"].map(Into::into).into(),
        };
        Offer {
            releases: Major::ALL.map(release).to_vec(),
            topologies: vec![Topology::Standalone, Topology::Replicated],
            max_instances: 16,
            switchover: true,
            pause: true,
            restart: true,
            rights_at_once: true,
            durable: Ok(()),
            external: Err("This place listens on loopback only.".into()),
            limits: Ok(()),
            storage: Err("Volumes are watched, not enforced.".into()),
            storage_classes: Vec::new(),
            ca: self.ca.clone(),
            remarks: Vec::new(),
        }
    }
}
