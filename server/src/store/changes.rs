//! What the database announces: "look at this cluster". A lost message costs time, never correctness, and every gap ends with a `Resync`.

use super::Store;
use domain::ClusterId;
use futures::stream::{BoxStream, StreamExt};
use sqlx::{
    Executor,
    postgres::{PgListener, PgPoolOptions},
};
use std::time::Duration;

/// Where the trigger on clusters speaks.
const CHANNEL: &str = "howdah";
/// Longest silence after which the connection is asked whether it still lives: a host that vanished closes nothing.
const SILENCE: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);

/// What may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// This cluster.
    Cluster(ClusterId),
    /// Listening began (again): anything may have changed before.
    Resync,
    /// The database cannot be reached; a `Resync` follows when it can.
    Lost,
}

enum State {
    /// Not connected; true: this has been said.
    Away(bool),
    Listening(Box<PgListener>),
}

/// Every change from now on. Begins with `Resync` (or `Lost`), reconnects by itself and never ends.
pub fn listen(store: Store) -> BoxStream<'static, Changed> {
    // A pool of its own: listening must not cost pages a connection, and ends with this stream.
    let options = store.pool().connect_options().as_ref().clone();
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).max_lifetime(None).idle_timeout(None).connect_lazy_with(options);
    futures::stream::unfold((pool, State::Away(false)), |(pool, mut state)| async move {
        loop {
            match state {
                State::Away(said) => match tokio::time::timeout(PATIENCE, connect(&pool)).await {
                    Ok(Ok(listener)) => return Some((Changed::Resync, (pool, State::Listening(Box::new(listener))))),
                    Ok(Err(_)) | Err(_) if said => {
                        tokio::time::sleep(PAUSE).await;
                        state = State::Away(true);
                    }
                    Ok(Err(_)) | Err(_) => return Some((Changed::Lost, (pool, State::Away(true)))),
                },
                State::Listening(mut listener) => match hear(&mut listener).await {
                    Some(id) => return Some((Changed::Cluster(id), (pool, State::Listening(listener)))),
                    None => return Some((Changed::Lost, (pool, State::Away(true)))),
                },
            }
        }
    })
    .boxed()
}

async fn connect(pool: &sqlx::PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    // A reconnect inside the listener would hide the gap.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// The next cluster that is spoken of; none: the connection is lost.
async fn hear(listener: &mut PgListener) -> Option<ClusterId> {
    loop {
        match tokio::time::timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(message))) => match message.payload().parse() {
                Ok(id) => return Some(id),
                Err(_) => continue,
            },
            Ok(Ok(None) | Err(_)) => return None,
            Err(_) => match tokio::time::timeout(PATIENCE, listener.execute("select 1")).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return None,
            },
        }
    }
}
