//! API tokens: `howdah_` and 43 characters, for programs.

use crate::{
    secret,
    store::{
        Store,
        access::{self, Hash},
    },
};
use domain::{Error, ProjectId, Role};
use secrecy::{ExposeSecret, SecretString};

/// So that people and secret scanners know what they found.
const PREFIX: &str = "howdah_";

/// A new token. It cannot be shown again.
pub async fn create(store: &Store, name: &str, role: Role, project: ProjectId) -> Result<SecretString, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "A token has a name of 1 to 100 characters on one line, so that people know whose it is."));
    }
    let token = format!("{PREFIX}{}", secret::token().expose_secret());
    access::add_token(store, secret::hash_token(&token), name, role, project).await?;
    Ok(token.into())
}

/// What is kept of a token; none: this is not the shape of one, so nobody needs to be asked.
pub(super) fn hash(token: &str) -> Option<Hash> {
    let rest = token.strip_prefix(PREFIX)?;
    (rest.len() == 43 && rest.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| secret::hash_token(token))
}
