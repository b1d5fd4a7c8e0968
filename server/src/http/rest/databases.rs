//! `…/instances/{uuid}/databases`.

use super::{Answer, Caller, InstancePath, PartPath, body, body::Sent, field::DATABASE, json, link, list, living, need, standing, view::DatabaseView};
use crate::http::problem::Problem;
use app::portal::{Passwords, SharedPortal};
use axum::{
    body::Body,
    extract::State,
    http::{Request, StatusCode, Uri, header},
    response::IntoResponse,
};
use domain::{
    Action, Actor, Change, Cluster, ClusterId, Command, Confirm, DatabaseName, Error, ExtensionName, RoleName, Uuid,
    database::{Database, Grants},
};
use serde::Deserialize;
use std::collections::BTreeSet;

pub async fn index(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath, uri: Uri) -> Answer {
    let query = list::pairs(&uri)?;
    let cluster = living(&portal, &actor, id).await?;
    let spec = &cluster.spec;
    let rows = spec.databases.iter().map(|(name, database)| super::value(&DatabaseView::new(&cluster, name, database))).collect::<Result<_, _>>()?;
    let owner = |text: &str| link::find_user(id, spec, text).and_then(|name| spec.users.get(name)).map(|user| link::user(id, user.id));
    Ok(list::page(DATABASE, rows, &query, owner)?.answer())
}

pub async fn show(State(portal): State<SharedPortal>, Caller(actor): Caller, PartPath(id, part): PartPath) -> Answer {
    answer(&living(&portal, &actor, id).await?, part, StatusCode::OK)
}

pub async fn create(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath, request: Request<Body>) -> Answer {
    need(&actor, Action::Operate)?;
    let cluster = standing(&portal, &actor, id).await?;
    let mut sent = body::for_new(DATABASE, request).await?;
    sent.identity(None, actor.project)?;
    let part = sent.uuid("uuid").unwrap_or_else(Uuid::now_v7);
    let (name, description) = (sent.parsed::<DatabaseName>("name"), sent.parsed("description").unwrap_or_default());
    let (owner, roles, extensions) = (owner(&mut sent, &cluster), roles(&mut sent, &cluster), extensions(&mut sent));
    sent.finish()?;
    // It is required: where it is missing, the line above has answered.
    let Some(name) = name else { return Err(Error::NotFound.into()) };
    let (roles, extensions) = (roles.unwrap_or_default(), extensions.unwrap_or_default());
    save(&portal, &actor, id, vec![Change::AddDatabase { id: part, name, owner, roles, extensions, description }]).await?;
    let cluster = portal.cluster(&actor, id).await?;
    Ok(([(header::LOCATION, link::database(id, part))], answer(&cluster, part, StatusCode::CREATED)?).into_response())
}

pub async fn update(State(portal): State<SharedPortal>, Caller(actor): Caller, PartPath(id, part): PartPath, request: Request<Body>) -> Answer {
    need(&actor, Action::Operate)?;
    let cluster = standing(&portal, &actor, id).await?;
    let (name, _) = find(&cluster, part)?;
    let mut sent = body::for_change(DATABASE, request).await?;
    sent.identity(Some(part), actor.project)?;
    sent.keep("name", sent.text("name").map(str::to_owned), &name.as_str().to_owned());
    let (owner, roles, extensions) = (owner(&mut sent, &cluster), roles(&mut sent, &cluster), extensions(&mut sent));
    let description = sent.parsed("description");
    sent.finish()?;
    let touched = owner.is_some() || roles.is_some() || extensions.is_some() || description.is_some();
    let change = touched.then(|| Change::SetDatabase { name: name.clone(), owner, roles, extensions, description });
    save(&portal, &actor, id, change.into_iter().collect()).await?;
    answer(&portal.cluster(&actor, id).await?, part, StatusCode::OK)
}

pub async fn delete(State(portal): State<SharedPortal>, Caller(actor): Caller, PartPath(id, part): PartPath) -> Answer {
    need(&actor, Action::Configure)?;
    let cluster = standing(&portal, &actor, id).await?;
    let (name, _) = find(&cluster, part)?;
    save(&portal, &actor, id, vec![Change::RemoveDatabase { name: name.clone(), confirm: Confirm::Addressed }]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn find(cluster: &Cluster, part: Uuid) -> Result<(&DatabaseName, &Database), Problem> {
    cluster.spec.databases.iter().find(|(_, database)| database.id == part).ok_or_else(|| Error::NotFound.into())
}

fn answer(cluster: &Cluster, part: Uuid, status: StatusCode) -> Answer {
    let (name, database) = find(cluster, part)?;
    json(status, &DatabaseView::new(cluster, name, database))
}

fn owner(sent: &mut Sent, cluster: &Cluster) -> Option<RoleName> {
    let found = link::find_user(cluster.id, &cluster.spec, sent.text("owner")?).cloned();
    if found.is_none() {
        sent.refuse("owner", "A user of the same instance, by address, uuid or name.");
    }
    found
}

fn roles(sent: &mut Sent, cluster: &Cluster) -> Option<Grants> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Roles {
        #[serde(default)]
        admin: Vec<String>,
        #[serde(default)]
        readonly: Vec<String>,
    }
    let Roles { admin, readonly } = sent.structured("roles")?;
    let mut members = |field: &str, texts: Vec<String>| -> BTreeSet<RoleName> {
        let found: Option<_> = texts.iter().map(|text| link::find_user(cluster.id, &cluster.spec, text).cloned()).collect();
        if found.is_none() {
            sent.refuse(field, "Users of the same instance, by address, uuid or name.");
        }
        found.unwrap_or_default()
    };
    Some(Grants { admin: members("roles.admin", admin), readonly: members("roles.readonly", readonly) })
}

fn extensions(sent: &mut Sent) -> Option<BTreeSet<ExtensionName>> {
    sent.structured("extensions")
}

async fn save(portal: &SharedPortal, actor: &Actor, id: ClusterId, changes: Vec<Change>) -> Result<(), Problem> {
    let saved = portal.submit(actor, Command::Change { id, expected: None, changes }, Passwords::new()).await;
    saved.map(drop).map_err(|error| Problem::from(error).with_names(super::rename_part))
}
