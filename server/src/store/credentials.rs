//! SCRAM verifiers of the users of clusters. A clear password never comes here.

use super::{Store, StoreError};
use crate::secret::Verifier;
use domain::{ClusterId, RoleName, Spec};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// The verifier of each user of a cluster.
pub async fn verifiers(store: &Store, cluster: ClusterId) -> Result<BTreeMap<RoleName, Verifier>, StoreError> {
    let rows = sqlx::query!("select user_name, version, scram from credentials where cluster_id = $1", cluster.0).fetch_all(store.pool()).await?;
    let verifier = |name: String, version: i32, scram| {
        let name: RoleName = name.parse().map_err(|e| StoreError::Database(sqlx::Error::Decode(Box::new(e))))?;
        Ok((name, Verifier { version: u32::try_from(version).unwrap_or(0), scram }))
    };
    rows.into_iter().map(|row| verifier(row.user_name, row.version, row.scram)).collect()
}

/// Keeps the verifier of a user's current password.
pub async fn save(connection: &mut PgConnection, cluster: ClusterId, user: &RoleName, verifier: &Verifier) -> Result<(), StoreError> {
    let row = sqlx::query!(
        "insert into credentials (cluster_id, user_name, version, scram) values ($1, $2, $3, $4)
         on conflict on constraint credentials_cluster_user_key
         do update set version = excluded.version, scram = excluded.scram, updated_at = now()",
        cluster.0,
        user.as_str(),
        i32::try_from(verifier.version).unwrap_or(i32::MAX),
        verifier.scram
    );
    row.execute(connection).await?;
    Ok(())
}

/// Forgets the verifiers of users that are not in the wish any more.
pub async fn retain(connection: &mut PgConnection, cluster: ClusterId, spec: &Spec) -> Result<(), StoreError> {
    let users: Vec<String> = spec.users.keys().map(ToString::to_string).collect();
    sqlx::query!("delete from credentials where cluster_id = $1 and user_name <> all ($2)", cluster.0, &users).execute(connection).await?;
    Ok(())
}
