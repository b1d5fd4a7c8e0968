//! `token create` and `link`: ways in, made where the portal keeps its things. Whoever may read those may let people in.

use crate::{
    auth,
    config::{Serve, State},
    private::Database,
    store::Store,
};
use anyhow::Result;
use domain::{Error, ProjectId, Role};
use secrecy::{ExposeSecret, SecretString};

/// A new API token, alone on its line.
pub async fn token(state: &State, name: &str, role: Role) -> Result<String> {
    let secret = with_store(state, async |store| auth::token::create(store, name, role, ProjectId::DEFAULT).await).await?;
    Ok(format!("{}\n", secret.expose_secret()))
}

/// A new sign-in link, alone on its line.
pub async fn link(config: &Serve) -> Result<String> {
    let secret = with_store(&config.state, async |store| auth::link::create(store).await).await?;
    let base = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    Ok(format!("{base}/sign-in/{}\n", secret.expose_secret()))
}

async fn with_store(state: &State, make: impl AsyncFnOnce(&Store) -> Result<SecretString, Error>) -> Result<SecretString> {
    let database = Database::open(state).await?;
    let made = make(&database.store).await;
    database.close().await?;
    Ok(made?)
}
