//! Every operation × every role.

use super::support::*;
use domain::{Actor, Role};
use serde_json::json;

/// Method, path below the prefix, a good body, the least role that may.
pub(super) fn operations() -> Vec<(&'static str, String, Option<String>, Role)> {
    let orders = format!("/instances/{ORDERS}");
    let user = format!("{orders}/users/{APP}");
    let database = format!("{orders}/databases/{SHOP}");
    let version = format!("/versions/{}", domain::version::Major::V17.uuid());
    let body = |value: serde_json::Value| Some(value.to_string());
    vec![
        ("GET", "/instances".into(), None, Role::Viewer),
        ("GET", orders.clone(), None, Role::Viewer),
        ("GET", format!("{orders}/users"), None, Role::Viewer),
        ("GET", user.clone(), None, Role::Viewer),
        ("GET", format!("{orders}/databases"), None, Role::Viewer),
        ("GET", database.clone(), None, Role::Viewer),
        ("GET", format!("{orders}/manifest"), None, Role::Viewer),
        ("GET", format!("{orders}/events"), None, Role::Viewer),
        ("GET", "/versions".into(), None, Role::Viewer),
        ("GET", version, None, Role::Viewer),
        ("PUT", orders.clone(), body(json!({ "description": "d" })), Role::Operator),
        ("PUT", orders.clone(), body(json!({ "name": "n" })), Role::Operator),
        ("PUT", orders.clone(), body(json!({ "labels": {} })), Role::Operator),
        ("PUT", orders.clone(), body(json!({ "power": "off" })), Role::Operator),
        ("POST", format!("{orders}/users"), body(json!({ "name": "w", "password": "12345678" })), Role::Operator),
        ("PUT", user.clone(), body(json!({ "password": "12345678" })), Role::Operator),
        ("PUT", user, body(json!({ "replication": true })), Role::Operator),
        ("POST", format!("{orders}/databases"), body(json!({ "name": "d", "owner": "app" })), Role::Operator),
        ("PUT", database.clone(), body(json!({ "owner": "reader" })), Role::Operator),
        ("PUT", orders.clone(), body(json!({ "nodes_number": 2 })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "cpu": 2 })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "ram": 1024 })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "preset": "large" })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "disk_size": 20 })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "sync_replica_number": 2 })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "quorum": { "min": 0, "max": 1 } })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "external": true })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "parameters": { "work_mem": "8MB" } })), Role::Admin),
        ("PUT", orders.clone(), body(json!({ "description": "d", "cpu": 2 })), Role::Admin),
        ("DELETE", format!("{orders}/users/{READER}"), None, Role::Admin),
        ("DELETE", database, None, Role::Admin),
        ("POST", "/instances".into(), body(new_instance()), Role::Admin),
        ("DELETE", orders, None, Role::Admin),
    ]
}

#[tokio::test]
async fn every_operation_needs_its_role_and_no_more() {
    for (method, path, body, needed) in operations() {
        for role in Role::ALL {
            let answer = world().ask_as(role, method, &format!("/v1/postgres{path}"), body.as_deref()).await;
            let say = format!("{method} {path} {body:?} as {role}: {} {}", answer.status, answer.text);
            if role < needed {
                assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (403, &json!(403)), "{say}");
                assert!(answer.text.contains(needed.name()) || answer.text.contains("operator"), "{say}");
            } else {
                assert!(answer.status.is_success(), "{say}");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_role_changes_nothing() {
    for (method, path, body, needed) in operations().into_iter().filter(|o| o.0 != "GET") {
        let world = world();
        let before = world.get("/v1/postgres/instances").await;
        for role in Role::ALL.into_iter().filter(|role| *role < needed) {
            world.ask_as(role, method, &format!("/v1/postgres{path}"), body.as_deref()).await;
        }
        assert_eq!(world.get("/v1/postgres/instances").await, before, "{method} {path}");
    }
}

#[tokio::test]
async fn nobody_gets_nothing_but_the_documents() {
    let everything = operations().into_iter().map(|(method, path, body, _)| (method, format!("/v1/postgres{path}"), body));
    for (method, path, body) in everything.chain([("PUT", "/v1/postgres/manifest".to_owned(), Some("x".to_owned()))]) {
        let request = || axum::http::Request::builder().method(method).uri(&path).body(body.clone().unwrap_or_default().into()).unwrap();
        let refused = world().send(None::<Actor>, request()).await;
        assert_eq!((refused.status.as_u16(), refused.header("www-authenticate")), (401, Some("Bearer")), "{method} {path}");
        assert_eq!((&refused.json()["code"], refused.json()["type"].is_string(), refused.json()["message"].is_string()), (&json!(401), true, true));
    }
    for path in ["/v1/openapi.json", "/v1/docs"] {
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(world().send(None, request).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_request_without_any_extension_is_nobody() {
    use tower::ServiceExt;
    let request = axum::http::Request::get("/v1/postgres/instances").body(axum::body::Body::empty()).unwrap();
    assert_eq!(world().router.oneshot(request).await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_is_anothers_does_not_exist() {
    let world = world();
    let foreign = |rest: &str| format!("/v1/postgres/instances/{FOREIGN}{rest}");
    for (method, rest, body) in [
        ("GET", "".to_owned(), None),
        ("PUT", "".into(), Some("{}")),
        ("DELETE", "".into(), None),
        ("GET", "/users".into(), None),
        ("POST", "/users".into(), Some(r#"{"name":"w","password":"12345678"}"#)),
        ("GET", format!("/users/{APP}"), None),
        ("PUT", format!("/users/{APP}"), Some("{}")),
        ("DELETE", format!("/users/{APP}"), None),
        ("GET", "/databases".into(), None),
        ("GET", "/manifest".into(), None),
        ("PUT", "/manifest".into(), Some("x")),
        ("GET", "/events".into(), None),
    ] {
        let (there, nowhere) = (world.ask(method, &foreign(&rest), body).await, world.ask(method, &foreign(&rest).replace(FOREIGN, NOWHERE), body).await);
        assert_eq!(there.status, 404, "{method} {rest}");
        assert_eq!(there, nowhere, "{method} {rest}");
    }
    assert!(!world.get("/v1/postgres/instances").await.text.contains(FOREIGN));
}
