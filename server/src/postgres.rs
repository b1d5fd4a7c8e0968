//! What is inside PostgreSQL: facts are read, a pure plan compares them with the wish, SQL makes them equal; the same for every engine.
//! Never decides what is wished for, and never shows a password, not even to PostgreSQL's own log.

use sqlx::{
    ConnectOptions, PgConnection,
    postgres::{PgConnectOptions, PgDatabaseError},
};
use std::time::Duration;

pub mod databases;
pub mod facts;
pub mod inside;
pub mod objects;
#[cfg(test)]
mod plans;
pub mod quote;
pub mod removal;
pub mod roles;
pub mod statistics;

/// What opens the comment of every role and database that the portal made or took over. Only these are ever dropped.
pub const MARK: &str = "howdah: managed";

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// Settings of each of our sessions, as startup options, so that nothing that a person set for a role or a database gets in between.
const SESSION: &[(&str, &str)] = &[
    // A verifier must not reach a log, `pg_stat_activity` or `pg_stat_statements`.
    ("log_statement", "none"),
    ("log_min_error_statement", "panic"),
    ("log_min_duration_statement", "-1"),
    ("log_min_duration_sample", "-1"),
    ("log_duration", "off"),
    ("track_activities", "off"),
    ("pg_stat_statements.track_utility", "off"),
    ("pgaudit.log", "none"),
    ("auto_explain.log_min_duration", "-1"),
    // Users may create in schemas of this database: nothing of theirs is found by an unqualified name.
    ("search_path", "pg_catalog,pg_temp"),
    ("client_min_messages", "error"),
    ("default_transaction_read_only", "off"),
    // A commit that waits for a dead replica is cut off by no timeout. What a failover loses, the next pass makes again.
    ("synchronous_commit", "local"),
    ("lock_timeout", "5s"),
    ("jit", "off"),
];

/// A session as superuser in `database`.
async fn connect(options: &PgConnectOptions, database: &str, statement_timeout: Duration) -> Result<PgConnection, sqlx::Error> {
    let options = options
        .clone()
        .database(database)
        .application_name("howdah")
        .statement_cache_capacity(4)
        .options(SESSION.iter().copied())
        .options([("statement_timeout", statement_timeout.as_millis())])
        .disable_statement_logging();
    let limit = || sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 3 seconds"));
    tokio::time::timeout(CONNECT, options.connect()).await.map_err(|_| limit())?
}

/// PostgreSQL's message as the end of a sentence. Never holds the statement.
fn words(error: &sqlx::Error) -> String {
    let Some(database) = error.as_database_error() else { return error.to_string() };
    let detail = database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::detail);
    let text = [Some(database.message()), detail].into_iter().flatten().map(|text| text.trim_end_matches('.')).collect::<Vec<_>>();
    text.join("; ")
}
