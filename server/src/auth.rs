//! Ways to sign in; each yields an actor. Secrets are long and random, shown once, and kept as SHA-256.

use crate::store::{Store, access};
use believed::Believed;
use domain::{Actor, Error};
use std::time::Duration;

mod believed;
pub mod link;
pub mod session;
pub mod token;

/// How long a token is believed without asking the database again: what it costs at most until a revoked one is refused.
const BELIEVED: Duration = Duration::from_secs(5);

/// Tells who asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Auth {
    store: Store,
    seen: Believed<Actor>,
}

impl Auth {
    /// Over the store's tokens and sessions.
    pub fn new(store: Store) -> Self {
        Self { store, seen: Believed::new(BELIEVED) }
    }

    /// Who holds this API token; none: nobody does.
    pub async fn bearer(&self, token: &str) -> Result<Option<Actor>, Error> {
        let Some(hash) = token::hash(token) else { return Ok(None) };
        if let Some(actor) = self.seen.recall(&hash) {
            return Ok(Some(actor));
        }
        let actor = access::token(&self.store, hash).await?.map(|token| Actor {
            id: format!("token:{}", token.id),
            name: token.name,
            role: token.role,
            project: token.project,
        });
        if let Some(actor) = &actor {
            self.seen.remember(hash, actor.clone());
        }
        Ok(actor)
    }

    /// Who is signed in; none: nobody is.
    pub async fn session(&self, session: &tower_sessions::Session) -> Result<Option<Actor>, Error> {
        session::actor(session).await
    }
}
