//! Who changed what: written in the transaction of the change itself, never altered.

use super::{StoreError, bigint};
use domain::{Actor, Cluster, Command};
use sqlx::{PgConnection, types::Json};

/// Notes that `actor` sent `command`, which made `cluster` what it is now. Commands hold no secrets.
pub async fn add(connection: &mut PgConnection, actor: &Actor, cluster: &Cluster, command: &Command) -> Result<(), StoreError> {
    let row = sqlx::query!(
        "insert into audit (actor_id, actor_name, actor_role, project_id, cluster_id, cluster_name, generation, command)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        actor.id,
        actor.name,
        actor.role.name(),
        cluster.project.0,
        cluster.id.0,
        cluster.name.as_str(),
        bigint(cluster.generation),
        Json(command) as _,
    );
    row.execute(connection).await?;
    Ok(())
}
