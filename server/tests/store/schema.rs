//! The schema itself.

use super::world::*;

#[tokio::test]
async fn every_constraint_has_a_name_that_says_what_it_guards() {
    let store = store().await;
    let odd: Vec<String> = sqlx::query_scalar(
        // Since 18 a NOT NULL is a constraint too; nobody meets it by name.
        "select conname::text from pg_constraint where contype <> 'n' and connamespace = 'public'::regnamespace and conrelid <> '_sqlx_migrations'::regclass
         and conname !~ ('^' || conrelid::regclass || '_[a-z_]+(pkey|key|fkey|check)$') and conname <> conrelid::regclass || '_pkey'",
    )
    .fetch_all(store.pool())
    .await
    .unwrap();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test]
async fn many_processes_may_migrate_at_once() {
    let _ = database().await;
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let url = server.url("postgres");
    let one = |url: String| tokio::spawn(async move { Store::connect(&url).await.unwrap().migrate().await });
    for outcome in futures::future::join_all((0..4).map(|_| one(url.clone()))).await {
        outcome.unwrap().unwrap();
    }
}
