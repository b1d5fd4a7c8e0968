//! Sign-in links: good once, for 15 minutes, for whoever can read the terminal of the portal.

use crate::{
    secret,
    store::{Store, access},
};
use domain::{Actor, Error, ProjectId, Role};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// How long a link is good for.
pub const LIFE: Duration = Duration::from_secs(15 * 60);

/// The secret of a new link, which gives its redeemer a role in the default project.
pub async fn create(store: &Store, role: Role) -> Result<SecretString, Error> {
    let link = secret::token();
    access::add_link(store, secret::hash_token(link.expose_secret()), role, ProjectId::DEFAULT, LIFE).await?;
    Ok(link)
}

/// Uses up a link. None: it was used before, is too old or never was.
pub async fn redeem(store: &Store, link: &str) -> Result<Option<Actor>, Error> {
    let Some((role, project)) = access::take_link(store, secret::hash_token(link)).await? else { return Ok(None) };
    // An id of its own: the audit tells apart two people who came by two links.
    let id = format!("session:{}", uuid::Uuid::new_v4().simple());
    Ok(Some(Actor { id, name: role.to_string(), role, project }))
}
