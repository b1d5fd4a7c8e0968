//! Tokens, links and sessions, by the SHA-256 of their secret. The secrets themselves never come here.

use super::{Store, StoreError};
use domain::{ProjectId, Role, Timestamp, Uuid};
use jiff_sqlx::ToSqlx;
use serde_json::Value;
use std::time::Duration;

/// SHA-256 of a secret.
pub type Hash = [u8; 32];

/// A token as its holder acts by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: Uuid,
    /// What people called it.
    pub name: String,
    /// How far its rights reach.
    pub role: Role,
    /// Where it belongs.
    pub project: ProjectId,
}

/// The schema allows only the three words.
fn role(word: &str) -> Result<Role, StoreError> {
    word.parse().map_err(|e: &str| StoreError::Database(sqlx::Error::Decode(e.into())))
}

/// Keeps a new token.
pub async fn add_token(store: &Store, hash: Hash, name: &str, role: Role, project: ProjectId) -> Result<(), StoreError> {
    let row = sqlx::query!("insert into tokens (project_id, name, role, hash) values ($1, $2, $3, $4)", project.0, name, role.name(), &hash[..]);
    row.execute(store.pool()).await?;
    Ok(())
}

/// The token of that hash, if there is one; notes its use, to the minute.
pub async fn token(store: &Store, hash: Hash) -> Result<Option<Token>, StoreError> {
    let row = sqlx::query!(
        r#"select id, name, role, project_id, used_at is null or used_at < now() - interval '1 minute' as "stale!" from tokens where hash = $1"#,
        &hash[..]
    );
    let Some(row) = row.fetch_optional(store.pool()).await? else { return Ok(None) };
    if row.stale {
        sqlx::query!("update tokens set used_at = now() where id = $1", row.id).execute(store.pool()).await?;
    }
    Ok(Some(Token { id: row.id, name: row.name, role: role(&row.role)?, project: ProjectId(row.project_id) }))
}

/// A token as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What people called it.
    pub name: String,
    /// How far its rights reach.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub used_at: Option<Timestamp>,
}

/// Every token of a project, the oldest first.
pub async fn tokens(store: &Store, project: ProjectId) -> Result<Vec<Known>, StoreError> {
    let rows = sqlx::query!(
        r#"select name, role, created_at as "created_at: jiff_sqlx::Timestamp", used_at as "used_at: jiff_sqlx::Timestamp" from tokens
           where project_id = $1 order by created_at, id"#,
        project.0
    );
    let rows = rows.fetch_all(store.pool()).await?.into_iter();
    rows.map(|row| {
        let used_at = row.used_at.map(jiff_sqlx::Timestamp::to_jiff);
        Ok(Known { name: row.name, role: role(&row.role)?, created_at: row.created_at.to_jiff(), used_at })
    })
    .collect()
}

/// Ends every token of that name. Returns how many there were.
pub async fn revoke(store: &Store, name: &str, project: ProjectId) -> Result<u64, StoreError> {
    let done = sqlx::query!("delete from tokens where name = $1 and project_id = $2", name, project.0);
    Ok(done.execute(store.pool()).await?.rows_affected())
}

/// Keeps a new sign-in link that is good for `life`.
pub async fn add_link(store: &Store, hash: Hash, role: Role, project: ProjectId, life: Duration) -> Result<(), StoreError> {
    let row = sqlx::query!(
        "insert into links (hash, project_id, role, expires_at) values ($1, $2, $3, now() + make_interval(secs => $4))",
        &hash[..],
        project.0,
        role.name(),
        life.as_secs_f64()
    );
    row.execute(store.pool()).await?;
    Ok(())
}

/// Uses up a link. None: unknown, used before, or too old.
pub async fn take_link(store: &Store, hash: Hash) -> Result<Option<(Role, ProjectId)>, StoreError> {
    let row = sqlx::query!(r#"delete from links where hash = $1 returning role, project_id, expires_at > now() as "fresh!""#, &hash[..]);
    match row.fetch_optional(store.pool()).await? {
        Some(row) if row.fresh => Ok(Some((role(&row.role)?, ProjectId(row.project_id)))),
        Some(_) | None => Ok(None),
    }
}

/// Keeps a new session. False: the id is taken.
pub async fn add_session(store: &Store, hash: Hash, data: &Value, expires: Timestamp) -> Result<bool, StoreError> {
    let row = sqlx::query!("insert into sessions (hash, data, expires_at) values ($1, $2, $3) on conflict do nothing", &hash[..], data, expires.to_sqlx());
    Ok(row.execute(store.pool()).await?.rows_affected() == 1)
}

/// Keeps what a session holds now. One that was ended meanwhile stays ended.
pub async fn save_session(store: &Store, hash: Hash, data: &Value, expires: Timestamp) -> Result<(), StoreError> {
    let row = sqlx::query!("update sessions set data = $2, expires_at = $3 where hash = $1", &hash[..], data, expires.to_sqlx());
    row.execute(store.pool()).await?;
    Ok(())
}

/// What a session holds, and until when it lasts, unless it is over.
pub async fn session(store: &Store, hash: Hash) -> Result<Option<(Value, Timestamp)>, StoreError> {
    let row = sqlx::query!("select data, expires_at from sessions where hash = $1 and expires_at > now()", &hash[..]);
    Ok(row.fetch_optional(store.pool()).await?.map(|row| (row.data, row.expires_at.to_jiff())))
}

/// Ends a session.
pub async fn end_session(store: &Store, hash: Hash) -> Result<(), StoreError> {
    sqlx::query!("delete from sessions where hash = $1", &hash[..]).execute(store.pool()).await?;
    Ok(())
}

/// Throws away sessions and links that are over.
pub(super) async fn sweep(store: &Store) -> Result<(), StoreError> {
    sqlx::query!("delete from sessions where expires_at <= now()").execute(store.pool()).await?;
    sqlx::query!("delete from links where expires_at <= now()").execute(store.pool()).await?;
    Ok(())
}
