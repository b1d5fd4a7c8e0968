//! What the tests of this binary share.

pub use crate::support::{Server, database, eventually, places, store};
pub use app::portal::{Passwords, Portal};
pub use domain::{
    Actor, Change, Cluster, ClusterId, Command, Confirm, Conflict, Error, Phase, PlaceName, ProjectId, Role, RoleName, Spec, Status, Uuid,
    event::Kind,
    name::{Description, Title},
    topology::Topology,
    update::Update,
    user::User,
    version::Major,
};
pub use futures::StreamExt;
pub use secrecy::{ExposeSecret, SecretString};
pub use server::{
    auth::{Auth, link, session, token},
    secret,
    service::{Live, Service},
    store::{
        Store, StoreError, access,
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
