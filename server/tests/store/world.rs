//! What the tests of this binary share.

pub use crate::support::{Server, database, eventually, store};
pub use app::portal::{Passwords, Portal};
pub use domain::{
    Actor, Change, Cluster, ClusterId, Command, Confirm, Conflict, Error, Phase, PlaceName, ProjectId, Role, RoleName, Spec, Status, Uuid,
    event::Kind,
    name::{Description, Title},
    offer::{Offer, Release},
    place::Report,
    topology::Topology,
    update::Update,
    user::User,
    version::Major,
};
pub use futures::StreamExt;
pub use secrecy::{ExposeSecret, SecretString};
pub use server::{
    auth::{Auth, link, session, token},
    places::{Places, Site},
    secret,
    service::{Live, Service},
    store::{
        Store, StoreError,
        changes::{self, Changed},
        clusters, credentials,
        due::{self, Claim},
        events::{self, NewEvent},
    },
};
pub use sqlx::Row;
pub use std::{collections::BTreeSet, sync::Arc, time::Duration};

pub const LEASE: Duration = Duration::from_secs(30);
pub const LATER: Duration = Duration::from_secs(3600);

pub fn offer() -> Offer {
    let release = |major| Release { major, full: "17.1".into(), image: String::new(), extensions: vec!["hstore".into()] };
    Offer {
        releases: vec![release(Major::V17), release(Major::V16)],
        topologies: vec![Topology::Standalone, Topology::Replicated],
        max_instances: 16,
        switchover: true,
        pause: true,
        restart: true,
        rights_at_once: true,
        durable: Ok(()),
        external: Err("Loopback only.".into()),
        limits: Ok(()),
        storage: Ok(()),
        storage_classes: Vec::new(),
        ca: None,
        remarks: Vec::new(),
    }
}

/// The place of an engine that is in another process, known by what that one wrote down.
pub fn places() -> Arc<Places> {
    let notice = std::env::temp_dir().join(format!("howdah-offer-{}.json", Uuid::new_v4()));
    let report = Report { engine: "local".into(), reachable: Ok(()), checked_at: None, facts: Vec::new(), findings: Vec::new() };
    std::fs::write(&notice, serde_json::to_vec(&(offer(), report)).unwrap()).unwrap();
    Arc::new(Places::new([Site::waiting(PlaceName::local(), String::new(), notice)]))
}

pub fn service(store: &Store) -> Service {
    Service::new(store.clone(), places(), Live::new())
}

pub fn actor(role: Role) -> Actor {
    Actor { id: "token:test".into(), name: "Ada".into(), role, project: ProjectId::DEFAULT }
}

pub fn admin() -> Actor {
    actor(Role::Admin)
}

pub fn spec(name: &str) -> Spec {
    Spec::new(&name.parse().unwrap(), Major::V17)
}

pub fn create(id: Uuid, name: &str, spec: Spec) -> Command {
    Command::Create { id: ClusterId(id), project: ProjectId::DEFAULT, place: None, name: name.parse().unwrap(), spec: Box::new(spec) }
}

pub fn change(id: ClusterId, expected: Option<u64>, change: Change) -> Command {
    Command::Change { id, expected, changes: vec![change] }
}

pub fn describe(text: &str) -> Change {
    Change::Describe { title: Some(Title::try_from(text.to_owned()).unwrap()), description: None, labels: None }
}

pub fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

pub fn add_user(name: &str) -> Change {
    Change::AddUser { id: Uuid::new_v4(), name: role(name), replication: false, description: Description::default() }
}

pub async fn created(portal: &Service, name: &str) -> ClusterId {
    portal.submit(&admin(), create(Uuid::new_v4(), name, spec(name)), Passwords::new()).await.unwrap().accepted.id
}

pub async fn claim(store: &Store, worker: Uuid) -> Option<Claim> {
    due::claim(store, &domain::PlaceName::local(), worker, LEASE).await.unwrap()
}

pub fn ready(cluster: &Cluster) -> Status {
    Status { generation: cluster.generation, phase: Phase::Ready, ..Status::default() }
}
