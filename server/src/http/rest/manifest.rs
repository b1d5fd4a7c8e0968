//! `…/manifest`: the `Postgres` resource as YAML, and `…/events`.

use super::{Answer, Caller, InstancePath, body, if_match, json, link, list, living, need};
use crate::http::problem::Problem;
use app::portal::{Applied, Intent, SharedPortal, Target};
use axum::{
    body::Body,
    extract::State,
    http::{Request, StatusCode, Uri, header},
    response::IntoResponse,
};
use domain::{Accepted, Action, Actor, event::Event};
use serde::Serialize;

/// Events of a page, unless asked for otherwise, and at most.
const EVENTS: (u32, u32) = (100, 500);

#[derive(Serialize)]
struct Outcome {
    uuid: Option<domain::ClusterId>,
    created: bool,
    changed: bool,
    costs: Vec<String>,
    generation: Option<u64>,
}

pub async fn show(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath) -> Answer {
    let cluster = living(&portal, &actor, id).await?;
    let document = portal.document(&actor, id).await?;
    let headers = [(header::CONTENT_TYPE, "application/yaml".to_owned()), (header::ETAG, format!("\"{}\"", cluster.generation))];
    Ok((headers, document).into_response())
}

pub async fn update(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath, request: Request<Body>) -> Answer {
    need(&actor, Action::Configure)?;
    super::standing(&portal, &actor, id).await?;
    apply(&portal, &actor, Target::Cluster(id), request).await
}

pub async fn apply_named(State(portal): State<SharedPortal>, Caller(actor): Caller, request: Request<Body>) -> Answer {
    need(&actor, Action::Configure)?;
    apply(&portal, &actor, Target::Named, request).await
}

async fn apply(portal: &SharedPortal, actor: &Actor, target: Target, request: Request<Body>) -> Answer {
    let intent = intent(request.uri())?;
    let expected = if_match(request.headers())?;
    let bytes = body::bytes(request.into_body()).await?;
    let text = String::from_utf8(bytes).map_err(|_| Problem::malformed("The document is not UTF-8."))?;
    let Applied { accepted, created, changed, costs } = portal.apply(actor, target, &text, expected, intent).await?;
    let (uuid, generation) = accepted.map(|Accepted { id, generation }| (id, generation)).unzip();
    let body = Outcome { uuid, created, changed, costs, generation };
    match (intent, created, uuid) {
        (Intent::Save, true, Some(id)) => Ok(([(header::LOCATION, link::instance(id))], json(StatusCode::CREATED, &body)?).into_response()),
        (Intent::Save | Intent::Trial, ..) => json(StatusCode::OK, &body),
    }
}

fn intent(uri: &Uri) -> Result<Intent, Problem> {
    let mut intent = Intent::Save;
    for (name, value) in list::pairs(uri)? {
        intent = match (name.as_str(), value.as_str()) {
            ("dry_run", "true") => Intent::Trial,
            ("dry_run", "false") => Intent::Save,
            ("dry_run", _) => return Err(Problem::field("dry_run", "true or false.")),
            _ => return Err(Problem::malformed("The only thing to ask here is dry_run.")),
        };
    }
    Ok(intent)
}

#[derive(Serialize)]
struct EventView<'a> {
    id: i64,
    at: domain::Timestamp,
    kind: domain::event::Kind,
    title: &'a str,
    text: &'a str,
    actor: Option<&'a str>,
}

impl<'a> From<&'a Event> for EventView<'a> {
    fn from(event: &'a Event) -> Self {
        let Event { id, cluster: _, at, kind, title, text, actor } = event;
        Self { id: *id, at: *at, kind: *kind, title, text, actor: actor.as_deref() }
    }
}

pub async fn events(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath, uri: Uri) -> Answer {
    let mut limit = EVENTS.0;
    for (name, value) in list::pairs(&uri)? {
        let number = value.parse().ok().filter(|n| (1..=EVENTS.1).contains(n));
        match (name.as_str(), number) {
            ("page_limit", Some(number)) => limit = number,
            ("page_limit", None) => return Err(Problem::field("page_limit", format!("A whole number from 1 to {}.", EVENTS.1))),
            _ => return Err(Problem::malformed("The only thing to ask here is page_limit.")),
        }
    }
    living(&portal, &actor, id).await?;
    let events = portal.events(&actor, id, limit).await?;
    json(StatusCode::OK, &events.iter().map(EventView::from).collect::<Vec<_>>())
}
