//! Which cluster needs a look, and who may give it one: leases, wakes and dates. Time is the database's.
//!
//! A lease is taken by one worker and lost only when another one takes it after it ran out. Every write of a pass asks for it, so a worker that was away
//! too long writes nothing. `wakes` counts the reasons to look: a pass that ends with another count than it began with is followed by the next at once.

use super::{
    Store, StoreError, clusters,
    events::{self, NewEvent},
};
use domain::{Cluster, ClusterId, PlaceName, Spec, Status};
use sqlx::{PgConnection, types::Json};
use std::time::Duration;
use uuid::Uuid;

/// A cluster that is ours to look at while the lease lasts.
#[derive(Debug, Clone)]
pub struct Claim {
    /// As it was when the lease was taken.
    pub cluster: Cluster,
    /// Reasons to look that were known by then.
    pub wakes: i64,
    /// Passes in a row that ended in [`postpone`].
    pub attempts: u32,
}

/// Takes the lease of the cluster of a place that is due longest, if there is one that nobody holds. Not waited for on the disk: a database that crashes may
/// lose a lease of its last moments, and whoever holds it finds out with the next write, as with one that ran out.
pub async fn claim(store: &Store, place: &PlaceName, worker: Uuid, lease: Duration) -> Result<Option<Claim>, StoreError> {
    let row = sqlx::query!(
        r#"update clusters set lease_owner = $1, lease_until = now() + make_interval(secs => $2)
           where id = (
               select id from clusters where place = $3 and reconcile_at <= now() and (lease_until is null or lease_until <= now())
               order by reconcile_at limit 1 for update skip locked
           )
           and (select set_config('synchronous_commit', 'off', true)) = 'off'
           returning id, project_id, place, name, spec as "spec: Json<Spec>", generation, status as "status: Json<Status>", revision,
               deleted_at, created_at, updated_at, wakes, attempts"#,
        worker,
        lease.as_secs_f64(),
        place.as_str()
    );
    let Some(r) = row.fetch_optional(store.pool()).await? else { return Ok(None) };
    let row = clusters::Row {
        id: r.id,
        project_id: r.project_id,
        place: r.place,
        name: r.name,
        spec: r.spec,
        generation: r.generation,
        status: r.status,
        revision: r.revision,
        deleted_at: r.deleted_at,
        created_at: r.created_at,
        updated_at: r.updated_at,
    };
    Ok(Some(Claim { cluster: row.try_into()?, wakes: r.wakes, attempts: u32::try_from(r.attempts).unwrap_or(0) }))
}

/// Ends every lease on clusters of a place, for a process that has proof that whoever held them is dead: it owns what only one process can own. Returns how many there were.
/// Without it nothing is lost but time, since leases run out.
pub async fn inherit(store: &Store, place: &PlaceName) -> Result<u64, StoreError> {
    let done = sqlx::query!("update clusters set lease_owner = null, lease_until = null where place = $1 and lease_until > now()", place.as_str());
    Ok(done.execute(store.pool()).await?.rows_affected())
}

/// Makes the lease last from now on. False: it is not ours any more.
pub async fn extend(store: &Store, worker: Uuid, id: ClusterId, lease: Duration) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update clusters set lease_until = now() + make_interval(secs => $3) where id = $1 and lease_owner = $2",
        id.0,
        worker,
        lease.as_secs_f64()
    );
    Ok(done.execute(store.pool()).await?.rows_affected() == 1)
}

/// Shows a status in mid-pass; the lease stays. Writes nothing when it is the same and nothing happened. False: the lease is not ours any more.
pub async fn progress(store: &Store, worker: Uuid, claim: &Claim, status: &Status, news: &[NewEvent]) -> Result<bool, StoreError> {
    let mut transaction = store.begin().await?;
    let ours = show(&mut transaction, worker, claim, status, news).await?;
    transaction.commit().await?;
    Ok(ours)
}

/// Ends a pass: keeps its status, frees the lease, and dates the next look at `next` from now, or at once if something happened since the claim.
/// False: the lease is not ours any more, and nothing was written.
pub async fn settle(store: &Store, worker: Uuid, claim: &Claim, status: &Status, news: &[NewEvent], next: Duration) -> Result<bool, StoreError> {
    end(store, worker, claim, status, news, next, 0).await
}

/// Ends a pass that failed: as [`settle`], and counts it, so that the next claim knows how often in a row that was so.
pub async fn postpone(store: &Store, worker: Uuid, claim: &Claim, status: &Status, news: &[NewEvent], next: Duration) -> Result<bool, StoreError> {
    end(store, worker, claim, status, news, next, claim.attempts.saturating_add(1)).await
}

async fn end(store: &Store, worker: Uuid, claim: &Claim, status: &Status, news: &[NewEvent], next: Duration, attempts: u32) -> Result<bool, StoreError> {
    let mut transaction = store.begin().await?;
    let ours = show(&mut transaction, worker, claim, status, news).await?;
    if ours {
        let done = sqlx::query!(
            "update clusters
             set lease_owner = null, lease_until = null, attempts = case when wakes = $2 then $4::integer else 0 end,
                 reconcile_at = case when wakes = $2 then now() + make_interval(secs => $3) else now() end
             where id = $1",
            claim.cluster.id.0,
            claim.wakes,
            next.as_secs_f64(),
            i32::try_from(attempts).unwrap_or(i32::MAX)
        );
        done.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(ours)
}

/// Writes status and events if the lease is ours, and locks the row until the transaction ends.
async fn show(connection: &mut PgConnection, worker: Uuid, claim: &Claim, status: &Status, news: &[NewEvent]) -> Result<bool, StoreError> {
    let id = claim.cluster.id;
    let differs = sqlx::query_scalar!(
        r#"select status is distinct from $3 as "differs!" from clusters where id = $1 and lease_owner = $2 for update"#,
        id.0,
        worker,
        Json(status) as _
    );
    let Some(differs) = differs.fetch_optional(&mut *connection).await? else { return Ok(false) };
    if differs {
        let done = sqlx::query!("update clusters set status = $2, revision = revision + 1 where id = $1", id.0, Json(status) as _);
        done.execute(&mut *connection).await?;
    }
    events::add(connection, id, news).await?;
    Ok(true)
}

/// Ends the life of a deleted cluster of which nothing is left. False: the lease is not ours any more, or nobody asked for the deletion.
pub async fn forget(store: &Store, worker: Uuid, claim: &Claim) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from clusters where id = $1 and lease_owner = $2 and deleted_at is not null", claim.cluster.id.0, worker);
    Ok(done.execute(store.pool()).await?.rows_affected() == 1)
}

/// "Look at this one": due at once, also when a pass is under way.
pub async fn wake(store: &Store, id: ClusterId) -> Result<(), StoreError> {
    sqlx::query!("update clusters set wakes = wakes + 1, reconcile_at = now() where id = $1", id.0).execute(store.pool()).await?;
    Ok(())
}

/// How long until a cluster of a place is due that nobody holds; zero: one is. None: there is no cluster.
pub async fn until_next(store: &Store, place: &PlaceName) -> Result<Option<Duration>, StoreError> {
    let seconds = sqlx::query_scalar!(
        "select extract(epoch from min(greatest(reconcile_at, coalesce(lease_until, reconcile_at))) - clock_timestamp())::float8 from clusters where place = $1",
        place.as_str()
    );
    let seconds = seconds.fetch_one(store.pool()).await?;
    Ok(seconds.map(|s| Duration::try_from_secs_f64(s.max(0.0)).unwrap_or(Duration::ZERO)))
}
