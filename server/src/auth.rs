//! Ways to sign in; each yields an actor. Secrets are 256 random bits that are shown once and kept as SHA-256.

use crate::store::{
    Store,
    access::{self, Hash},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Actor, Error};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
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

/// A fresh secret: 43 characters for URLs.
fn secret() -> Result<String, Error> {
    use rand::TryRngCore;
    let mut bytes = [0_u8; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|e| crate::store::incident(&e))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a secret.
fn digest(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// A secret on its way to the person who asked for it.
fn shown(secret: String) -> SecretString {
    secret.into()
}
