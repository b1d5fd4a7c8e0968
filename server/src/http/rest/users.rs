//! `…/instances/{uuid}/users`: login roles.

use super::{Answer, Caller, InstancePath, PartPath, body, body::Sent, field::USER, json, link, list, living, need, standing, view::UserView};
use crate::http::problem::Problem;
use app::portal::{Passwords, SharedPortal};
use axum::{
    body::Body,
    extract::State,
    http::{Request, StatusCode, Uri, header},
    response::IntoResponse,
};
use domain::{Action, Actor, Change, Cluster, ClusterId, Command, Error, RoleName, Uuid, user::User};
use secrecy::SecretString;

pub async fn index(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath, uri: Uri) -> Answer {
    let query = list::pairs(&uri)?;
    let cluster = living(&portal, &actor, id).await?;
    let rows = cluster.spec.users.iter().map(|(name, user)| super::value(&UserView::new(&cluster, name, user))).collect::<Result<_, _>>()?;
    Ok(list::page(USER, rows, &query, |_| None)?.answer())
}

pub async fn show(State(portal): State<SharedPortal>, Caller(actor): Caller, PartPath(id, part): PartPath) -> Answer {
    answer(&living(&portal, &actor, id).await?, part, StatusCode::OK)
}

pub async fn create(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath, request: Request<Body>) -> Answer {
    need(&actor, Action::Operate)?;
    standing(&portal, &actor, id).await?;
    let mut sent = body::for_new(USER, request).await?;
    sent.identity(None, actor.project)?;
    let part = sent.uuid("uuid").unwrap_or_else(Uuid::now_v7);
    let (name, description) = (sent.parsed::<RoleName>("name"), sent.parsed("description").unwrap_or_default());
    let replication = sent.bool("replication").unwrap_or_default();
    let secret = password(&sent);
    sent.finish()?;
    // Both are required: with either missing, the line above has answered.
    let (Some(name), Some(secret)) = (name, secret) else { return Err(Error::NotFound.into()) };
    let change = Change::AddUser { id: part, name: name.clone(), replication, description };
    save(&portal, &actor, id, vec![change], Passwords::from([(name, secret)])).await?;
    let cluster = portal.cluster(&actor, id).await?;
    Ok(([(header::LOCATION, link::user(id, part))], answer(&cluster, part, StatusCode::CREATED)?).into_response())
}

pub async fn update(State(portal): State<SharedPortal>, Caller(actor): Caller, PartPath(id, part): PartPath, request: Request<Body>) -> Answer {
    need(&actor, Action::Operate)?;
    let cluster = standing(&portal, &actor, id).await?;
    let (name, _) = find(&cluster, part)?;
    let mut sent = body::for_change(USER, request).await?;
    sent.identity(Some(part), actor.project)?;
    sent.keep("name", sent.text("name").map(str::to_owned), &name.as_str().to_owned());
    let (replication, description, secret) = (sent.bool("replication"), sent.parsed("description"), password(&sent));
    sent.finish()?;
    let mut changes = Vec::new();
    if replication.is_some() || description.is_some() {
        changes.push(Change::SetUser { name: name.clone(), replication, description });
    }
    if secret.is_some() {
        changes.push(Change::RotatePassword { name: name.clone() });
    }
    save(&portal, &actor, id, changes, secret.map(|secret| (name.clone(), secret)).into_iter().collect()).await?;
    answer(&portal.cluster(&actor, id).await?, part, StatusCode::OK)
}

pub async fn delete(State(portal): State<SharedPortal>, Caller(actor): Caller, PartPath(id, part): PartPath) -> Answer {
    need(&actor, Action::Configure)?;
    let cluster = standing(&portal, &actor, id).await?;
    let (name, _) = find(&cluster, part)?;
    save(&portal, &actor, id, vec![Change::RemoveUser { name: name.clone() }], Passwords::new()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn find(cluster: &Cluster, part: Uuid) -> Result<(&RoleName, &User), Problem> {
    cluster.spec.users.iter().find(|(_, user)| user.id == part).ok_or_else(|| Error::NotFound.into())
}

fn answer(cluster: &Cluster, part: Uuid, status: StatusCode) -> Answer {
    let (name, user) = find(cluster, part)?;
    json(status, &UserView::new(cluster, name, user))
}

fn password(sent: &Sent) -> Option<SecretString> {
    sent.text("password").map(SecretString::from)
}

async fn save(portal: &SharedPortal, actor: &Actor, id: ClusterId, changes: Vec<Change>, passwords: Passwords) -> Result<(), Problem> {
    let saved = portal.submit(actor, Command::Change { id, expected: None, changes }, passwords).await;
    saved.map(drop).map_err(|error| Problem::from(error).with_names(super::rename_part))
}
