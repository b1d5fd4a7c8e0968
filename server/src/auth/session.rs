//! Browser sessions: a cookie with a random id, kept hashed, over after seven idle days.

use super::believed::Believed;
use crate::{
    secret,
    store::{Store, StoreError, access, incident},
};
use async_trait::async_trait;
use domain::{Actor, Error, Timestamp};
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::SameSite,
    session::{Error as SessionError, Id, Record},
    session_store,
};

/// Idle days until a session is over.
const IDLE_DAYS: i64 = 7;
/// A session in use is written anew that often: each write moves its end.
const TOUCH_SECONDS: i64 = 3600;
/// How long a session is believed without asking the database again: what it costs at most until one that was ended elsewhere is over here.
const BELIEVED: Duration = Duration::from_secs(2);
const ACTOR: &str = "actor";
const TOUCHED: &str = "touched";
/// What the store answers when the database is away; told apart from faults by this text alone, since tower-sessions carries no more.
const AWAY: &str = "the database is away";

/// The layer that gives requests their [`Session`]. `public` is the URL of the portal: over https the cookie is sent nowhere else.
pub fn layer(store: Store, public: &str) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(Sessions::new(store))
        .with_name("howdah")
        .with_same_site(SameSite::Lax)
        .with_http_only(true)
        .with_secure(public.starts_with("https://"))
        .with_expiry(Expiry::OnInactivity(time::Duration::days(IDLE_DAYS)))
}

/// Signs somebody in, under a new id: one that was known before signing in is worth nothing after.
pub async fn sign_in(session: &Session, actor: &Actor) -> Result<(), Error> {
    session.cycle_id().await.map_err(failed)?;
    session.insert(ACTOR, actor).await.map_err(failed)?;
    session.insert(TOUCHED, Timestamp::now().as_second()).await.map_err(failed)
}

/// Signs out: the session is gone, on the server as well.
pub async fn sign_out(session: &Session) -> Result<(), Error> {
    session.flush().await.map_err(failed)
}

/// Who is signed in.
pub(super) async fn actor(session: &Session) -> Result<Option<Actor>, Error> {
    if session.id().is_none() {
        return Ok(None);
    }
    let Some(actor) = session.get::<Actor>(ACTOR).await.map_err(failed)? else { return Ok(None) };
    let touched: i64 = session.get(TOUCHED).await.map_err(failed)?.unwrap_or(0);
    let now = Timestamp::now().as_second();
    if now - touched > TOUCH_SECONDS {
        session.insert(TOUCHED, now).await.map_err(failed)?;
    }
    Ok(Some(actor))
}

fn failed(error: SessionError) -> Error {
    match &error {
        SessionError::Store(session_store::Error::Backend(text)) if text == AWAY => Error::Unavailable,
        SessionError::Store(_) | SessionError::SerdeJson(_) => incident(&error),
    }
}

/// Sessions as rows. The id in the cookie is the secret: rows have its hash.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    /// Rows that were read lately, by hash.
    seen: Believed<Record>,
}

impl Sessions {
    /// Over the rows of this store.
    pub fn new(store: Store) -> Self {
        Self { store, seen: Believed::new(BELIEVED) }
    }
}

fn hash(id: &Id) -> access::Hash {
    secret::hash_token(&id.to_string())
}

fn backend(error: StoreError) -> session_store::Error {
    session_store::Error::Backend(if error.is_outage() { AWAY.to_owned() } else { error.to_string() })
}

fn row(record: &Record) -> session_store::Result<(Value, Timestamp)> {
    let data = serde_json::to_value(&record.data).map_err(|e| session_store::Error::Encode(e.to_string()))?;
    let expires = Timestamp::from_second(record.expiry_date.unix_timestamp()).map_err(|e| session_store::Error::Encode(e.to_string()))?;
    Ok((data, expires))
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let (data, expires) = row(record)?;
        while !access::add_session(&self.store, hash(&record.id), &data, expires).await.map_err(backend)? {
            record.id = Id::default();
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let (data, expires) = row(record)?;
        let hash = hash(&record.id);
        let saved = access::save_session(&self.store, hash, &data, expires).await.map_err(backend);
        self.seen.forget(&hash);
        saved
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let hash = hash(id);
        if let Some(record) = self.seen.recall(&hash) {
            return Ok(Some(record));
        }
        let Some((data, expires)) = access::session(&self.store, hash).await.map_err(backend)? else { return Ok(None) };
        let decode = |e: String| session_store::Error::Decode(e);
        let data = serde_json::from_value(data).map_err(|e| decode(e.to_string()))?;
        let expiry_date = OffsetDateTime::from_unix_timestamp(expires.as_second()).map_err(|e| decode(e.to_string()))?;
        let record = Record { id: *id, data, expiry_date };
        self.seen.remember(hash, record.clone());
        Ok(Some(record))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let hash = hash(id);
        let ended = access::end_session(&self.store, hash).await.map_err(backend);
        self.seen.forget(&hash);
        ended
    }
}
