//! The real binary with the real local engine: what a person relies on, with the portal killed on the way.
//! Needs PostgreSQL, HAProxy and, as root, a user `postgres`; says so and passes where they are missing.

#[path = "system/portal.rs"]
mod portal;

use portal::{Portal, eventually, rounds};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};
use std::time::Duration;

fn instance(name: &str, nodes: u8) -> Value {
    json!({"name": name, "preset": "nano", "disk_size": 8, "nodes_number": nodes, "sync_replica_number": 0, "version": "v17"})
}

/// The whole document of the reference, with three users and two databases.
const DOCUMENT: &str = include_str!("../../domain/tests/reference.yaml");

#[tokio::test(flavor = "multi_thread")]
async fn a_document_makes_a_cluster_and_applied_again_restarts_nothing() {
    let Some(portal) = Portal::start().await else { return };
    let (code, out) = portal.cli(&["apply", "-f", "-", "--wait"], DOCUMENT).await;
    assert_eq!(code, 0, "{out}");
    let before = portal.named("orders").await;
    assert_eq!(before["status"], "ACTIVE", "{before:#}");
    let starts = portal.starts(&before).await;
    assert_eq!(starts.len(), 3);

    let (code, out) = portal.cli(&["apply", "-f", "-", "--wait"], DOCUMENT).await;
    assert_eq!(code, 0, "{out}");
    let id = before["uuid"].as_str().expect("a uuid");
    let (status, _) = portal.put_text(&format!("/v1/postgres/instances/{id}/manifest"), DOCUMENT).await;
    assert_eq!(status, 200);
    let after = portal.named("orders").await;
    assert_eq!(after["generation"], before["generation"], "the same document is no new wish");
    assert_eq!(portal.starts(&after).await, starts, "no postmaster was restarted");

    let mut admin = portal.connect(&after, "rw", "user1", "strongpassword", "myapp").await.expect("user1 in myapp");
    sqlx::query("create table later (n int)").execute(&mut admin).await.expect("an admin creates");
    sqlx::query("insert into later values (1)").execute(&mut admin).await.expect("an admin writes");
    let mut reader = portal.connect(&after, "rw", "user2", "hackme", "myapp").await.expect("user2 in myapp");
    let count: i64 = sqlx::query("select count(*) from later").fetch_one(&mut reader).await.expect("readonly sees a later table").get(0);
    assert_eq!(count, 1);
    assert!(sqlx::query("insert into later values (2)").execute(&mut reader).await.is_err(), "readonly does not write");
    assert!(portal.connect(&after, "rw", "user2", "hackme", "airflow").await.is_err(), "no role there, no connection");
    let mut airflow = portal.connect(&after, "rw", "user1", "strongpassword", "airflow").await.expect("user1 in airflow");
    let extensions: i64 = sqlx::query("select count(*) from pg_extension where extname in ('hstore', 'uuid-ossp', 'pgcrypto')")
        .fetch_one(&mut airflow)
        .await
        .expect("extensions")
        .get(0);
    assert_eq!(extensions, 3);
    portal.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_survive_scaling_and_a_switchover() {
    let Some(portal) = Portal::start().await else { return };
    let id = portal.create(instance("rows", 1)).await;
    portal.active(&id).await;
    portal.post(&format!("/v1/postgres/instances/{id}/users"), json!({"name": "app", "password": "long enough 1"})).await;
    portal.post(&format!("/v1/postgres/instances/{id}/databases"), json!({"name": "shop", "owner": "app"})).await;
    portal.active(&id).await;
    let now = portal.get(&id).await;
    let mut rw = portal.connect(&now, "rw", "app", "long enough 1", "shop").await.expect("the owner connects");
    sqlx::query("create table rows as select n, md5(n::text) from generate_series(1, 10000) n").execute(&mut rw).await.expect("written");
    rw.close().await.ok();
    for nodes in [3, 2] {
        portal.put(&id, json!({"nodes_number": nodes})).await;
        portal.active(&id).await;
        counted(&portal, &id, nodes).await;
    }
    let now = portal.get(&id).await;
    let replica = now["nodes"].as_array().expect("nodes").iter().find(|n| n["role"] == "replica").expect("a replica")["name"].clone();
    let rw_before = portal.endpoint(&now, "rw");
    portal.put(&id, json!({"primary": replica})).await;
    eventually("the replica is the primary", Duration::from_secs(60), async || {
        let now = portal.get(&id).await;
        now["nodes"].as_array().is_some_and(|all| all.iter().any(|n| n["name"] == replica && n["role"] == "primary"))
    })
    .await;
    portal.active(&id).await;
    assert_eq!(portal.endpoint(&portal.get(&id).await, "rw"), rw_before, "the address stays");
    counted(&portal, &id, 2).await;
    portal.end().await;
}

async fn counted(portal: &Portal, id: &str, nodes: usize) {
    let now = portal.get(id).await;
    let all = now["nodes"].as_array().expect("nodes").clone();
    assert_eq!(all.len(), nodes, "{now:#}");
    for node in all {
        eventually("10 000 rows on every instance", Duration::from_secs(30), async || {
            let port = node["port"].as_u64().and_then(|p| u16::try_from(p).ok()).expect("a port");
            let Ok(mut connection) = portal.connect_port(port, "app", "long enough 1", "shop").await else { return false };
            count(&mut connection).await == Some(10_000)
        })
        .await;
    }
}

async fn count(connection: &mut PgConnection) -> Option<i64> {
    sqlx::query("select count(*) from rows").fetch_one(connection).await.ok().map(|row| row.get(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_killed_on_the_way_converges_and_leaves_nothing_behind() {
    let Some(mut portal) = Portal::start().await else { return };
    for round in 0..rounds() {
        let pause = || Duration::from_millis(u64::from(round) * 137 % 1500);
        let id = portal.create(instance(&format!("kill-{round}"), 2)).await;
        portal.kill_after(pause()).await;
        portal.active(&id).await;

        portal.put(&id, json!({"nodes_number": 3})).await;
        portal.kill_after(pause()).await;
        portal.active(&id).await;
        assert_eq!(portal.get(&id).await["nodes"].as_array().map(Vec::len), Some(3));

        let now = portal.get(&id).await;
        let replica = now["nodes"].as_array().expect("nodes").iter().find(|n| n["role"] == "replica").expect("a replica")["name"].clone();
        portal.put(&id, json!({"primary": replica})).await;
        portal.kill_after(pause()).await;
        portal.active(&id).await;
        let now = portal.get(&id).await;
        let primary: Vec<_> = now["nodes"].as_array().expect("nodes").iter().filter(|n| n["role"] == "primary").collect();
        assert_eq!(primary.len(), 1, "{now:#}");
        assert_eq!(primary[0]["name"], replica, "{now:#}");

        portal.delete(&id).await;
        portal.kill_after(pause()).await;
        eventually("nothing is left", Duration::from_secs(60), async || portal.leftovers().is_empty()).await;
    }
    portal.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_comes_back_with_its_rows_and_its_address() {
    let Some(portal) = Portal::start().await else { return };
    let id = portal.create(instance("phoenix", 2)).await;
    portal.active(&id).await;
    portal.post(&format!("/v1/postgres/instances/{id}/users"), json!({"name": "app", "password": "long enough 1"})).await;
    portal.post(&format!("/v1/postgres/instances/{id}/databases"), json!({"name": "shop", "owner": "app"})).await;
    portal.active(&id).await;
    let now = portal.get(&id).await;
    let mut rw = portal.connect(&now, "rw", "app", "long enough 1", "shop").await.expect("the owner connects");
    sqlx::query("create table rows as select n from generate_series(1, 10000) n").execute(&mut rw).await.expect("written");
    portal.kill_primary(&now).await;
    eventually("writes again", Duration::from_secs(60), async || {
        let Ok(mut again) = portal.connect(&now, "rw", "app", "long enough 1", "shop").await else { return false };
        sqlx::query("create table if not exists after (n int)").execute(&mut again).await.is_ok() && count(&mut again).await == Some(10_000)
    })
    .await;
    portal.active(&id).await;
    portal.end().await;
}
