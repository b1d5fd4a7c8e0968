//! Which data folder holds the clusters of a place on this machine.

use super::{Store, StoreError};
use domain::PlaceName;
use std::path::Path;
use uuid::Uuid;

/// Whose the clusters of a place are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// Of the folder that asked, from now on if not before.
    Ours,
    /// Of another folder; where it was when it was last used.
    Theirs(String),
}

/// Claims the clusters of a place for the data folder that is called `root` and lies at `folder`. The first one to ask keeps them, wherever it moves.
pub async fn claim(store: &Store, place: &PlaceName, root: Uuid, folder: &Path) -> Result<Claimed, StoreError> {
    let folder = folder.display().to_string();
    let done = sqlx::query!(
        "insert into data_roots (place, root, folder) values ($1, $2, $3)
         on conflict (place) do update set folder = excluded.folder where data_roots.root = excluded.root",
        place.as_str(),
        root,
        folder
    );
    if done.execute(store.pool()).await?.rows_affected() == 1 {
        return Ok(Claimed::Ours);
    }
    let theirs = sqlx::query_scalar!("select folder from data_roots where place = $1", place.as_str());
    Ok(Claimed::Theirs(theirs.fetch_one(store.pool()).await?))
}
