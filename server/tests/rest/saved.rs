//! Over the real service and its database: what only they can get wrong.

use super::{fuzz::bent, permissions::operations, support::*};
use domain::Role;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

#[tokio::test]
async fn a_role_that_does_not_reach_changes_nothing_that_is_saved() {
    let world = World::real().await;
    let before = world.get("/v1/postgres/instances").await;
    for (method, path, body, needed) in operations() {
        for role in Role::ALL.into_iter().filter(|role| *role < needed) {
            let answer = world.ask_as(role, method, &format!("/v1/postgres{path}"), body.as_deref()).await;
            assert_eq!(answer.status, 403, "{method} {path} as {role}: {}", answer.text);
        }
    }
    assert_eq!(world.get("/v1/postgres/instances").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_at_once_neither_takes_the_other_back() {
    let world = World::real().await;
    for round in 0..10u64 {
        let (cpu, ram) = (json!({ "cpu": 2 + round }), json!({ "ram": 2048 + round }));
        let path = orders("");
        let (one, other) = tokio::join!(world.put(&path, cpu), world.put(&path, ram));
        assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200), "{} {}", one.text, other.text);
        let after = world.get(&path).await.json();
        assert_eq!((after["cpu"].as_u64(), after["ram"].as_u64()), (Some(2 + round), Some(2048 + round)));
    }
    // Asked for twice at once, a restart is one: both meant the next.
    let (one, other) = (json!({ "restarts": 1 }), json!({ "restarts": 1 }));
    let path = orders("");
    let (one, other) = tokio::join!(world.put(&path, one), world.put(&path, other));
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200), "{} {}", one.text, other.text);
    assert_eq!(world.get(&path).await.json()["restarts"], 1);
}

#[tokio::test]
async fn a_title_that_speaks_of_uuids_is_a_title_like_any_other() {
    let world = World::real().await;
    for _ in 0..2 {
        let made = world.post("/v1/postgres/instances", with(new_instance(), "name", json!("uuid service"))).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
}

#[tokio::test]
async fn a_document_with_what_no_database_can_keep_is_refused() {
    let world = World::real().await;
    let document = |spec: &str| format!("apiVersion: apps.cozystack.io/v1alpha1\nkind: Postgres\nmetadata:\n  name: shop\nspec:\n{spec}");
    let all = [
        "  backup: {schedule: \"a\\0b\"}\n",
        "  backup: {destinationPath: \"a\\u0001b\"}\n",
        "  users: {app: {password: \"a\\0b\"}}\n",
        "  postgresql: {parameters: {work_mem: \"4\\0MB\"}}\n",
        "  storageClass: \"a\\0b\"\n",
        "  databases: {shop: {extensions: [\"a\\0b\"]}}\n",
    ];
    for spec in all {
        let answer = world.ask("PUT", "/v1/postgres/manifest", Some(&document(spec))).await;
        assert!(answer.status.is_client_error(), "{spec}: {} {}", answer.status, answer.text);
    }
    let reserved = world.ask("PUT", "/v1/postgres/manifest", Some(&document("").replace("name: shop", "name: new"))).await;
    assert_eq!(reserved.status, 400, "{}", reserved.text);
    assert!(reserved.text.contains("metadata.name"), "{}", reserved.text);
    let made_up = world.ask("PUT", "/v1/postgres/manifest", Some(&document("  users: {app: {}}\n"))).await;
    assert_eq!(made_up.status, 201, "{}", made_up.text);
    assert!(made_up.json()["costs"][0].as_str().unwrap().contains("password that is shown to nobody for app"), "{}", made_up.text);
}

#[test]
fn nothing_that_is_sent_is_a_fault_of_the_store() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::real());
    let mut runner = TestRunner::new(Config::with_cases(300));
    let done = runner.run(&bent(), |(method, path, body)| {
        let answer = runtime.block_on(world.ask(method, &path, Some(&body.to_string())));
        prop_assert!(!answer.status.is_server_error(), "{} {}", answer.status, answer.text);
        Ok(())
    });
    done.unwrap();
}
