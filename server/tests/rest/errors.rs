//! Each row of the contract's table of errors.

use super::support::*;
use axum::{body::Body, http::Request};
use domain::Role;
use serde_json::{Value, json};

fn shaped(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["code"], status);
    assert!(body["type"].is_string() && body["message"].as_str().is_some_and(|m| m.ends_with('.')), "{body}");
}

/// Refused with 400, at that field.
fn at_field(answer: &Answer, field: &str) {
    shaped(answer, 400);
    let body = answer.json();
    let fields: Vec<_> = body["fields"].as_array().into_iter().flatten().map(|f| f["field"].as_str().unwrap()).collect();
    assert!(fields.contains(&field), "{field} is not among {fields:?}: {body}");
}

const WRONG: [fn() -> Value; 6] = [|| json!(null), || json!(true), || json!(1.5), || json!("text"), || json!([]), || json!({})];

#[tokio::test]
async fn a_field_of_a_new_instance_is_refused_where_it_is_wrong() {
    let world = world();
    let check = async |field: &str, value: Value| {
        let answer = world.post("/v1/postgres/instances", with(new_instance(), field, value.clone())).await;
        at_field(&answer, field);
    };
    for (field, least, most) in [("cpu", 1, 128), ("ram", 512, 1_048_576), ("disk_size", 8, 1024), ("nodes_number", 1, 16), ("sync_replica_number", 0, 15)] {
        for value in [json!(least - 1), json!(most + 1), json!(1.0), json!("2"), json!(u64::MAX), json!(-1)] {
            check(field, value).await;
        }
        for wrong in WRONG {
            check(field, wrong()).await;
        }
    }
    for text in ["name", "description"] {
        for value in [json!(""), json!("x".repeat(256)), json!("two\nlines"), json!("nul\u{0}"), json!(7), json!(null)] {
            if (text, &value) != ("description", &json!("")) {
                check(text, value).await;
            }
        }
    }
    check("name", json!("")).await;
    for (field, value) in [
        ("uuid", json!("x")),
        ("uuid", json!(7)),
        ("uuid", json!("00000000-0000-0000-0000-000000000000")),
        ("uuid", json!(ORDERS.replace('-', ""))),
        ("version", json!("v9")),
        ("version", json!(17)),
        ("version", json!(NOWHERE)),
        ("version", json!(format!("/v1/types/postgres/versions/{NOWHERE}"))),
        ("version", json!("/v1/types/postgres/instances")),
        ("preset", json!("huge")),
        ("topology", json!("ring")),
        ("topology", json!(1)),
        ("external", json!("yes")),
        ("external", json!(1)),
        ("power", json!("maybe")),
        ("storage_class", json!("Fast Disk")),
        ("quorum", json!({ "min": 0 })),
        ("quorum", json!({ "min": 0, "max": 1, "x": 1 })),
        ("quorum", json!({ "min": 0.0, "max": 1 })),
        ("quorum", json!([0, 1])),
        ("backup", json!({ "enabled": true })),
        ("backup", json!(true)),
        ("restore_from", json!({ "instance": ORDERS })),
        ("labels", json!({ "a": {} })),
        ("labels", json!([])),
        ("parameters", json!({ "work_mem": [] })),
        ("project_id", json!("x")),
        ("colour", json!("red")),
    ] {
        check(field, value).await;
    }
    // The rules of the wish come back under the contract's names.
    for (field, value, at) in [
        ("parameters", json!({ "archive_command": "cp" }), "parameters.archive_command"),
        ("labels", json!({ "a b": "c" }), "labels.a b"),
        ("sync_replica_number", json!(3), "sync_replica_number"),
        ("quorum", json!({ "min": 2, "max": 1 }), "quorum.min"),
        ("quorum", json!({ "min": 1, "max": 3 }), "quorum.max"),
        ("topology", json!("standalone"), "nodes_number"),
    ] {
        at_field(&world.post("/v1/postgres/instances", with(new_instance(), field, value)).await, at);
    }
    assert_eq!(world.get("/v1/postgres/instances").await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn everything_that_is_wrong_or_missing_is_told_at_once() {
    let answer = world().post("/v1/postgres/instances", json!({ "cpu": true, "colour": 1 })).await;
    for field in ["name", "cpu", "ram", "disk_size", "nodes_number", "version", "colour"] {
        at_field(&answer, field);
    }
    let answer = world().post(&orders("/users"), json!({})).await;
    ["name", "password"].iter().for_each(|field| at_field(&answer, field));
    let answer = world().post(&orders("/databases"), json!({})).await;
    ["name", "owner"].iter().for_each(|field| at_field(&answer, field));
    let both = with(with(new_instance(), "quorum", json!({ "min": 0, "max": 1 })), "sync_replica_number", json!(1));
    at_field(&world().post("/v1/postgres/instances", both).await, "quorum");
}

#[tokio::test]
async fn users_keep_their_rules() {
    let world = world();
    for name in ["", "pg_x", "dbaas_x", "postgres", "postgres2", "9a", "a-b", "a b", "ä", &"x".repeat(64), "a\u{0}"] {
        at_field(&world.post(&orders("/users"), json!({ "name": name, "password": "12345678" })).await, "name");
    }
    for password in
        [json!("1234567"), json!("x".repeat(100)), json!("12345\n678"), json!("1234\u{7f}5678"), json!("1234\u{0}5678"), json!(12_345_678), json!(null)]
    {
        at_field(&world.post(&orders("/users"), json!({ "name": "w", "password": password })).await, "password");
        at_field(&world.put(&orders(&format!("/users/{APP}")), json!({ "password": password })).await, "password");
    }
    for good in ["12345678", &"x".repeat(99), "äöüßäöüß", "with space and 'quotes'"] {
        assert_eq!(world.put(&orders(&format!("/users/{APP}")), json!({ "password": good })).await.status, 200, "{good}");
    }
    at_field(&world.put(&orders(&format!("/users/{APP}")), json!({ "name": "other" })).await, "name");
    at_field(&world.put(&orders(&format!("/users/{APP}")), json!({ "replication": 1 })).await, "replication");
}

#[tokio::test]
async fn databases_keep_their_rules() {
    let world = world();
    for name in ["", "postgres", "template0", "template1", "a-b", "a$b", "1a", &"x".repeat(64)] {
        at_field(&world.post(&orders("/databases"), json!({ "name": name, "owner": "app" })).await, "name");
    }
    let elsewhere = format!("/v1/postgres/instances/{OTHER}/users/{APP}");
    for owner in [json!("nobody"), json!(NOWHERE), json!(elsewhere), json!("/v1/postgres/x"), json!("http://"), json!(7), json!(null), json!("")] {
        at_field(&world.post(&orders("/databases"), json!({ "name": "d", "owner": owner })).await, "owner");
        at_field(&world.put(&orders(&format!("/databases/{SHOP}")), json!({ "owner": owner })).await, "owner");
    }
    for (field, value, at) in [
        ("name", json!("other"), "name"),
        ("roles", json!({ "owner": [] }), "roles"),
        ("roles", json!({ "admin": "app" }), "roles"),
        ("roles", json!({ "admin": ["nobody"] }), "roles.admin"),
        ("roles", json!({ "admin": ["app"], "readonly": ["app"] }), "roles"),
        ("extensions", json!(["a b"]), "extensions"),
        ("extensions", json!([1]), "extensions"),
        ("extensions", json!("hstore"), "extensions"),
    ] {
        at_field(&world.put(&orders(&format!("/databases/{SHOP}")), json!({ field: value })).await, at);
    }
}

#[tokio::test]
async fn what_cannot_change_is_refused_and_the_same_value_accepted() {
    let world = world();
    let same = world.get(&orders("")).await.json();
    for field in ["uuid", "version", "storage_class", "topology", "project_id"] {
        assert_eq!(world.put(&orders(""), json!({ field: same[field] })).await.status, 200, "{field}");
    }
    for (field, value) in
        [("uuid", json!(NOWHERE)), ("version", json!("v18")), ("storage_class", json!("fast")), ("topology", json!("standalone")), ("disk_size", json!(9))]
    {
        at_field(&world.put(&orders(""), json!({ field: value })).await, field);
    }
    assert_eq!(world.get(&orders("")).await.json(), same);
    at_field(&world.put(&orders(&format!("/users/{APP}")), json!({ "uuid": READER })).await, "uuid");
    at_field(&world.put(&orders(&format!("/databases/{SHOP}")), json!({ "uuid": APP })).await, "uuid");
}

#[tokio::test]
async fn what_only_the_portal_sets_is_forbidden() {
    let world = world();
    let portals = ["status", "ipsv4", "created_at", "updated_at", "endpoints", "nodes", "conditions", "generation", "observed_generation", "resource_name"];
    let instance = world.get(&orders("")).await.json();
    for field in portals {
        for answer in [
            world.put(&orders(""), json!({ field: instance[field] })).await,
            world.post("/v1/postgres/instances", with(new_instance(), field, instance[field].clone())).await,
        ] {
            shaped(&answer, 403);
            assert_eq!(answer.json()["fields"][0]["field"], field);
        }
    }
    for field in ["status", "reason", "created_at"] {
        shaped(&world.put(&orders(&format!("/users/{APP}")), json!({ field: "x" })).await, 403);
        shaped(&world.put(&orders(&format!("/databases/{SHOP}")), json!({ field: "x" })).await, 403);
    }
    for path in [orders(""), orders(&format!("/users/{APP}")), orders(&format!("/databases/{SHOP}"))] {
        shaped(&world.put(&path, json!({ "project_id": NOWHERE })).await, 403);
    }
    shaped(&world.post("/v1/postgres/instances", with(new_instance(), "project_id", json!(NOWHERE))).await, 403);
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let world = world();
    let part = |kind: &str| orders(&format!("/{kind}/{NOWHERE}"));
    for path in [format!("/v1/postgres/instances/{NOWHERE}"), part("users"), part("databases"), format!("/v1/postgres/versions/{NOWHERE}")] {
        shaped(&world.get(&path).await, 404);
    }
    for path in [part("users"), part("databases")] {
        shaped(&world.put(&path, json!({})).await, 404);
        shaped(&world.ask("DELETE", &path, None).await, 404);
    }
    for path in ["/v1", "/v1/", "/v1/x", "/v1/postgres", "/v1/postgres/", "/v1/postgres/x", "/v1//postgres/instances", "/v1/ca.pem"] {
        shaped(&world.get(path).await, 404);
    }
    for path in
        ["/v1/postgres/instances/x", "/v1/postgres/instances/%ff", "/v1/postgres/instances/..%2f", "/v1/postgres/instances//users", "/v1/postgres/versions/17"]
    {
        shaped(&world.get(path).await, 400);
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_409() {
    let world = world();
    shaped(&world.post("/v1/postgres/instances", with(new_instance(), "uuid", json!(ORDERS))).await, 409);
    shaped(&world.post("/v1/postgres/instances", with(new_instance(), "uuid", json!(FOREIGN))).await, 409);
    shaped(&world.post("/v1/postgres/instances", with(new_instance(), "uuid", json!(LEAVING))).await, 409);
    let user = |uuid: &str, name: &str| json!({ "uuid": uuid, "name": name, "password": "12345678" });
    shaped(&world.post(&orders("/users"), user(NOWHERE, "app")).await, 409);
    shaped(&world.post(&orders("/users"), user(APP, "another")).await, 409);
    shaped(&world.post(&orders("/databases"), json!({ "name": "shop", "owner": "app" })).await, 409);
    shaped(&world.post(&orders("/databases"), json!({ "uuid": SHOP, "name": "d", "owner": "app" })).await, 409);
    let owns = world.ask("DELETE", &orders(&format!("/users/{APP}")), None).await;
    shaped(&owns, 409);
    assert!(owns.text.contains("shop"));
    let leaving = |rest: &str| format!("/v1/postgres/instances/{LEAVING}{rest}");
    shaped(&world.put(&leaving(""), json!({ "name": "n" })).await, 409);
    shaped(&world.post(&leaving("/users"), user(NOWHERE, "w")).await, 409);
    shaped(&world.put(&leaving(&format!("/users/{APP}")), json!({})).await, 409);
    shaped(&world.ask("DELETE", &leaving(&format!("/databases/{SHOP}")), None).await, 409);
    shaped(&world.ask("PUT", &leaving("/manifest"), Some("x")).await, 409);
}

#[tokio::test]
async fn a_change_to_something_seen_too_long_ago_is_409() {
    let world = world();
    let put = async |generation: &str| {
        let request =
            Request::put(orders("")).header("if-match", generation).header("content-type", "application/json").body(Body::from(r#"{"description":"x"}"#));
        world.send(Some(actor(Role::Admin)), request.unwrap()).await
    };
    assert_eq!(put("\"1\"").await.status, 200);
    shaped(&put("\"1\"").await, 409);
    assert_eq!(put("*").await.status, 200);
    shaped(&put("\"x\"").await, 400);
}

#[tokio::test]
async fn a_wrong_method_is_405_and_says_which_would_do() {
    let world = world();
    for (method, path, allow) in [
        ("PATCH", orders(""), "GET,HEAD,PUT,DELETE"),
        ("PUT", "/v1/postgres/instances".into(), "GET,HEAD,POST"),
        ("DELETE", "/v1/postgres/versions".into(), "GET,HEAD"),
        ("GET", "/v1/postgres/manifest".into(), "PUT"),
        ("POST", orders("/manifest"), "GET,HEAD,PUT"),
        ("OPTIONS", orders("/users/"), "GET,HEAD,POST"),
        ("POST", "/v1/docs".into(), "GET,HEAD"),
    ] {
        let answer = world.ask(method, &path, None).await;
        shaped(&answer, 405);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_is_read_to_one_mebibyte() {
    let world = world();
    let padded = |size: usize| {
        let body = r#"{"description":"x"}"#;
        format!("{body}{}", " ".repeat(size - body.len()))
    };
    assert_eq!(world.ask("PUT", &orders(""), Some(&padded(1 << 20))).await.status, 200);
    shaped(&world.ask("PUT", &orders(""), Some(&padded((1 << 20) + 1))).await, 413);
    shaped(&world.ask("PUT", "/v1/postgres/manifest", Some(&padded(20 << 20))).await, 413);
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 16]));
    let request = Request::put(orders("")).body(Body::from_stream(endless)).unwrap();
    shaped(&world.send(Some(actor(Role::Admin)), request).await, 413);
}

#[tokio::test]
async fn what_is_no_json_object_is_400() {
    let world = world();
    let deep = "[".repeat(100_000);
    for body in ["", "{", "[]", "null", "1", "\"x\"", "{\"a\":1,}", "{'a':1}", "\u{feff}{}", "{\"cpu\":1e999}", "{\"name\":\"\\ud800\"}", &deep] {
        shaped(&world.ask("PUT", &orders(""), Some(body)).await, 400);
        shaped(&world.ask("POST", "/v1/postgres/instances", Some(body)).await, 400);
    }
    let send = async |kind: &'static [u8], body: Vec<u8>| {
        let request = Request::put(orders("")).header("content-type", axum::http::HeaderValue::from_bytes(kind).unwrap()).body(Body::from(body)).unwrap();
        world.send(Some(actor(Role::Admin)), request).await
    };
    shaped(&send(b"application/json", b"{\"name\":\"\xff\"}".to_vec()).await, 400);
    for kind in [&b"text/plain"[..], b"application/x-www-form-urlencoded", b"\xff", b"", b"json"] {
        shaped(&send(kind, b"{}".to_vec()).await, 400);
    }
    for kind in [&b"application/json; charset=utf-8"[..], b"APPLICATION/JSON", b"application/merge-patch+json"] {
        assert_eq!(send(kind, b"{}".to_vec()).await.status, 200);
    }
    let broken = futures::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("gone"))]);
    shaped(&world.send(Some(actor(Role::Admin)), Request::put(orders("")).body(Body::from_stream(broken)).unwrap()).await, 400);
}

#[tokio::test]
async fn a_document_is_refused_at_its_field() {
    let world = world();
    for body in ["", "x", "a: [", "kind: Postgres", "\u{0}", "{}", "- 1"] {
        shaped(&world.ask("PUT", "/v1/postgres/manifest", Some(body)).await, 400);
        shaped(&world.ask("PUT", &orders("/manifest"), Some(body)).await, 400);
    }
    let document = world.get(&orders("/manifest")).await.text;
    let answer = world.ask("PUT", &orders("/manifest"), Some(&document.replace("replicas: 3", "replicas: 99"))).await;
    at_field(&answer, "spec.replicas");
    shaped(&world.ask("PUT", &orders("/manifest"), Some(&document.replace("name: orders", "name: another"))).await, 400);
    shaped(&world.ask("PUT", "/v1/postgres/manifest?dry_run=maybe", Some(&document)).await, 400);
    shaped(&world.ask("PUT", "/v1/postgres/manifest?x=1", Some(&document)).await, 400);
    let request = Request::put("/v1/postgres/manifest").body(Body::from(b"\xff".to_vec())).unwrap();
    shaped(&world.send(Some(actor(Role::Admin)), request).await, 400);
}

#[tokio::test]
async fn a_portal_without_its_database_says_so() {
    let world = unreachable_store();
    for path in ["/v1/postgres/instances", &orders(""), &orders("/users")] {
        let answer = world.get(path).await;
        shaped(&answer, 503);
        assert!(answer.header("retry-after").is_some());
    }
}
