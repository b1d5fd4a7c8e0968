//! One list of scenarios for every engine, through the real binary and its REST contract: what a place says that it can do, it does.
//!
//! The local engine is always there. `HOWDAH_TEST_KUBECONFIG` names a Kubernetes cluster with CloudNativePG, `HOWDAH_TEST_COZYSTACK_KUBECONFIG` one with
//! the Cozystack API; what is not named is skipped with a line.
#![allow(clippy::unwrap_used)]

#[path = "conformance/place.rs"]
mod place;
#[path = "system/portal.rs"]
#[allow(dead_code)]
mod portal;

use place::Place;
use portal::eventually;
use serde_json::{Value, json};
use sqlx::Row;
use std::time::Duration;

const PASSWORD: &str = "Longenough1";

#[tokio::test(flavor = "multi_thread")]
async fn the_local_engine_conforms() {
    if let Some(place) = Place::local().await {
        all(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudnativepg_conforms() {
    if let Some(place) = Place::kubernetes("HOWDAH_TEST_KUBECONFIG", "cnpg").await {
        all(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cozystack_conforms() {
    if let Some(place) = Place::kubernetes("HOWDAH_TEST_COZYSTACK_KUBECONFIG", "cozystack").await {
        all(place).await;
    }
}

/// Every scenario, in one life of one cluster, with the portal killed on the way through each.
async fn all(mut place: Place) {
    let name = place.fresh_name();
    let document = document(&name, &place.name);
    let (code, out) = place.portal.cli(&["apply", "-f", "-"], &document).await;
    assert_eq!(code, 0, "{out}");
    let id = place.portal.named(&name).await["uuid"].as_str().unwrap().to_owned();
    place.portal.kill_after(Duration::from_millis(700)).await;
    place.active(&id).await;

    everything_of_the_document_is_there(&place, &id).await;
    the_same_document_changes_nothing(&place, &id, &document).await;
    users_and_databases_come_and_go(&mut place, &id).await;
    what_was_made_by_hand_is_adopted(&mut place, &id).await;
    instances_come_and_go(&mut place, &id).await;
    parameters_take_effect(&mut place, &id).await;
    if place.can("switchover") {
        the_primary_moves(&mut place, &id).await;
    }
    if place.kills().await {
        a_dead_primary_is_replaced(&place, &id).await;
    }
    if place.can("pause") {
        it_pauses_and_wakes(&mut place, &id).await;
    }
    it_goes_and_leaves_nothing(place, &id).await;
}

fn document(name: &str, place: &str) -> String {
    format!(
        r#"apiVersion: apps.cozystack.io/v1alpha1
kind: Postgres
metadata:
  name: {name}
  annotations:
    howdah.dev/place: {place}
spec:
  replicas: 2
  resourcesPreset: micro
  size: 1Gi
  version: v17
  quorum:
    minSyncReplicas: 0
    maxSyncReplicas: 1
  users:
    writer:
      password: {PASSWORD}
    reader:
      password: {PASSWORD}
  databases:
    shop:
      roles:
        admin:
        - writer
        readonly:
        - reader
      extensions:
      - hstore
"#
    )
}

async fn everything_of_the_document_is_there(place: &Place, id: &str) {
    let mut writer = place.connect(id, "writer", PASSWORD, "shop").await.expect("the admin connects");
    sqlx::query("create table if not exists rows as select n from generate_series(1, 1000) n").execute(&mut writer).await.expect("an admin creates");
    let extensions: i64 = sqlx::query("select count(*) from pg_extension where extname = 'hstore'").fetch_one(&mut writer).await.unwrap().get(0);
    assert_eq!(extensions, 1);
    if place.can("rights_at_once") {
        eventually("the reader reads what was made later", Duration::from_secs(30), async || {
            let Ok(mut reader) = place.connect(id, "reader", PASSWORD, "shop").await else { return false };
            sqlx::query("select count(*) from rows").fetch_one(&mut reader).await.is_ok_and(|row| row.get::<i64, _>(0) == 1000)
        })
        .await;
    }
    let mut reader = place.connect(id, "reader", PASSWORD, "shop").await.expect("the reader connects");
    assert!(sqlx::query("insert into rows values (0)").execute(&mut reader).await.is_err(), "a reader does not write");
}

async fn the_same_document_changes_nothing(place: &Place, id: &str, document: &str) {
    let before = (place.portal.get(id).await["generation"].clone(), place.started(id).await, place.versions(id).await);
    let (code, out) = place.portal.cli(&["apply", "-f", "-", "--wait"], document).await;
    assert_eq!(code, 0, "{out}");
    // Whatever an engine does on its own in the meantime, it writes nothing.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = (place.portal.get(id).await["generation"].clone(), place.started(id).await, place.versions(id).await);
    assert_eq!(before, after, "a document that is reached restarts and rewrites nothing");
}

async fn users_and_databases_come_and_go(place: &mut Place, id: &str) {
    let base = format!("/v1/postgres/instances/{id}");
    let user = place.portal.post(&format!("{base}/users"), json!({"name": "late", "password": PASSWORD})).await;
    let database = place.portal.post(&format!("{base}/databases"), json!({"name": "extra", "owner": "late"})).await;
    place.portal.kill_after(Duration::from_millis(300)).await;
    place.active(id).await;
    let mut late = place.connect(id, "late", PASSWORD, "extra").await.expect("the owner connects");
    sqlx::query("create table mine (n int)").execute(&mut late).await.expect("the owner creates");
    drop(late);
    place.portal.delete_path(&format!("{base}/databases/{}", database["uuid"].as_str().unwrap())).await;
    place.portal.delete_path(&format!("{base}/users/{}", user["uuid"].as_str().unwrap())).await;
    place.active(id).await;
    eventually("the user is gone", Duration::from_secs(60), async || place.connect(id, "late", PASSWORD, "shop").await.is_err()).await;
}

/// A role and a database of somebody's hand become the portal's when they are wished for, with all that they own. What else the role could do is the
/// engine's to say: a place whose remarks tell that it is lost takes it away, any other leaves it.
async fn what_was_made_by_hand_is_adopted(place: &mut Place, id: &str) {
    let Some(mut hand) = place.superuser(id).await else { return };
    for sql in ["create role byhand login createdb password 'Bymyownhand1'", "grant pg_monitor to byhand", "create database handmade owner byhand"] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut hand).await.expect(sql);
    }
    let mut before = place.connect(id, "byhand", "Bymyownhand1", "handmade").await.expect("the role of somebody's hand connects");
    sqlx::query("create table kept as select 7 as n").execute(&mut before).await.expect("it creates");
    drop(before);
    let base = format!("/v1/postgres/instances/{id}");
    let user = place.portal.post(&format!("{base}/users"), json!({"name": "byhand", "password": PASSWORD})).await;
    let database = place.portal.post(&format!("{base}/databases"), json!({"name": "handmade", "owner": "byhand"})).await;
    place.portal.kill_after(Duration::from_millis(300)).await;
    place.active(id).await;
    assert!(place.connect(id, "byhand", "Bymyownhand1", "handmade").await.is_err(), "the password is the one of the wish");
    let mut after = place.connect(id, "byhand", PASSWORD, "handmade").await.expect("the owner connects");
    let n: i32 = sqlx::query("update kept set n = n + 1 returning n").fetch_one(&mut after).await.expect("what it owned is its own").get(0);
    assert_eq!(n, 8);
    drop(after);
    let rest = "select rolcreatedb, pg_has_role('byhand', 'pg_monitor', 'member') from pg_roles where rolname = 'byhand'";
    // Whoever takes away may do so a moment after it said that all is applied.
    eventually("the rest of the role is as the remarks say", Duration::from_secs(60), async || {
        let Some(mut hand) = place.superuser(id).await else { return false };
        let row = sqlx::query(rest).fetch_one(&mut hand).await.expect("a role");
        (row.get::<bool, _>(0), row.get::<bool, _>(1)) == (!place.resets_roles(), !place.resets_roles())
    })
    .await;
    place.portal.delete_path(&format!("{base}/databases/{}", database["uuid"].as_str().unwrap())).await;
    place.portal.delete_path(&format!("{base}/users/{}", user["uuid"].as_str().unwrap())).await;
    place.active(id).await;
}

async fn instances_come_and_go(place: &mut Place, id: &str) {
    for nodes in [3, 2] {
        place.portal.put(id, json!({"nodes_number": nodes})).await;
        place.portal.kill_after(Duration::from_millis(500)).await;
        place.active(id).await;
        let now = place.portal.get(id).await;
        assert_eq!(now["nodes"].as_array().map(Vec::len), Some(nodes), "{now:#}");
        rows(place, id).await;
    }
}

async fn parameters_take_effect(place: &mut Place, id: &str) {
    // The second one needs a restart.
    for (name, value) in [("work_mem", "7MB"), ("max_connections", "77")] {
        let mut all = place.portal.get(id).await["parameters"].as_object().cloned().unwrap_or_default();
        all.insert(name.into(), value.into());
        place.portal.put(id, json!({"parameters": Value::Object(all)})).await;
        place.portal.kill_after(Duration::from_millis(400)).await;
        place.active(id).await;
        eventually("the parameter is in effect", Duration::from_secs(180), async || {
            let Ok(mut session) = place.connect(id, "writer", PASSWORD, "shop").await else { return false };
            sqlx::query(sqlx::AssertSqlSafe(format!("show {name}"))).fetch_one(&mut session).await.is_ok_and(|row| row.get::<String, _>(0) == value)
        })
        .await;
    }
    rows(place, id).await;
}

async fn the_primary_moves(place: &mut Place, id: &str) {
    let replica = one(&place.portal.get(id).await, "replica");
    place.portal.put(id, json!({"primary": replica})).await;
    place.portal.kill_after(Duration::from_millis(300)).await;
    eventually("the replica is the primary", Duration::from_secs(120), async || primary(place, id).await.as_deref() == Some(replica.as_str())).await;
    place.active(id).await;
    rows(place, id).await;
}

async fn a_dead_primary_is_replaced(place: &Place, id: &str) {
    place.kill_primary(id).await;
    eventually("it writes again", Duration::from_secs(120), async || {
        let Ok(mut session) = place.connect(id, "writer", PASSWORD, "shop").await else { return false };
        sqlx::query("create table if not exists after_death (n int)").execute(&mut session).await.is_ok()
    })
    .await;
    place.active(id).await;
    rows(place, id).await;
}

async fn it_pauses_and_wakes(place: &mut Place, id: &str) {
    place.portal.put(id, json!({"power": "off"})).await;
    place.portal.kill_after(Duration::from_millis(300)).await;
    eventually("it is paused", Duration::from_secs(180), async || {
        let now = place.portal.get(id).await;
        now["generation"] == now["observed_generation"] && place.connect(id, "writer", PASSWORD, "shop").await.is_err()
    })
    .await;
    place.portal.put(id, json!({"power": "on"})).await;
    place.active(id).await;
    rows(place, id).await;
}

async fn it_goes_and_leaves_nothing(mut place: Place, id: &str) {
    place.portal.delete(id).await;
    place.portal.kill_after(Duration::from_millis(300)).await;
    let listed = async |portal: &portal::Portal| portal.look("/v1/postgres/instances").await.as_array().unwrap().iter().any(|found| found["uuid"] == id);
    eventually("it is gone", Duration::from_secs(240), async || !listed(&place.portal).await && place.left(id).await.is_empty()).await;
    place.end().await;
}

fn one(instance: &Value, role: &str) -> String {
    let found = instance["nodes"].as_array().unwrap().iter().find(|node| node["role"] == role);
    found.unwrap_or_else(|| panic!("no {role}: {instance:#}"))["name"].as_str().unwrap().to_owned()
}

async fn primary(place: &Place, id: &str) -> Option<String> {
    place.portal.get(id).await["primary"].as_str().map(str::to_owned)
}

/// What was written first is still there.
async fn rows(place: &Place, id: &str) {
    eventually("all rows are there", Duration::from_secs(60), async || {
        let Ok(mut session) = place.connect(id, "writer", PASSWORD, "shop").await else { return false };
        sqlx::query("select count(*) from rows").fetch_one(&mut session).await.is_ok_and(|row| row.get::<i64, _>(0) == 1000)
    })
    .await;
}
