//! The history of clusters: added to, listed newest first, trimmed.

use super::{Store, StoreError};
use domain::{
    ClusterId, ProjectId,
    event::{Event, Kind},
};
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

/// Entries that are kept of each cluster.
const KEPT: i64 = 1000;

/// An entry to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// How it is drawn.
    pub kind: Kind,
    /// A few words, no full stop.
    pub title: String,
    /// A sentence, or empty.
    pub text: String,
    /// Who asked, if somebody did.
    pub actor: Option<String>,
}

/// The newest entries first, at most `limit`. None of a cluster in another project.
pub async fn list(store: &Store, project: ProjectId, cluster: ClusterId, limit: u32) -> Result<Vec<Event>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select id, cluster_id, at, kind, title, text, actor from events where cluster_id = $1
            and exists (select from clusters where clusters.id = $1 and project_id = $2) order by id desc limit $3",
        cluster.0,
        project.0,
        i64::from(limit)
    );
    let event =
        |r: Row| Event { id: r.id, cluster: ClusterId(r.cluster_id), at: r.at.to_jiff(), kind: kind(&r.kind), title: r.title, text: r.text, actor: r.actor };
    Ok(rows.fetch_all(store.pool()).await?.into_iter().map(event).collect())
}

/// An entry as the database writes it in JSON.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    id: i64,
    at: jiff::Timestamp,
    kind: String,
    title: String,
    text: String,
    actor: Option<String>,
}

impl Entry {
    pub(super) fn of(self, cluster: ClusterId) -> Event {
        let Self { id, at, kind: word, title, text, actor } = self;
        Event { id, cluster, at, kind: kind(&word), title, text, actor }
    }
}

struct Row {
    id: i64,
    cluster_id: Uuid,
    at: jiff_sqlx::Timestamp,
    kind: String,
    title: String,
    text: String,
    actor: Option<String>,
}

/// Adds entries in this order.
pub async fn add(connection: &mut PgConnection, cluster: ClusterId, events: &[NewEvent]) -> Result<(), StoreError> {
    for event in events {
        let NewEvent { kind, title, text, actor } = event;
        let row = sqlx::query!(
            "insert into events (cluster_id, kind, title, text, actor, at) values ($1, $2, $3, $4, $5, clock_timestamp())",
            cluster.0,
            word(*kind),
            title,
            text,
            actor.as_deref()
        );
        row.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Trims the history of every cluster to its newest entries.
pub(super) async fn sweep(store: &Store) -> Result<(), StoreError> {
    let gone = sqlx::query!(
        "delete from events using (select id, row_number() over (partition by cluster_id order by id desc) as age from events) as ranked
         where events.id = ranked.id and ranked.age > $1",
        KEPT
    );
    gone.execute(store.pool()).await?;
    Ok(())
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Good => "good",
        Kind::Asked => "asked",
        Kind::Warning => "warning",
        Kind::Failed => "failed",
    }
}

/// The schema allows only these four words.
fn kind(word: &str) -> Kind {
    match word {
        "good" => Kind::Good,
        "asked" => Kind::Asked,
        "failed" => Kind::Failed,
        _ => Kind::Warning,
    }
}
