//! The REST contract: `/v1/postgres/…` and `/v1/types/postgres/…`, with or without a trailing slash. Reads requests, asks the [`app::portal::Portal`],
//! prints answers; decides nothing.

use crate::http::problem::Problem;
use app::portal::SharedPortal;
use axum::{
    Router,
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get, put},
};
use domain::{Action, Actor, Cluster, ClusterId, Conflict, Error, Uuid, access};
use serde::Serialize;

mod body;
mod databases;
mod docs;
pub mod field;
mod instances;
mod link;
pub mod list;
mod manifest;
mod places;
mod users;
mod versions;
mod view;
mod wish;

/// The two prefixes of the contract.
pub const PREFIXES: [&str; 2] = ["/v1/postgres", "/v1/types/postgres"];

type Answer = Result<Response, Problem>;
type Methods = MethodRouter<SharedPortal>;

/// Below each prefix.
fn routes() -> Vec<(&'static str, Methods)> {
    vec![
        ("/instances", get(instances::index).post(instances::create)),
        ("/instances/{uuid}", get(instances::show).put(instances::update).delete(instances::delete)),
        ("/instances/{uuid}/users", get(users::index).post(users::create)),
        ("/instances/{uuid}/users/{part}", get(users::show).put(users::update).delete(users::delete)),
        ("/instances/{uuid}/databases", get(databases::index).post(databases::create)),
        ("/instances/{uuid}/databases/{part}", get(databases::show).put(databases::update).delete(databases::delete)),
        ("/instances/{uuid}/manifest", get(manifest::show).put(manifest::update)),
        ("/instances/{uuid}/events", get(manifest::events)),
        ("/instances/{uuid}/access", get(places::access)),
        ("/instances/{uuid}/objects", get(places::objects)),
        ("/manifest", put(manifest::apply_named)),
        ("/versions", get(versions::index)),
        ("/versions/{uuid}", get(versions::show)),
    ]
}

/// The paths below each prefix, as in `/instances/{uuid}`.
pub fn paths() -> impl Iterator<Item = &'static str> {
    routes().into_iter().map(|(path, _)| path)
}

/// Everything under `/v1`. The caller is the request extension `Option<Actor>`; without one, all but the documents answers 401.
pub fn router(portal: SharedPortal) -> Router {
    let mut router = Router::new();
    for (path, methods) in routes() {
        for prefix in PREFIXES {
            router = mount(router, &format!("{prefix}{path}"), methods.clone());
        }
    }
    router = mount(router, "/v1/openapi.json", get(docs::openapi));
    router = mount(router, "/v1/docs", get(docs::page));
    router = mount(router, "/v1/ca.pem", get(docs::ca));
    router = mount(router, "/v1/places", get(places::index));
    router = mount(router, "/v1/places/{name}", get(places::show));
    let router = router.method_not_allowed_fallback(|| async { Problem::method() });
    router.route("/v1", any(missing)).route("/v1/", any(missing)).route("/v1/{*rest}", any(missing)).with_state(portal)
}

fn mount(router: Router<SharedPortal>, path: &str, methods: Methods) -> Router<SharedPortal> {
    router.route(path, methods.clone()).route(&format!("{path}/"), methods)
}

async fn missing() -> Problem {
    Error::NotFound.into()
}

/// Who asks.
struct Caller(Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let actor = parts.extensions.get::<Option<Actor>>().cloned().flatten();
        actor.map(Self).ok_or_else(|| Error::Unauthenticated.into())
    }
}

/// The id of an object that stands at the end of the address, or of the instance that it belongs to.
struct InstancePath(ClusterId);

/// The ids of an instance and of something in it.
struct PartPath(ClusterId, Uuid);

impl<S: Send + Sync> FromRequestParts<S> for InstancePath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path_ids(parts, state).await.map(|(id, _)| Self(id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PartPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (id, part) = path_ids(parts, state).await?;
        part.map(|part| Self(id, part)).ok_or_else(|| Error::NotFound.into())
    }
}

async fn path_ids<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<(ClusterId, Option<Uuid>), Problem> {
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::malformed("The address cannot be read."))?;
    let (mut id, mut part) = (None, None);
    for (name, value) in &params {
        let value =
            link::uuid(value).ok_or_else(|| Problem::field("uuid", "The address has no uuid where one belongs: 32 hexadecimal digits with four hyphens."))?;
        if name == "part" { part = Some(value) } else { id = Some(value) }
    }
    id.map(|id| (ClusterId(id), part)).ok_or_else(|| Error::NotFound.into())
}

/// Refuses early what the portal would refuse anyway, so that the answer does not depend on what else is wrong.
fn need(actor: &Actor, action: Action) -> Result<(), Problem> {
    if access::may(actor.role, action) { Ok(()) } else { Err(Error::Forbidden(format!("This needs the role {}.", access::needed(action))).into()) }
}

/// A cluster that is not on its way out: one that is, is gone for those who look.
async fn living(portal: &SharedPortal, actor: &Actor, id: ClusterId) -> Result<Cluster, Problem> {
    let cluster = portal.cluster(actor, id).await?;
    if cluster.deleted_at.is_none() { Ok(cluster) } else { Err(Error::NotFound.into()) }
}

/// A cluster that is not on its way out: for those who want to change one, that is a conflict.
async fn standing(portal: &SharedPortal, actor: &Actor, id: ClusterId) -> Result<Cluster, Problem> {
    let cluster = portal.cluster(actor, id).await?;
    if cluster.deleted_at.is_none() { Ok(cluster) } else { Err(Error::from(Conflict::Deleting).into()) }
}

/// The generation that the sender saw, from `If-Match`.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    match text.trim_start_matches("W/").trim_matches('"') {
        "*" => Ok(None),
        number => number.parse().map(Some).map_err(|_| Problem::malformed("If-Match is a generation in quotes, or *.")),
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(value).map_err(unprintable)?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

fn value(value: &impl Serialize) -> Result<serde_json::Value, Problem> {
    serde_json::to_value(value).map_err(unprintable)
}

/// Cannot come about: all keys are texts.
fn unprintable(error: serde_json::Error) -> Problem {
    let incident = Uuid::now_v7().to_string();
    tracing::error!(%error, incident, "an answer cannot be printed as JSON");
    Error::Internal(incident).into()
}

/// The name that the contract has for a field of a user or database: `users.app.password` is `password`.
fn rename_part(field: &str) -> String {
    let mut pieces = field.splitn(3, '.');
    match (pieces.next(), pieces.next(), pieces.next()) {
        (Some("users" | "databases"), Some(_), Some(rest)) => rest.to_owned(),
        (Some("users" | "databases"), Some(_), None) => "name".to_owned(),
        _ => field.to_owned(),
    }
}
