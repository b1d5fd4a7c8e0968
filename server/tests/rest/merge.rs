//! A PUT changes what was sent, all of it or nothing.

use super::support::*;
use serde_json::{Value, json};

/// What a change of an instance may send, each alone of effect.
fn changes() -> Vec<(&'static str, Value)> {
    vec![
        ("name", json!("Another name")),
        ("description", json!("words")),
        ("cpu", json!(3)),
        ("ram", json!(4096)),
        ("disk_size", json!(11)),
        ("nodes_number", json!(4)),
        ("sync_replica_number", json!(2)),
        ("external", json!(true)),
        ("parameters", json!({ "work_mem": "8MB", "max_connections": 200 })),
        ("labels", json!({ "team": "a" })),
        ("power", json!("off")),
    ]
}

#[tokio::test]
async fn only_what_was_sent_changes() {
    // These follow from others, or move with every saved wish.
    let derived = ["generation", "updated_at", "status", "quorum", "preset"];
    for (field, value) in changes() {
        let world = world();
        let before = world.get(&orders("")).await.json();
        let answer = world.put(&orders(""), json!({ field: value })).await;
        assert_eq!(answer.status, 200, "{field}: {}", answer.text);
        let after = answer.json();
        assert_ne!(after[field], before[field], "{field}");
        for (name, had) in before.as_object().unwrap() {
            assert!(name == field || derived.contains(&name.as_str()) || after[name] == *had, "{field} changed {name}");
        }
        assert_eq!(after["generation"], 2, "{field}");
        assert_eq!(world.get(&orders("")).await.json(), after);
    }
}

#[tokio::test]
async fn all_changes_of_one_body_are_one_wish() {
    let world = world();
    let all: serde_json::Map<_, _> = changes().into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
    let after = world.put(&orders(""), Value::Object(all)).await.json();
    for (field, value) in changes().into_iter().filter(|(field, _)| *field != "parameters") {
        assert_eq!(after[field], value, "{field}");
    }
    assert_eq!(after["parameters"], json!({ "max_connections": "200", "work_mem": "8MB" }));
    assert_eq!(after["generation"], 2);
}

#[tokio::test]
async fn one_bad_change_among_good_ones_changes_nothing() {
    for (bad, value) in
        [("disk_size", json!(9)), ("version", json!("v18")), ("sync_replica_number", json!(9)), ("x", json!(1)), ("cpu", json!(true)), ("status", json!("NEW"))]
    {
        let world = world();
        let before = world.get(&orders("")).await;
        let mut all: serde_json::Map<_, _> = changes().into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        all.insert(bad.into(), value);
        let answer = world.put(&orders(""), Value::Object(all)).await;
        assert!(answer.status.is_client_error(), "{bad}");
        assert_eq!(world.get(&orders("")).await, before, "{bad}");
    }
}

#[tokio::test]
async fn nothing_new_is_no_new_wish() {
    let world = world();
    let before = world.get(&orders("")).await.json();
    let writable =
        ["name", "description", "disk_size", "nodes_number", "cpu", "ram", "preset", "external", "parameters", "labels", "power", "backup", "version"];
    let all = |shown: &Value| Value::Object(writable.iter().map(|name| ((*name).to_owned(), shown[name].clone())).collect());
    for body in [json!({}), all(&before)] {
        let answer = world.put(&orders(""), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["generation"], 1);
        assert_eq!(answer.json()["preset"], before["preset"]);
    }
    // Of the smallest preset the amounts are shown that nobody could order by themselves.
    let nano = world.put(&orders(""), json!({ "preset": "nano" })).await.json();
    let again = world.put(&orders(""), all(&nano)).await;
    assert_eq!((again.status, again.json()["generation"].clone()), (200.try_into().unwrap(), nano["generation"].clone()), "{}", again.text);
}

#[tokio::test]
async fn a_strict_number_and_a_healing_quorum_replace_each_other() {
    let world = world();
    let put = async |body: Value| world.put(&orders(""), body).await.json();
    let strict = put(json!({ "sync_replica_number": 2 })).await;
    assert_eq!((&strict["sync_replica_number"], &strict["quorum"]), (&json!(2), &Value::Null));
    let healing = put(json!({ "quorum": { "min": 1, "max": 2 } })).await;
    assert_eq!((&healing["sync_replica_number"], &healing["quorum"]), (&json!(0), &json!({ "min": 1, "max": 2 })));
    // With one instance the strict number is kept for later.
    let alone = put(json!({ "sync_replica_number": 1, "nodes_number": 1 })).await;
    assert_eq!((&alone["sync_replica_number"], &alone["nodes_number"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_preset_sets_both_amounts_but_for_those_sent_beside_it() {
    let world = world();
    let put = async |body: Value| {
        let after = world.put(&orders(""), body).await.json();
        (after["cpu"].as_u64().unwrap(), after["ram"].as_u64().unwrap(), after["preset"].clone())
    };
    assert_eq!(put(json!({ "cpu": 4, "ram": 8192 })).await, (4, 8192, Value::Null));
    assert_eq!(put(json!({ "preset": "medium" })).await, (1, 1024, json!("medium")));
    assert_eq!(put(json!({ "ram": 2048 })).await, (1, 2048, json!("medium")));
    assert_eq!(put(json!({ "preset": "medium" })).await, (1, 2048, json!("medium")));
    assert_eq!(put(json!({ "preset": "large", "cpu": 3 })).await, (3, 2048, json!("large")));
}

#[tokio::test]
async fn a_standalone_cluster_that_grows_is_replicated() {
    let world = world();
    let made = world.post("/v1/postgres/instances", with(new_instance(), "nodes_number", json!(1))).await;
    let path = made.header("location").unwrap().to_owned();
    assert_eq!(made.json()["topology"], "standalone");
    assert_eq!(world.put(&path, json!({ "topology": "replicated" })).await.status, 400);
    assert_eq!(world.put(&path, json!({ "nodes_number": 2, "topology": "replicated" })).await.json()["topology"], "replicated");
    assert_eq!(world.put(&path, json!({ "nodes_number": 1 })).await.json()["topology"], "replicated");
}

#[tokio::test]
async fn parts_merge_as_instances_do() {
    let world = world();
    let path = orders(&format!("/databases/{SHOP}"));
    let before = world.get(&path).await.json();
    for (field, value) in [("description", json!("d")), ("extensions", json!([])), ("roles", json!({ "admin": ["reader"], "readonly": [] }))] {
        let after = world.put(&path, json!({ field: value })).await.json();
        assert_eq!(after[field], value);
        assert_eq!(after["owner"], before["owner"]);
    }
    assert_eq!(world.put(&path, json!({})).await.json()["description"], "d");
    assert_eq!(world.put(&path, json!({ "description": "e", "owner": "nobody" })).await.status, 400);
    assert_eq!(world.get(&path).await.json()["description"], "d");
}

#[tokio::test]
async fn a_restart_is_asked_for_by_counting_on_and_a_switchover_by_name() {
    let world = world();
    let put = async |body: Value| world.put(&orders(""), body).await;
    let asked = put(json!({ "restarts": 1 })).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["restarts"], &asked.json()["generation"]), (200, &json!(1), &json!(2)));
    let again = put(json!({ "restarts": 1 })).await;
    assert_eq!(again.json()["generation"], 2, "the same number is no new wish");
    assert_eq!(put(json!({ "restarts": 5 })).await.status, 400);
    assert_eq!(put(json!({ "restarts": 0 })).await.status, 400);
    assert_eq!(put(json!({ "primary": "nobody-9" })).await.status, 400);
}
