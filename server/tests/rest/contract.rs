//! What the contract answers when all is well.

use super::support::*;
use app::fake::FakePortal;
use domain::{
    ProjectId,
    event::{Event, Kind},
    status::{Item, Phase},
    vitals::{Lag, Sync, Vitals},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_created_instance_is_answered_as_it_was_asked_for() {
    let world = world();
    let made = world.post("/v1/postgres/instances", new_instance()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body = made.json();
    let uuid = body["uuid"].as_str().unwrap();
    assert_eq!(made.header("location").unwrap(), format!("/v1/postgres/instances/{uuid}"));
    for (field, expect) in [
        ("name", json!("My shop")),
        ("description", json!("")),
        ("cpu", json!(2)),
        ("ram", json!(2048)),
        ("disk_size", json!(10)),
        ("nodes_number", json!(3)),
        ("sync_replica_number", json!(1)),
        ("status", json!("NEW")),
        ("ipsv4", json!([])),
        ("preset", Value::Null),
        ("quorum", Value::Null),
        ("topology", json!("replicated")),
        ("resource_name", json!("my-shop")),
        ("project_id", json!(ProjectId::DEFAULT)),
        ("power", json!("on")),
        ("backup", json!({ "enabled": false })),
        ("generation", json!(1)),
        ("observed_generation", json!(0)),
        ("created_at", json!("1970-01-01T00:00:00Z")),
    ] {
        assert_eq!(body[field], expect, "{field}");
    }
    let version = world.get(body["version"].as_str().unwrap()).await;
    assert_eq!(version.json()["name"], "v17");
    assert_eq!(world.get(made.header("location").unwrap()).await.json(), body);
}

#[tokio::test]
async fn instances_of_one_title_get_names_of_their_own() {
    let world = world();
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(world.post("/v1/postgres/instances", new_instance()).await.json()["resource_name"].clone());
    }
    assert_eq!(names, ["my-shop", "my-shop-2", "my-shop-3"]);
    // Also a cluster that is on its way out holds its name.
    let made = world.post("/v1/postgres/instances", with(new_instance(), "name", json!("leaving"))).await;
    assert_eq!(made.json()["resource_name"], "leaving-2");
}

#[tokio::test]
async fn a_size_comes_from_numbers_from_a_preset_or_from_both() {
    let world = world();
    let check = async |size: Value, expect: (u64, u64, Value)| {
        let mut body = json!({ "name": "s", "disk_size": 8, "nodes_number": 1, "version": "v17" });
        body.as_object_mut().unwrap().extend(size.as_object().unwrap().clone());
        let made = world.post("/v1/postgres/instances", body).await.json();
        assert_eq!((made["cpu"].as_u64().unwrap(), made["ram"].as_u64().unwrap(), made["preset"].clone()), expect, "{size}");
    };
    check(json!({ "preset": "nano" }), (1, 128, json!("nano"))).await;
    check(json!({ "preset": "large" }), (2, 2048, json!("large"))).await;
    check(json!({ "preset": "large", "ram": 4096 }), (2, 4096, json!("large"))).await;
    check(json!({ "cpu": 1, "ram": 512 }), (1, 512, Value::Null)).await;
}

#[tokio::test]
async fn a_version_is_named_by_address_uuid_or_name() {
    let world = world();
    let versions = world.get("/v1/types/postgres/versions").await.json();
    let first = &versions["versions"][0];
    let mut keys: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["created_at", "description", "image", "name", "updated_at", "uuid"]);
    let uuid = first["uuid"].as_str().unwrap();
    let address = format!("/v1/types/postgres/versions/{uuid}");
    for spelled in [&address, &format!("{address}/"), &format!("/v1/postgres/versions/{uuid}"), &format!("http://localhost:8080{address}"), uuid, "v15", "15"] {
        let made = world.post("/v1/postgres/instances", with(new_instance(), "version", json!(spelled))).await;
        assert_eq!(made.json()["version"], json!(address), "{spelled}");
    }
}

