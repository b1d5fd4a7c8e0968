//! No input is answered with a fault of ours.

use super::support::*;
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, Uri},
};
use domain::Role;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Keys that mean something, so that random bodies get past the first check.
const KEYS: &[&str] = &[
    "uuid",
    "name",
    "description",
    "project_id",
    "cpu",
    "ram",
    "disk_size",
    "nodes_number",
    "sync_replica_number",
    "version",
    "status",
    "ipsv4",
    "preset",
    "topology",
    "storage_class",
    "external",
    "parameters",
    "quorum",
    "backup",
    "restore_from",
    "labels",
    "power",
    "password",
    "replication",
    "owner",
    "roles",
    "extensions",
    "min",
    "max",
    "admin",
    "readonly",
    "enabled",
    "work_mem",
    "archive_command",
];
const WORDS: &[&str] = &[
    "v17",
    "17",
    "app",
    "reader",
    "shop",
    "nano",
    "2xlarge",
    "standalone",
    "replicated",
    "on",
    "off",
    ORDERS,
    OTHER,
    APP,
    SHOP,
    "",
    "pg_x",
    "http://x/v1/postgres/",
    "://",
    "\u{0}",
    "é",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..40).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        prop::sample::select(WORDS).prop_map(Value::from),
        "\\PC{0,300}".prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| prop_oneof![prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from), object(inner)])
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let key = prop_oneof![8 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => ".{0,12}"];
    prop::collection::btree_map(key, inner, 0..8).prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// Paths that take JSON, each with a good body.
fn writes() -> Vec<(&'static str, String, Value)> {
    vec![
        ("POST", "/v1/postgres/instances".into(), new_instance()),
        ("PUT", orders(""), json!({})),
        ("POST", orders("/users"), json!({ "name": "writer", "password": "12345678" })),
        ("PUT", orders(&format!("/users/{APP}")), json!({})),
        ("POST", orders("/databases"), json!({ "name": "stock", "owner": "app", "roles": { "admin": ["app"] }, "extensions": ["hstore"] })),
        ("PUT", orders(&format!("/databases/{SHOP}")), json!({})),
    ]
}

/// A good body with a few fields replaced, mostly by values that fit some field.
pub(super) fn bent() -> impl Strategy<Value = (&'static str, String, Value)> {
    (prop::sample::select(writes()), prop::collection::btree_map(prop::sample::select(KEYS), value(), 0..3)).prop_map(|((method, path, good), bend)| {
        let mut all: Map<String, Value> = good.as_object().cloned().unwrap_or_default();
        all.extend(bend.into_iter().map(|(name, value)| (name.to_owned(), value)));
        (method, path, Value::Object(all))
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => bent().prop_map(|(_, _, v)| v.to_string().into_bytes()),
        2 => value().prop_map(|v| v.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => ("[a-z:{}\\[\\]\\- \n\"'&*!|>%@]{0,80}", any::<bool>()).prop_map(|(text, head)| {
            let start = if head { "apiVersion: apps.cozystack.io/v1alpha1\nkind: Postgres\nmetadata:\n  name: x\nspec:\n" } else { "" };
            format!("{start}{text}").into_bytes()
        }),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(&["instances", "users", "databases", "versions", "manifest", "events", "v1", "postgres", "types", "docs", "", "%ff", "%00", "%2f", "..", "x"][..]).prop_map(str::to_owned),
        3 => prop::sample::select(&[ORDERS, OTHER, FOREIGN, LEAVING, APP, SHOP, NOWHERE][..]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9%._~-]{0,12}",
    ];
    let known = prop::sample::select(server::http::rest::paths().collect::<Vec<_>>()).prop_flat_map(|path| {
        (prop::sample::select(&[ORDERS, OTHER, LEAVING, "x"][..]), prop::sample::select(&[APP, SHOP, NOWHERE][..]))
            .prop_map(move |(uuid, part)| path.replace("{uuid}", uuid).replace("{part}", part))
    });
    let prefix = prop::sample::select(&["/v1/postgres", "/v1/types/postgres"][..]);
    prop_oneof![
        3 => (prefix.clone(), known).prop_map(|(prefix, path)| format!("{prefix}{path}")),
        1 => (prefix, prop::collection::vec(piece, 0..6)).prop_map(|(prefix, pieces)| format!("{prefix}/{}", pieces.join("/"))),
    ]
}

fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![prop::sample::select(KEYS), prop::sample::select(&["fields", "sort_key", "sort_dir", "page_limit", "page_marker", "dry_run"][..])];
    let value = prop_oneof![
        prop::sample::select(&["1", "0", "true", "uuid", "name", "asc", "desc", APP, ORDERS, "%00", "%ff"][..]).prop_map(str::to_owned),
        "[a-zA-Z0-9%+,.:=-]{0,20}"
    ];
    prop_oneof![
        Just(String::new()),
        prop::collection::vec((name, value), 0..4).prop_map(|all| all.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&"))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn no_request_is_answered_with_a_fault(
        method in prop::sample::select(&["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"][..]),
        path in path(), query in query(), body in body(),
        kind in prop::sample::select(&["application/json", "application/yaml", "text/plain", "", "a/b+json"][..]),
        header in prop::option::of(("(accept|if-match|x-[a-z]{1,8}|content-length|range|cookie|authorization)", prop::collection::vec(any::<u8>(), 0..20))),
        role in prop::sample::select(vec![None, Some(Role::Viewer), Some(Role::Admin), Some(Role::Admin), Some(Role::Admin)]),
    ) {
        let Ok(uri) = Uri::try_from(format!("{path}?{query}")) else { return Ok(()) };
        let mut request = Request::new(Body::from(body.clone()));
        *request.uri_mut() = uri;
        *request.method_mut() = Method::try_from(method).unwrap();
        request.headers_mut().insert("content-type", HeaderValue::from_static(kind));
        if let Some((name, value)) = header && let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
            request.headers_mut().insert(name, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = world();
        let _answer = runtime.block_on(world.send(role.map(actor), request));
        // Whatever was sent, what is there can still be read.
        let after = runtime.block_on(world.get("/v1/postgres/instances"));
        prop_assert_eq!(after.status.as_u16(), 200);
    }

    #[test]
    fn a_write_is_done_wholly_or_refused_wholly((method, path, body) in bent()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = world();
        let every = ["/v1/postgres/instances".to_owned(), orders("/users"), orders("/databases")];
        let read = || every.iter().map(|path| runtime.block_on(world.get(path))).collect::<Vec<_>>();
        let before = read();
        let answer = runtime.block_on(world.ask(method, &path, Some(&body.to_string())));
        prop_assert!(!answer.status.is_server_error(), "{} {}", answer.status, answer.text);
        if answer.status.is_success() {
            // Every plain value that was sent is what is answered; numbers and words are not bent on the way.
            let shown = answer.json();
            for (name, value) in body.as_object().unwrap().iter().filter(|(_, v)| v.is_number() || v.is_boolean()) {
                prop_assert_eq!(&shown[name], value, "{}", name);
            }
            let location = answer.header("location").map_or(path, str::to_owned);
            prop_assert_eq!(runtime.block_on(world.get(&location)).json(), shown);
        } else {
            prop_assert!(answer.status.is_client_error(), "{}", answer.status);
            prop_assert_eq!(read(), before);
        }
    }
}
