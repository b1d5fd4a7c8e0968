//! Measurements of a running primary: one question, one answer. Never stored, and never guessed: what is not known is left out.

use super::connect;
use anyhow::{Context, bail};
use domain::{
    Cluster, Timestamp,
    vitals::{Lag, Sync, Vitals},
};
use serde::Deserialize;
use sqlx::{PgConnection, postgres::PgConnectOptions, types::Json};
use std::time::Duration;

/// Longest wait for one measurement.
const PATIENCE: Duration = Duration::from_millis(900);

/// Counters at one moment; rates are differences of two.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sample {
    /// The server's clock, in seconds.
    at: f64,
    /// When the server started: counters of another start are not compared.
    started: f64,
    /// Transactions so far, of all databases.
    transactions: f64,
    /// Bytes of WAL so far.
    wal: f64,
}

/// Measures one cluster again and again over a connection that it keeps.
pub struct Probe {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    previous: Option<Sample>,
}

impl Probe {
    /// A probe of the primary that `options` lead to. Does not connect yet.
    pub fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None, previous: None }
    }

    /// One measurement, within 900 ms. After an error the next call connects anew.
    pub async fn vitals(&mut self, cluster: &Cluster) -> anyhow::Result<Vitals> {
        // Taken out, so that a connection that was cut off in the middle of an answer is never used again.
        let kept = self.connection.take();
        let measured = tokio::time::timeout(PATIENCE, measure(&self.options, kept)).await.context("no answer within 900 ms")?;
        let (connection, seen) = measured?;
        let vitals = seen.vitals(cluster, self.previous.as_ref());
        self.previous = Some(seen.sample);
        self.connection = Some(connection);
        Ok(vitals)
    }
}

/// One measurement over a connection of its own. `previous` gives the rates.
pub async fn vitals(options: &PgConnectOptions, cluster: &Cluster, previous: Option<&Sample>) -> anyhow::Result<(Vitals, Sample)> {
    let (connection, seen) = tokio::time::timeout(PATIENCE, measure(options, None)).await.context("no answer within 900 ms")??;
    drop(sqlx::Connection::close(connection).await);
    Ok((seen.vitals(cluster, previous), seen.sample))
}

async fn measure(options: &PgConnectOptions, kept: Option<PgConnection>) -> anyhow::Result<(PgConnection, Answer)> {
    let mut connection = match kept {
        Some(connection) => connection,
        None => connect(options, "postgres", PATIENCE).await.context("connecting to the primary")?,
    };
    match sqlx::query_scalar::<_, Option<Json<Answer>>>(QUESTION).fetch_one(&mut connection).await.context("measuring the primary")? {
        Some(Json(answer)) => Ok((connection, answer)),
        None => bail!("the instance that answered is a replica"),
    }
}

/// What the server says.
#[derive(Deserialize)]
struct Answer {
    #[serde(flatten)]
    sample: Sample,
    /// `cluster_name`, which engines may set to the instance's.
    name: String,
    sessions: u32,
    max: u32,
    replicas: Vec<Replica>,
}

/// A row of `pg_stat_replication` whose replica has reported.
#[derive(Deserialize)]
struct Replica {
    name: String,
    state: String,
    sync: String,
    bytes: f64,
    seconds: f64,
    silent: f64,
}

impl Answer {
    fn vitals(&self, cluster: &Cluster, previous: Option<&Sample>) -> Vitals {
        let known = cluster.status.primary().map(|instance| instance.ordinal);
        let replicas = self.replicas.iter().filter_map(|replica| replica.lag(cluster)).collect();
        Vitals {
            cluster: cluster.id,
            at: Timestamp::now(),
            primary: ordinal(cluster, &self.name).or(known),
            replicas,
            connections: Some((self.sessions, self.max)),
            transactions: previous.and_then(|before| self.sample.rate(before, |sample| sample.transactions)),
            wal: previous.and_then(|before| self.sample.rate(before, |sample| sample.wal)),
            usage: Vec::new(),
        }
    }
}

impl Sample {
    /// Growth per second; none if the two cannot be compared.
    fn rate(&self, before: &Self, counter: impl Fn(&Self) -> f64) -> Option<f64> {
        let (time, growth) = (self.at - before.at, counter(self) - counter(before));
        (self.started == before.started && time > 0.0 && growth >= 0.0).then(|| growth / time)
    }
}

impl Replica {
    fn lag(&self, cluster: &Cluster) -> Option<Lag> {
        let sync = match self.sync.as_str() {
            "sync" => Sync::Sync,
            "quorum" => Sync::Quorum,
            _ => Sync::Async,
        };
        let bytes = self.bytes.max(0.0) as u64;
        // Of an idle replica `replay_lag` keeps its last value for seconds.
        let seconds = if bytes == 0 { 0.0 } else { self.seconds.max(0.0) };
        Some(Lag { ordinal: ordinal(cluster, &self.name)?, bytes, seconds, silent: Some(self.silent.max(0.0)), state: self.state.clone(), sync })
    }
}

/// The number in the name by which an instance follows its primary: `orders-2`, or, where the name must also do for a slot, `howdah_2`.
fn ordinal(cluster: &Cluster, instance: &str) -> Option<u8> {
    let own = instance.strip_prefix(cluster.name.as_str()).and_then(|rest| rest.strip_prefix('-'));
    own.or_else(|| instance.strip_prefix("howdah_"))?.parse().ok()
}

/// Null: in recovery. A replica that has not reported yet is left out, and of two connections of one replica the one that reported last counts.
const QUESTION: &str = "
select case when not pg_is_in_recovery() then jsonb_build_object(
  'at', extract(epoch from clock_timestamp()),
  'started', extract(epoch from pg_postmaster_start_time()),
  'transactions', (select coalesce(sum(xact_commit + xact_rollback), 0) from pg_stat_database),
  'wal', pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'),
  'name', current_setting('cluster_name'),
  'sessions', (select count(*) from pg_stat_activity where backend_type = 'client backend' and (application_name <> 'howdah' or usename <> current_user)),
  'max', current_setting('max_connections')::int,
  'replicas', (select coalesce(jsonb_agg(to_jsonb(r)), '[]') from (
    select distinct on (application_name) application_name as name, state, sync_state as sync,
      pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) as bytes, coalesce(extract(epoch from replay_lag), 0) as seconds,
      extract(epoch from clock_timestamp() - coalesce(reply_time, backend_start)) as silent
    from pg_stat_replication where replay_lsn is not null and state <> 'backup'
    order by application_name, reply_time desc nulls last) r)) end";