#[tokio::test]
async fn an_instance_that_is_up_shows_addresses_nodes_and_lag() {
    let lag = |ordinal, bytes| Lag { ordinal, bytes, seconds: 0.5, silent: Some(0.1), state: "streaming".into(), sync: Sync::Quorum };
    let cluster = ready(cluster(ORDERS, "orders", ProjectId::DEFAULT));
    let vitals = Vitals {
        cluster: cluster.id,
        at: at(3),
        primary: Some(1),
        replicas: vec![lag(2, 49_152)],
        connections: None,
        transactions: None,
        wal: None,
        usage: vec![],
    };
    let mut portal = FakePortal::with(vec![cluster]);
    portal.vitals = Some(vitals);
    let body = World::of(portal).get(&orders("")).await.json();
    assert_eq!(body["status"], "ACTIVE");
    assert_eq!(body["ipsv4"], json!(["127.0.0.1"]));
    assert_eq!(body["endpoints"][0], json!({ "kind": "rw", "name": "orders-rw", "host": "127.0.0.1", "port": 5500 }));
    let nodes = body["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    assert_eq!((&nodes[0]["role"], &nodes[0]["lag_bytes"]), (&json!("primary"), &Value::Null));
    assert_eq!((&nodes[1]["lag_bytes"], &nodes[1]["lag_seconds"], &nodes[1]["sync"]), (&json!(49_152), &json!(0.5), &json!("quorum")));
    // Nobody measured this one: unknown is not caught up.
    assert_eq!((&nodes[2]["lag_bytes"], &nodes[2]["lag_seconds"], &nodes[2]["sync"]), (&Value::Null, &Value::Null, &json!("async")));
    assert_eq!(body["conditions"][0]["type"], "Ready");
    assert_eq!(body["conditions"][0]["status"], "True");
}

#[tokio::test]
async fn the_status_is_active_only_when_everything_asked_for_is_there() {
    let check = async |change: fn(&mut domain::Cluster), expect: &str| {
        let mut cluster = ready(cluster(ORDERS, "orders", ProjectId::DEFAULT));
        change(&mut cluster);
        assert_eq!(World::of(FakePortal::with(vec![cluster])).get(&orders("")).await.json()["status"], expect);
    };
    check(|_| {}, "ACTIVE").await;
    check(|c| c.generation += 1, "IN_PROGRESS").await;
    check(|c| c.status = Default::default(), "NEW").await;
    check(|c| c.status.phase = Phase::Creating, "IN_PROGRESS").await;
    check(|c| c.status.phase = Phase::Degraded, "IN_PROGRESS").await;
    check(|c| c.status.phase = Phase::Paused, "IN_PROGRESS").await;
    check(|c| c.status.phase = Phase::Unknown, "IN_PROGRESS").await;
    check(|c| c.status.phase = Phase::Down, "ERROR").await;
    for kind in ["Blocked", "Stalled"] {
        let mut cluster = cluster(ORDERS, "orders", ProjectId::DEFAULT);
        cluster.status.phase = Phase::Changing;
        cluster.status.conditions = vec![condition(kind, Some(true), "The disk is full: free some space.")];
        let body = World::of(FakePortal::with(vec![cluster])).get(&orders("")).await.json();
        assert_eq!((&body["status"], &body["conditions"][0]["message"]), (&json!("ERROR"), &json!("The disk is full: free some space.")));
    }
}

#[tokio::test]
async fn users_and_databases_are_new_until_applied_and_say_why_they_are_not() {
    let mut cluster = ready(cluster(ORDERS, "orders", ProjectId::DEFAULT));
    cluster.status.users.insert("reader".parse().unwrap(), Item::Error("no space left".into()));
    cluster.status.databases.clear();
    let world = World::of(FakePortal::with(vec![cluster]));
    let user = async |uuid: &str| world.get(&orders(&format!("/users/{uuid}"))).await.json();
    assert_eq!((&user(APP).await["status"], &user(APP).await["reason"]), (&json!("ACTIVE"), &Value::Null));
    assert_eq!((&user(READER).await["status"], &user(READER).await["reason"]), (&json!("ERROR"), &json!("no space left")));
    assert_eq!(world.get(&orders(&format!("/databases/{SHOP}"))).await.json()["status"], "NEW");
    assert_eq!(world.put(&orders(&format!("/users/{APP}")), json!({ "password": "another-one" })).await.json()["status"], "IN_PROGRESS");
    // What was changed is on its way, also when another wish was saved after it.
    let mut orders_then = clusters().remove(0);
    orders_then.status.reached = Some(domain::Timestamp::MIN);
    let world = World::of(FakePortal::with(vec![orders_then]));
    let shop = orders(&format!("/databases/{SHOP}"));
    assert_eq!(world.put(&shop, json!({ "owner": "reader" })).await.json()["status"], "IN_PROGRESS");
    assert_eq!(world.put(&orders(""), json!({ "description": "d" })).await.status, 200);
    assert_eq!(world.get(&shop).await.json()["status"], "IN_PROGRESS");
}

#[tokio::test]
async fn a_user_is_made_changed_and_removed_and_its_password_never_shown() {
    let world = world();
    let made = world.post(&orders("/users"), json!({ "uuid": NOWHERE, "name": "writer", "password": "correct horse", "replication": true })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("location").unwrap(), orders(&format!("/users/{NOWHERE}")));
    let path = orders(&format!("/users/{NOWHERE}"));
    assert_eq!((&made.json()["status"], &made.json()["replication"], &made.json()["uuid"]), (&json!("NEW"), &json!(true), &json!(NOWHERE)));
    let changed = world.put(&path, json!({ "name": "writer", "uuid": NOWHERE, "password": "battery staple", "description": "d", "replication": false })).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!((&changed.json()["description"], &changed.json()["replication"]), (&json!("d"), &json!(false)));
    for answer in [&made, &changed, &world.get(&path).await, &world.get(&orders("/users")).await, &world.get(&orders("/manifest")).await] {
        assert!(!answer.text.contains("correct horse") && !answer.text.contains("battery staple") && !answer.text.contains("SCRAM"), "{}", answer.text);
    }
    let gone = world.ask("DELETE", &path, None).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    assert_eq!(world.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_database_is_made_changed_and_removed() {
    let world = world();
    let owner = orders(&format!("/users/{READER}"));
    let body = json!({ "name": "stock", "owner": "reader", "extensions": ["pgcrypto", "uuid-ossp"], "roles": { "admin": ["app"], "readonly": [READER] } });
    let made = world.post(&orders("/databases"), body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["owner"], json!(owner));
    assert_eq!(made.json()["roles"], json!({ "admin": ["app"], "readonly": ["reader"] }));
    assert_eq!(made.json()["extensions"], json!(["pgcrypto", "uuid-ossp"]));
    let path = made.header("location").unwrap().to_owned();
    for spelled in [APP, "app", &orders(&format!("/users/{APP}")), &format!("/v1/types/postgres/instances/{ORDERS}/users/{APP}/")] {
        let changed = world.put(&path, json!({ "owner": spelled })).await;
        assert_eq!(changed.json()["owner"], json!(orders(&format!("/users/{APP}"))), "{spelled}");
        assert_eq!(changed.json()["extensions"], json!(["pgcrypto", "uuid-ossp"]));
    }
    assert_eq!(world.ask("DELETE", &path, None).await.status, 204);
    assert_eq!(world.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_deleted_instance_is_gone_at_once() {
    let world = world();
    assert_eq!(world.ask("DELETE", &orders(""), None).await.status, 204);
    for path in ["", "/users", "/databases", "/manifest", "/events"] {
        assert_eq!(world.get(&orders(path)).await.status, 404, "{path}");
    }
    assert_eq!(world.ask("DELETE", &orders(""), None).await.status, 404);
    assert_eq!(world.get("/v1/postgres/instances").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_document_makes_a_cluster_and_comes_back_the_same() {
    let world = world();
    let document = world.get(&orders("/manifest")).await;
    assert_eq!((document.status.as_u16(), document.header("content-type")), (200, Some("application/yaml")));
    let copy = document.text.replace("name: orders", "name: copy");
    let trial = world.ask("PUT", "/v1/postgres/manifest?dry_run=true", Some(&copy)).await;
    assert_eq!((trial.status.as_u16(), &trial.json()["created"], &trial.json()["uuid"]), (200, &json!(true), &Value::Null), "{}", trial.text);
    let made = world.ask("PUT", "/v1/types/postgres/manifest/", Some(&copy)).await;
    assert_eq!((made.status.as_u16(), &made.json()["created"], &made.json()["generation"]), (201, &json!(true), &json!(1)), "{}", made.text);
    let location = made.header("location").unwrap();
    assert_eq!(world.get(&format!("{location}/manifest")).await.text, copy);
    let again = world.ask("PUT", &format!("{location}/manifest"), Some(&copy)).await;
    assert_eq!((again.status.as_u16(), &again.json()["created"]), (200, &json!(false)), "{}", again.text);
}

#[tokio::test]
async fn events_are_answered_newest_first_and_limited() {
    let mut portal = FakePortal::with(clusters());
    let event =
        |id| Event { id, cluster: domain::ClusterId(self::id(ORDERS)), at: at(id), kind: Kind::Good, title: "Ready".into(), text: String::new(), actor: None };
    portal.events = vec![event(2), event(1)];
    let world = World::of(portal);
    let all = world.get(&orders("/events")).await.json();
    assert_eq!(all[0], json!({ "id": 2, "at": at(2).to_string(), "kind": "good", "title": "Ready", "text": "", "actor": null }));
    assert_eq!(world.get(&orders("/events?page_limit=1")).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn both_prefixes_and_a_trailing_slash_answer_the_same() {
    let paths = [
        "/instances".to_owned(),
        "/versions".into(),
        "/nothing".into(),
        format!("/instances/{ORDERS}"),
        format!("/instances/{NOWHERE}"),
        "/instances/x".into(),
        format!("/instances/{ORDERS}/users"),
        format!("/instances/{ORDERS}/users/{APP}"),
        format!("/instances/{ORDERS}/databases"),
        format!("/instances/{ORDERS}/databases/{SHOP}"),
        format!("/instances/{ORDERS}/manifest"),
        format!("/instances/{ORDERS}/events"),
        "/manifest".into(),
    ];
    let uuid = domain::version::Major::V17.uuid();
    for path in paths.into_iter().chain([format!("/versions/{uuid}")]) {
        for (method, body) in [("GET", None), ("HEAD", None), ("POST", Some("{}")), ("PUT", Some("{}")), ("PATCH", Some("{}"))] {
            let mut answers = Vec::new();
            for prefix in server::http::rest::PREFIXES {
                for slash in ["", "/"] {
                    answers.push(world().ask(method, &format!("{prefix}{path}{slash}"), body).await);
                }
            }
            assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{method} {path}: {answers:#?}");
        }
    }
}

#[tokio::test]
async fn head_answers_as_get_does_but_for_the_body() {
    let world = world();
    for path in [orders(""), "/v1/postgres/instances".into(), orders("/manifest")] {
        let (get, head) = (world.get(&path).await, world.ask("HEAD", &path, None).await);
        assert_eq!((get.status, get.header("content-type")), (head.status, head.header("content-type")));
        assert_eq!(head.text, "");
    }
}
