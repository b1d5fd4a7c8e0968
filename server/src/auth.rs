//! Ways to sign in; each yields an actor. Secrets are long and random, shown once, and kept as SHA-256.

use crate::store::{
    Store,
    access::{self, Hash},
};
use domain::{Actor, Error};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

pub mod link;
pub mod session;
pub mod token;

/// How long a token is believed without asking the database again: what it costs at most until a revoked one is refused.
const BELIEVED: Duration = Duration::from_secs(5);

/// Tells who asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Auth {
    store: Store,
    seen: Arc<Mutex<HashMap<Hash, (Instant, Actor)>>>,
}

impl Auth {
    /// Over the store's tokens and sessions.
    pub fn new(store: Store) -> Self {
        Self { store, seen: Arc::default() }
    }

    /// Who holds this API token; none: nobody does.
    pub async fn bearer(&self, token: &str) -> Result<Option<Actor>, Error> {
        let Some(hash) = token::hash(token) else { return Ok(None) };
        if let Some(actor) = self.recall(&hash) {
            return Ok(Some(actor));
        }
        let actor = access::token(&self.store, hash).await?.map(|token| Actor {
            id: format!("token:{}", token.id),
            name: token.name,
            role: token.role,
            project: token.project,
        });
        if let Some(actor) = &actor {
            self.remember(hash, actor.clone());
        }
        Ok(actor)
    }

    /// Who is signed in; none: nobody is.
    pub async fn session(&self, session: &tower_sessions::Session) -> Result<Option<Actor>, Error> {
        session::actor(session).await
    }

    fn recall(&self, hash: &Hash) -> Option<Actor> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(hash).filter(|(at, _)| at.elapsed() < BELIEVED).map(|(_, actor)| actor.clone())
    }

    fn remember(&self, hash: Hash, actor: Actor) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        seen.insert(hash, (Instant::now(), actor));
    }
}
