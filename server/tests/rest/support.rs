//! A portal with one full cluster, and a way to ask it.

use app::{
    fake::FakePortal,
    portal::{Passwords, Portal, SharedPortal},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use domain::{
    Actor, Change, Cluster, ClusterId, ClusterName, Command, ProjectId, Role, Spec, Timestamp, Uuid,
    database::Grants,
    status::{Condition, Endpoint, EndpointKind, InstanceRole, InstanceState, InstanceStatus, Item, Phase, Reason},
    topology::Topology,
    version::Major,
    vitals::Sync,
};
use serde_json::Value;
use server::service::{Live, Service};
use std::sync::Arc;
use tower::ServiceExt;

pub const ORDERS: &str = "00000000-0000-4000-8000-000000000001";
pub const OTHER: &str = "00000000-0000-4000-8000-000000000002";
pub const FOREIGN: &str = "00000000-0000-4000-8000-000000000003";
pub const LEAVING: &str = "00000000-0000-4000-8000-000000000004";
pub const APP: &str = "00000000-0000-4000-8000-0000000000a1";
pub const READER: &str = "00000000-0000-4000-8000-0000000000a2";
pub const SHOP: &str = "00000000-0000-4000-8000-0000000000d1";
pub const NOWHERE: &str = "00000000-0000-4000-8000-0000000000ff";

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A router over a portal in memory.
#[derive(Clone)]
pub struct World {
    pub router: Router,
}

pub fn actor(role: Role) -> Actor {
    Actor { id: "token:test".into(), name: "test".into(), role, project: ProjectId::DEFAULT }
}

pub fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// A cluster with two users and a database, not looked at yet.
pub fn cluster(uuid: &str, name: &str, project: ProjectId) -> Cluster {
    let name: ClusterName = name.parse().unwrap();
    let mut spec = Spec::new(&name, Major::V17);
    (spec.instances, spec.topology) = (3, Topology::Replicated);
    let user = |uuid: &str, name: &str| Change::AddUser { id: id(uuid), name: name.parse().unwrap(), replication: false, description: Default::default() };
    let database = Change::AddDatabase {
        id: id(SHOP),
        name: "shop".parse().unwrap(),
        owner: Some("app".parse().unwrap()),
        roles: Grants { admin: ["app".parse().unwrap()].into(), readonly: ["reader".parse().unwrap()].into() },
        extensions: ["hstore".parse().unwrap()].into(),
        description: Default::default(),
    };
    let spec = spec.apply([user(APP, "app"), user(READER, "reader"), database], at(0)).unwrap();
    Cluster::create(ClusterId(id(uuid)), project, domain::PlaceName::local(), name, spec, at(0)).unwrap()
}

/// The same cluster, up and as wished for.
pub fn ready(mut cluster: Cluster) -> Cluster {
    let instance = |ordinal: u8| InstanceStatus {
        ordinal,
        name: format!("{}-{ordinal}", cluster.name),
        role: if ordinal == 1 { InstanceRole::Primary } else { InstanceRole::Replica },
        state: InstanceState::Ready,
        host: "127.0.0.1".into(),
        port: 5500 + u16::from(ordinal),
        sync: Sync::Async,
        started_at: Some(at(1)),
    };
    cluster.status.instances = (1..=cluster.spec.instances).map(instance).collect();
    let endpoint = |kind, name: &str, port| Endpoint { kind, name: format!("{}-{name}", cluster.name), host: "127.0.0.1".into(), port };
    cluster.status.endpoints = vec![endpoint(EndpointKind::Rw, "rw", 5500), endpoint(EndpointKind::Ro, "ro", 5510)];
    cluster.status.users = cluster.spec.users.iter().map(|(name, user)| (name.clone(), Item::Active { password_version: user.password_version })).collect();
    cluster.status.databases = cluster.spec.databases.keys().map(|name| (name.clone(), Item::Active { password_version: 0 })).collect();
    cluster.status.conditions = vec![condition("Ready", Some(true), "Everything asked for is there and answers.")];
    (cluster.status.generation, cluster.status.reached, cluster.status.phase) = (cluster.generation, Some(cluster.updated_at), Phase::Ready);
    cluster
}

pub fn condition(kind: &str, holds: Option<bool>, message: &str) -> Condition {
    Condition { kind: kind.into(), holds, reason: Reason::new("Because", message), since: at(2) }
}

/// Orders (ready), other (new), one of another project, one on its way out.
pub fn clusters() -> Vec<Cluster> {
    let strangers = ProjectId(id(NOWHERE));
    let mut leaving = cluster(LEAVING, "leaving", ProjectId::DEFAULT);
    leaving.deleted_at = Some(at(9));
    vec![ready(cluster(ORDERS, "orders", ProjectId::DEFAULT)), cluster(OTHER, "other", ProjectId::DEFAULT), cluster(FOREIGN, "foreign", strangers), leaving]
}

pub fn world() -> World {
    World::of(FakePortal::with(clusters()))
}

impl World {
    pub fn of(portal: FakePortal) -> Self {
        let portal: SharedPortal = Arc::new(portal);
        Self { router: server::http::rest::router(portal) }
    }

    /// Over the real service and a database of its own, with orders in it, not looked at yet.
    pub async fn real() -> Self {
        let store = crate::support::store().await;
        let portal = Service::new(store, crate::support::places(), Live::new());
        let Cluster { id, project, name, spec, .. } = cluster(ORDERS, "orders", ProjectId::DEFAULT);
        let create = Command::Create { id, project, place: None, name, spec: Box::new(spec) };
        portal.submit(&actor(Role::Admin), create, Passwords::new()).await.unwrap();
        let portal: SharedPortal = Arc::new(portal);
        Self { router: server::http::rest::router(portal) }
    }

    pub async fn send(&self, caller: Option<Actor>, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(caller);
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.into()).unwrap() }
    }

    /// Asks as somebody of that role; a body goes as JSON.
    pub async fn ask_as(&self, role: Role, method: &str, path: &str, body: Option<&str>) -> Answer {
        let request = Request::builder().method(Method::try_from(method).unwrap()).uri(path);
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_owned())),
            None => request.body(Body::empty()),
        };
        self.send(Some(actor(role)), request.unwrap()).await
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        self.ask_as(Role::Admin, method, path, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(&body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask("PUT", path, Some(&body.to_string())).await
    }
}

/// Path of the orders cluster.
pub fn orders(rest: &str) -> String {
    format!("/v1/postgres/instances/{ORDERS}{rest}")
}

/// A whole body for a new instance.
pub fn new_instance() -> Value {
    serde_json::json!({ "name": "My shop", "cpu": 2, "ram": 2048, "disk_size": 10, "nodes_number": 3, "version": "v17" })
}

/// `object` with `field` set to `value`.
pub fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

/// A portal whose own database does not answer.
pub fn unreachable_store() -> World {
    let mut portal = FakePortal::default();
    portal.down = true;
    World::of(portal)
}
