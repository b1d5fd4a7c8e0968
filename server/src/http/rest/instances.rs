//! `…/instances`: clusters.

use super::{
    Answer, Caller, InstancePath, body,
    field::INSTANCE,
    if_match, json, link,
    list::{self, page},
    living, need, standing,
    view::Instance,
    wish,
};
use crate::http::problem::Problem;
use app::portal::{Passwords, SharedPortal, change_seen};
use axum::{
    body::Body,
    extract::State,
    http::{Request, StatusCode, Uri, header},
    response::IntoResponse,
};
use domain::{Action, Actor, Cluster, ClusterId, ClusterName, Command, Confirm, Conflict, Error, PlaceName, Spec, Uuid};
use std::collections::BTreeSet;

/// How many names are tried for one title when others take them at the same time.
const TRIES: usize = 8;
/// How a refusal begins that no other name would help.
const UUID_TAKEN: &str = "cluster with the uuid";

pub async fn index(State(portal): State<SharedPortal>, Caller(actor): Caller, uri: Uri) -> Answer {
    let query = list::pairs(&uri)?;
    let clusters = portal.clusters(&actor).await?;
    let rows = clusters.iter().filter(|cluster| cluster.deleted_at.is_none()).map(|cluster| row(&portal, cluster)).collect::<Result<_, _>>()?;
    let version = |text: &str| link::find_version(text).map(link::version);
    Ok(page(INSTANCE, rows, &query, version)?.answer())
}

fn row(portal: &SharedPortal, cluster: &Cluster) -> Result<serde_json::Value, Problem> {
    let vitals = portal.vitals(cluster.id);
    super::value(&Instance::new(cluster, vitals.as_ref()))
}

pub async fn show(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath) -> Answer {
    answer(&portal, &living(&portal, &actor, id).await?, StatusCode::OK)
}

pub async fn create(State(portal): State<SharedPortal>, Caller(actor): Caller, request: Request<Body>) -> Answer {
    need(&actor, Action::Create)?;
    let mut sent = body::for_new(INSTANCE, request).await?;
    sent.identity(None, actor.project)?;
    let id = ClusterId(sent.uuid("uuid").unwrap_or_else(Uuid::now_v7));
    let place: Option<PlaceName> = sent.parsed("place");
    let there = portal.place(place.as_ref()).map_err(|error| Problem::from(error).with_names(wish::rename))?;
    let spec = wish::spec(&mut sent, &there.offer);
    let chosen = sent.has("uuid");
    sent.finish()?;
    if chosen && portal.cluster(&actor, id).await.is_ok() {
        return Err(Error::from(Conflict::NameTaken(format!("{UUID_TAKEN} {id}"))).into());
    }
    submit_new(&portal, &actor, id, there.name, spec).await?;
    let cluster = portal.cluster(&actor, id).await?;
    Ok(([(header::LOCATION, link::instance(id))], answer(&portal, &cluster, StatusCode::CREATED)?).into_response())
}

/// Saves a new cluster under the first free name that is near its title.
async fn submit_new(portal: &SharedPortal, actor: &Actor, id: ClusterId, place: PlaceName, spec: Spec) -> Result<(), Problem> {
    let mut taken = BTreeSet::new();
    for _ in 0..TRIES {
        let name = free_name(spec.title.as_str(), &taken);
        let command = Command::Create { id, project: actor.project, place: Some(place.clone()), name: name.clone(), spec: Box::new(spec.clone()) };
        match portal.submit(actor, command, Passwords::new()).await {
            Ok(_) => return Ok(()),
            // The uuid is taken, not the name: no other name would help.
            Err(Error::Conflict(Conflict::NameTaken(what))) if what.starts_with(UUID_TAKEN) => return Err(Error::from(Conflict::NameTaken(what)).into()),
            // A cluster on its way out holds its name as well; whether it is listed is not for this to know.
            Err(Error::Conflict(Conflict::NameTaken(_) | Conflict::InUse(_))) => {
                taken.extend(portal.clusters(actor).await?.into_iter().map(|cluster| cluster.name));
                taken.insert(name);
            }
            Err(error) => return Err(Problem::from(error).with_names(wish::rename)),
        }
    }
    Err(Error::from(Conflict::NameTaken(format!("cluster for every name near {}", spec.title))).into())
}

fn free_name(title: &str, taken: &BTreeSet<ClusterName>) -> ClusterName {
    let mut suffix = 1;
    loop {
        let name = ClusterName::from_title(title, suffix);
        if !taken.contains(&name) {
            return name;
        }
        suffix += 1;
    }
}

pub async fn update(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath, request: Request<Body>) -> Answer {
    need(&actor, Action::Operate)?;
    let cluster = standing(&portal, &actor, id).await?;
    let expected = if_match(request.headers())?;
    let mut sent = body::for_change(INSTANCE, request).await?;
    sent.identity(Some(id.0), actor.project)?;
    let changes = |seen: &Cluster| {
        let mut sent = sent.clone();
        let changes = wish::changes(&mut sent, seen);
        sent.finish().map(|()| changes)
    };
    let told = |error| Problem::from(error).with_names(wish::rename);
    change_seen(&*portal, &actor, cluster, expected, Passwords::new(), changes, told).await?;
    answer(&portal, &portal.cluster(&actor, id).await?, StatusCode::OK)
}

pub async fn delete(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath) -> Answer {
    need(&actor, Action::Delete)?;
    living(&portal, &actor, id).await?;
    portal.submit(&actor, Command::Delete { id, confirm: Confirm::Addressed }, Passwords::new()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn answer(portal: &SharedPortal, cluster: &Cluster, status: StatusCode) -> Answer {
    json(status, &Instance::new(cluster, portal.vitals(cluster.id).as_ref()))
}
