//! Passwords on their way to verifiers: checked, made up where none was sent, and forgotten.

use crate::{
    secret::{self, Verifier},
    store::{credentials, incident},
};
use app::portal::Passwords;
use domain::{Cluster, Error, FieldError, RoleName, Spec};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;

/// Refuses passwords that break the rule for forms and REST. Documents have a laxer one of their own, since those written for Cozystack may have shorter ones.
pub(super) fn check(sent: &Passwords) -> Result<(), Error> {
    let broken = |password: &SecretString| {
        let text = password.expose_secret();
        !(8..=99).contains(&text.chars().count()) || text.chars().any(char::is_control)
    };
    let errors: Vec<_> = sent
        .iter()
        .filter(|(_, password)| broken(password))
        .map(|(user, _)| FieldError::new(format!("users.{user}.password"), "A password has 8 to 99 characters, none of them a control character."))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

/// Keeps a verifier for each user whose password is new in `after`: of the one that was sent, else of one made up, which is returned.
pub(super) async fn save(connection: &mut PgConnection, before: Option<&Spec>, after: &Cluster, mut sent: Passwords) -> Result<Passwords, Error> {
    let known = |name: &RoleName| before.and_then(|spec| spec.users.get(name)).map(|user| (user.id, user.password_version));
    let fresh = after.spec.users.iter().filter(|(name, user)| known(name) != Some((user.id, user.password_version)));
    let fresh: Vec<_> = fresh.map(|(name, user)| (name.clone(), user.password_version, sent.remove(name))).collect();
    if let Some(user) = sent.keys().next() {
        let why = format!("A password came for {user}, whose password this does not change.");
        return Err(Error::invalid(format!("users.{user}.password"), why));
    }
    // Verifiers cost milliseconds each, on purpose: not on a thread that serves others.
    let made = tokio::task::spawn_blocking(move || fresh.into_iter().map(make).collect::<Vec<_>>()).await.map_err(|e| incident(&e))?;
    let mut generated = Passwords::new();
    for (name, verifier, password) in made {
        credentials::save(connection, after.id, &name, &verifier).await?;
        generated.extend(password.map(|password| (name, password)));
    }
    Ok(generated)
}

type Made = (RoleName, Verifier, Option<SecretString>);

fn make((name, version, sent): (RoleName, u32, Option<SecretString>)) -> Made {
    let generated = sent.is_none();
    let password = sent.unwrap_or_else(secret::password);
    let scram = secret::scram_verifier(&password);
    (name, Verifier { version, scram }, generated.then_some(password))
}
