//! The few questions and orders that the engine itself has for a running PostgreSQL, over its socket.

use super::{
    conf::{self, REPLICATION_ROLE},
    layout::Site,
    world::{Answer, Facts, Follower, Held},
};
use anyhow::{Context, Result, anyhow};
use domain::vitals::Sync;
use serde::Deserialize;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{collections::BTreeMap, io, time::Duration};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);

const FACTS: &str = "
select json_build_object(
    'recovering', r,
    'started', (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
    'loaded', (extract(epoch from pg_conf_load_time()) * 1000000)::bigint,
    'position', (case when r then coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0'::pg_lsn)
                 else pg_current_wal_lsn() end - '0/0'::pg_lsn)::bigint,
    'streaming', exists (select from pg_stat_wal_receiver where status = 'streaming'),
    'followers', (select coalesce(json_object_agg(application_name, json_build_array(greatest(0, coalesce(pg_wal_lsn_diff(
                  case when r then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, replay_lsn), 0))::bigint, sync_state)), '{}')
                  from pg_stat_replication where state = 'streaming' and application_name ~ '^howdah_[0-9]+$'),
    'slots', (select coalesce(json_agg(slot_name), '[]') from pg_replication_slots
              where slot_type = 'physical' and slot_name ~ '^howdah_[0-9]+$' and wal_status is distinct from 'lost'),
    'role', exists (select from pg_roles where rolname = 'howdah_replication'),
    'pending', (select coalesce(json_agg(name order by name), '[]') from pg_settings where pending_restart),
    'held', (select json_object_agg(name, setting::bigint) from pg_settings where name in
             ('max_connections', 'max_locks_per_transaction', 'max_prepared_transactions', 'max_wal_senders', 'max_worker_processes'))
)::text from (select pg_is_in_recovery() as r) x";

#[derive(Deserialize)]
struct Row {
    recovering: bool,
    started: i64,
    loaded: i64,
    position: u64,
    streaming: bool,
    followers: BTreeMap<String, (u64, String)>,
    slots: Vec<String>,
    role: bool,
    pending: Vec<String>,
    held: BTreeMap<String, u32>,
}

/// How to reach an instance as a superuser.
pub fn options(site: &Site, port: u16) -> PgConnectOptions {
    let base = PgConnectOptions::new_without_pgpass().username("postgres").database("postgres").port(port).socket(&site.sockets);
    // The engine asks the same few questions all the time: nobody wants to read them in the log.
    let base = base.disable_statement_logging();
    base.ssl_mode(PgSslMode::Disable).application_name("howdah").statement_cache_capacity(0)
}

/// A session on an instance. Its own commits wait for nobody: the engine must be able to work while replicas are missing.
pub async fn connect(site: &Site, port: u16) -> Result<PgConnection, sqlx::Error> {
    let options = options(site, port).options([
        ("synchronous_commit", "local"),
        ("default_transaction_read_only", "off"),
        ("statement_timeout", "60s"),
        ("lock_timeout", "10s"),
    ]);
    match timeout(PATIENCE, PgConnection::connect_with(&options)).await {
        Ok(connected) => connected,
        Err(_) => Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s"))),
    }
}

/// What an instance says about itself. `written`: when its configuration files were last written, in microseconds.
pub async fn ask(site: &Site, port: u16, written: i64) -> Answer {
    let attempt = async {
        let mut session = connect(site, port).await?;
        let text: String = sqlx::query_scalar(FACTS).fetch_one(&mut session).await?;
        let _said_goodbye = session.close().await;
        Ok::<String, sqlx::Error>(text)
    };
    match timeout(PATIENCE * 2, attempt).await {
        Err(_) => Answer::Unknown("it does not answer within 10 s".into()),
        Ok(Ok(text)) => match serde_json::from_str::<Row>(&text) {
            Ok(row) => Answer::Up(facts(row, written)),
            Err(error) => Answer::Unknown(format!("its answer cannot be understood ({error})")),
        },
        Ok(Err(error)) if is_silent(&error) => Answer::Silent,
        Ok(Err(error)) => Answer::Unknown(format!("it cannot be asked ({error})")),
    }
}

/// Not there, or not taking connections yet: a look that came about.
fn is_silent(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() != io::ErrorKind::TimedOut,
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P03" | "57P01" | "57P02")),
        _ => false,
    }
}

fn facts(row: Row, written: i64) -> Facts {
    let follower = |(name, (behind, sync)): (String, (u64, String))| {
        let sync = match sync.as_str() {
            "sync" => Sync::Sync,
            "quorum" => Sync::Quorum,
            _ => Sync::Async,
        };
        conf::ordinal(&name).map(|ordinal| (ordinal, Follower { behind, sync }))
    };
    Facts {
        recovering: row.recovering,
        position: row.position,
        streaming: row.streaming,
        followers: row.followers.into_iter().filter_map(follower).collect(),
        slots: row.slots.iter().filter_map(|name| conf::ordinal(name)).collect(),
        role: row.role,
        pending: row.pending,
        held: Held(Held::NAMES.map(|name| row.held.get(name).copied().unwrap_or(0))),
        loaded: row.loaded >= written,
        started: row.started,
        stray: None,
    }
}

/// Runs one order.
pub async fn run(session: &mut PgConnection, order: String) -> Result<()> {
    let shown = order.clone();
    let done = timeout(Duration::from_secs(65), sqlx::raw_sql(AssertSqlSafe(order)).execute(session)).await;
    done.map_err(|_| anyhow!("no answer within 65 s"))?.map(|_| ()).with_context(|| format!("running {shown}"))
}

/// One value from a running instance.
pub async fn value<T>(session: &mut PgConnection, question: &'static str) -> Result<T>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let asked = timeout(Duration::from_secs(65), sqlx::query_scalar(question).fetch_one(session)).await;
    asked.map_err(|_| anyhow!("no answer within 65 s"))?.with_context(|| format!("asking {question}"))
}

/// Makes the role for replication and rewinding, with just what these need.
pub fn role() -> String {
    format!(
        "do $$ begin if not exists (select from pg_roles where rolname = '{REPLICATION_ROLE}') then
            create role {REPLICATION_ROLE} login replication; end if; end $$;
         grant execute on function pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), pg_read_binary_file(text),
            pg_read_binary_file(text, bigint, bigint, boolean) to {REPLICATION_ROLE};"
    )
}

/// Makes a slot that keeps WAL from now on; one whose WAL is lost is made anew.
pub fn make_slot(ordinal: u8) -> String {
    let name = conf::member(ordinal);
    format!(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{name}' and wal_status = 'lost';
         select pg_create_physical_replication_slot('{name}', true)
            where not exists (select from pg_replication_slots where slot_name = '{name}');"
    )
}

/// Drops a slot, after ending who uses it.
pub fn drop_slot(ordinal: u8) -> String {
    let name = conf::member(ordinal);
    format!(
        "select pg_terminate_backend(active_pid, 2000) from pg_replication_slots where slot_name = '{name}' and active_pid is not null;
         select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{name}';"
    )
}
