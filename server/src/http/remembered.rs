//! Who was signed in a moment ago: spares a question to the database with each request, and lets people go on reading while it is away.

use domain::Actor;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tower_sessions::session::Id;

/// How long nobody asks again: what it takes at most until a session that ended in another process is refused in this one.
const FRESH: Duration = Duration::from_secs(5);
/// How long a session is believed while the database cannot be asked.
const STALE: Duration = Duration::from_secs(600);
/// So many sessions are kept before old ones are thrown away.
const KEPT: usize = 1024;

/// The sessions that this process saw.
#[derive(Debug, Default)]
pub struct Remembered(Mutex<HashMap<Id, (Instant, Actor)>>);

impl Remembered {
    fn all(&self) -> MutexGuard<'_, HashMap<Id, (Instant, Actor)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn within(&self, id: Option<Id>, age: Duration) -> Option<Actor> {
        self.all().get(&id?).filter(|(at, _)| at.elapsed() < age).map(|(_, actor)| actor.clone())
    }

    /// Whoever signed in, if that was found a moment ago.
    pub fn fresh(&self, id: Option<Id>) -> Option<Actor> {
        self.within(id, FRESH)
    }

    /// Whoever signed in, if that was found not too long ago. Only for when nobody can be asked.
    pub fn stale(&self, id: Option<Id>) -> Option<Actor> {
        self.within(id, STALE)
    }

    /// The database said who it is.
    pub fn keep(&self, id: Id, actor: Actor) {
        let mut all = self.all();
        if all.len() >= KEPT {
            all.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        all.insert(id, (Instant::now(), actor));
    }

    /// The session is over.
    pub fn forget(&self, id: Option<Id>) {
        if let Some(id) = id {
            self.all().remove(&id);
        }
    }
}
