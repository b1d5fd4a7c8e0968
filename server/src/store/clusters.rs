//! Clusters as rows: read, inserted, and saved under a row lock. Leases and dates are the business of [`super::due`].

use super::{Store, StoreError, bigint, count, events};
use domain::{Cluster, ClusterId, ClusterName, ProjectId, Spec, Status, Timestamp, event::Event};
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

/// A row with the columns that people see.
pub(super) struct Row {
    pub id: Uuid,
    pub project_id: Uuid,
    pub place: String,
    pub name: String,
    pub spec: Json<Spec>,
    pub generation: i64,
    pub status: Json<Status>,
    pub revision: i64,
    pub deleted_at: Option<jiff_sqlx::Timestamp>,
    pub created_at: jiff_sqlx::Timestamp,
    pub updated_at: jiff_sqlx::Timestamp,
}

impl TryFrom<Row> for Cluster {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ClusterId(row.id),
            project: ProjectId(row.project_id),
            place: row.place.parse().map_err(|e| StoreError::Database(sqlx::Error::Decode(Box::new(e))))?,
            name: row.name.parse().map_err(|e| StoreError::Database(sqlx::Error::Decode(Box::new(e))))?,
            spec: row.spec.0,
            generation: count(row.generation),
            status: row.status.0,
            revision: count(row.revision),
            deleted_at: row.deleted_at.map(jiff_sqlx::Timestamp::to_jiff),
            created_at: row.created_at.to_jiff(),
            updated_at: row.updated_at.to_jiff(),
        })
    }
}

/// One cluster, of any project.
pub async fn get(store: &Store, id: ClusterId) -> Result<Cluster, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, project_id, place, name, spec as "spec: Json<Spec>", generation, status as "status: Json<Status>", revision,
           deleted_at, created_at, updated_at
           from clusters where id = $1"#,
        id.0
    );
    row.fetch_one(store.pool()).await?.try_into()
}

/// The clusters of a project, by name.
pub async fn list(store: &Store, project: ProjectId) -> Result<Vec<Cluster>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, project_id, place, name, spec as "spec: Json<Spec>", generation, status as "status: Json<Status>", revision,
           deleted_at, created_at, updated_at
           from clusters where project_id = $1 order by name"#,
        project.0
    );
    rows.fetch_all(store.pool()).await?.into_iter().map(Cluster::try_from).collect()
}

/// The clusters of all projects, by name.
pub async fn all(store: &Store) -> Result<Vec<Cluster>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, project_id, place, name, spec as "spec: Json<Spec>", generation, status as "status: Json<Status>", revision,
           deleted_at, created_at, updated_at
           from clusters order by name, id"#
    );
    rows.fetch_all(store.pool()).await?.into_iter().map(Cluster::try_from).collect()
}

/// The cluster of that name in a project.
pub async fn named(store: &Store, project: ProjectId, name: &ClusterName) -> Result<Cluster, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, project_id, place, name, spec as "spec: Json<Spec>", generation, status as "status: Json<Status>", revision,
           deleted_at, created_at, updated_at
           from clusters where project_id = $1 and name = $2"#,
        project.0,
        name.as_str()
    );
    row.fetch_one(store.pool()).await?.try_into()
}

/// The cluster of that name in a project with its newest events first, at most `limit`: one question, since a page waits for both.
pub async fn with_history(store: &Store, project: ProjectId, name: &ClusterName, limit: u32) -> Result<(Cluster, Vec<Event>), StoreError> {
    let row = sqlx::query!(
        r#"select id, project_id, place, name, spec as "spec: Json<Spec>", generation, status as "status: Json<Status>", revision,
           deleted_at as "deleted_at: jiff_sqlx::Timestamp", created_at as "created_at: jiff_sqlx::Timestamp",
           updated_at as "updated_at: jiff_sqlx::Timestamp",
           (select json_agg(newest) from (
               select id, at, kind, title, text, actor from events where cluster_id = clusters.id order by id desc limit $3
           ) newest) as "events: Json<Vec<events::Entry>>"
           from clusters where project_id = $1 and name = $2"#,
        project.0,
        name.as_str(),
        i64::from(limit)
    );
    let found = row.fetch_one(store.pool()).await?;
    let row = Row {
        id: found.id,
        project_id: found.project_id,
        place: found.place,
        name: found.name,
        spec: found.spec,
        generation: found.generation,
        status: found.status,
        revision: found.revision,
        deleted_at: found.deleted_at,
        created_at: found.created_at,
        updated_at: found.updated_at,
    };
    let cluster: Cluster = row.try_into()?;
    // None: nothing happened yet.
    let events = found.events.map_or_else(Vec::new, |all| all.0.into_iter().map(|entry| entry.of(cluster.id)).collect());
    Ok((cluster, events))
}

/// One cluster of a project, locked until the transaction ends: whoever else wants to change it waits.
pub async fn lock(connection: &mut PgConnection, project: ProjectId, id: ClusterId) -> Result<Cluster, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, project_id, place, name, spec as "spec: Json<Spec>", generation, status as "status: Json<Status>", revision,
           deleted_at, created_at, updated_at
           from clusters where id = $1 and project_id = $2 for update"#,
        id.0,
        project.0
    );
    row.fetch_one(connection).await?.try_into()
}

/// The database's time, which is the only one that counts.
pub async fn now(connection: &mut PgConnection) -> Result<Timestamp, StoreError> {
    let now = sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(connection).await?;
    Ok(now.to_jiff())
}

/// A new cluster, due at once. False: its id, or its name in the project, is taken.
pub async fn insert(connection: &mut PgConnection, cluster: &Cluster) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "insert into clusters (id, project_id, name, spec, generation, status, revision, created_at, updated_at, place)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict do nothing",
        cluster.id.0,
        cluster.project.0,
        cluster.name.as_str(),
        Json(&cluster.spec) as _,
        bigint(cluster.generation),
        Json(&cluster.status) as _,
        bigint(cluster.revision),
        cluster.created_at.to_sqlx(),
        cluster.updated_at.to_sqlx(),
        cluster.place.as_str(),
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

/// The new wish of a cluster that was locked before, and makes it due at once. What the reconciler writes is left alone.
pub async fn save(connection: &mut PgConnection, cluster: &Cluster) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "update clusters
         set spec = $2, generation = $3, revision = revision + 1, updated_at = $4, deleted_at = $5, wakes = wakes + 1, reconcile_at = now(), attempts = 0
         where id = $1",
        cluster.id.0,
        Json(&cluster.spec) as _,
        bigint(cluster.generation),
        cluster.updated_at.to_sqlx(),
        cluster.deleted_at.map(ToSqlx::to_sqlx),
    );
    match done.execute(connection).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::NotFound),
    }
}
