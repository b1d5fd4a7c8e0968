//! The portal's own state in PostgreSQL: one file a noun, one statement a function. It decides nothing and knows nothing but `domain`.

use sqlx::{
    PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};

pub mod access;
pub mod audit;
pub mod changes;
pub mod clusters;
pub mod credentials;
pub mod due;
pub mod events;
pub mod roots;

/// Longest wait for a connection. A page rather says that the database is away than it hangs.
const PATIENCE: Duration = Duration::from_secs(3);
/// What sessions of the portal give up after: nobody waits longer for a page, and a process that hangs must not hold a lock.
const LIMITS: [(&str, &str); 3] = [("lock_timeout", "10s"), ("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "60s")];

/// Beginnings of SQLSTATE after which trying again helps.
const OUTAGES: [&str; 5] = ["08", "53", "57P0", "57014", "55P03"];

/// The portal's database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

/// What can go wrong in the store: one variant for each reaction of its callers.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A named constraint of the schema refused the row.
    #[error("the constraint {0} refused it")]
    Constraint(String),
    /// No such row.
    #[error("no such row")]
    NotFound,
    /// Anything else; [`StoreError::is_outage`] tells whether trying again helps.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl Store {
    /// A pool over `url`, as in `postgres://user@host/database`. Waits until the first connection stands.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?.application_name("howdah").options(LIMITS);
        let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(PATIENCE).connect_with(options).await?;
        Ok(Self { pool })
    }

    /// Brings the schema up to date. Several processes may do so at once: one works, the others wait.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // A migration may take its time, and so may the wait for another process that is at it.
        let options = self.pool.connect_options().as_ref().clone().options(LIMITS.map(|(name, _)| (name, "0")));
        let single = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_with(options).await?;
        let outcome = sqlx::migrate!("../migrations").run(&single).await;
        single.close().await;
        outcome.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => StoreError::from(error),
            other => StoreError::Database(sqlx::Error::from(other)),
        })
    }

    /// The pool itself.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction, in a task of its own: cut off half-way, sqlx would give the connection back to the pool with the transaction open, and what is
    /// done with it next would wait for a commit that never comes.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin().await });
        Ok(begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!(r#"select 1 as "one!""#).fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Throws away what has no more use: expired sessions and links, old history. For an hourly call.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        access::sweep(self).await?;
        events::sweep(self).await
    }
}

impl StoreError {
    /// The database cannot be reached or does not take connections just now.
    pub fn is_outage(&self) -> bool {
        let Self::Database(error) = self else { return false };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
            // Connection exceptions, too many connections, no disk or memory left, a server that starts or stops, and waits that took too long.
            sqlx::Error::Database(e) => e.code().is_some_and(|code| OUTAGES.iter().any(|outage| code.starts_with(outage))),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(e) => match e.constraint() {
                Some(constraint) => Self::Constraint(constraint.to_owned()),
                None => Self::Database(error),
            },
            _ => Self::Database(error),
        }
    }
}

/// What people are told. A fault of ours is logged here, once, under the id that they can quote.
impl From<StoreError> for domain::Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound => Self::NotFound,
            _ if error.is_outage() => {
                tracing::warn!(%error, "the portal's own database cannot serve");
                Self::Unavailable
            }
            StoreError::Constraint(_) | StoreError::Database(_) => incident(&error),
        }
    }
}

/// Logs a fault of ours under a fresh id and returns what people are told.
pub fn incident(cause: &dyn std::fmt::Display) -> domain::Error {
    let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
    tracing::error!(incident = %id, error = %cause, "internal error");
    domain::Error::Internal(id)
}

/// `bigint` has no unsigned sibling; counters never reach the half that differs.
fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The way back of [`count`].
fn bigint(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
