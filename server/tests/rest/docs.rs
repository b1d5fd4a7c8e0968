//! The OpenAPI document says what the router does.

use super::support::*;
use serde_json::Value;
use server::http::rest::{PREFIXES, paths};

/// Every field that the contract names, by object.
const CONTRACT: &[(&str, &[&str])] = &[
    (
        "Instance",
        &[
            "uuid",
            "created_at",
            "updated_at",
            "description",
            "project_id",
            "name",
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
            "endpoints",
            "nodes",
            "conditions",
            "generation",
            "observed_generation",
        ],
    ),
    ("User", &["uuid", "created_at", "updated_at", "description", "project_id", "name", "password", "status", "replication"]),
    ("Database", &["uuid", "created_at", "updated_at", "description", "project_id", "name", "owner", "status", "roles", "extensions"]),
    ("Version", &["uuid", "name", "description", "image", "created_at", "updated_at"]),
    ("Endpoint", &["kind", "name", "host", "port"]),
    ("Node", &["name", "role", "state", "host", "port", "lag_bytes", "lag_seconds", "sync"]),
    ("Condition", &["type", "status", "reason", "message", "since"]),
    ("Quorum", &["min", "max"]),
    ("Roles", &["admin", "readonly"]),
    ("Problem", &["type", "code", "message", "fields"]),
];

async fn document() -> Value {
    world().get("/v1/openapi.json").await.json()
}

#[tokio::test]
async fn every_field_of_the_contract_is_in_its_schema() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    for (name, fields) in CONTRACT {
        for field in *fields {
            assert!(document["components"]["schemas"][name]["properties"][field].is_object(), "{name}.{field}");
        }
    }
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_a_route() {
    let document = document().await;
    for path in paths() {
        for prefix in PREFIXES {
            let described = document["paths"][format!("{prefix}{path}")].as_object().unwrap_or_else(|| panic!("{prefix}{path} is not described"));
            let address = format!("{prefix}{path}").replace("{uuid}", ORDERS).replace("{part}", NOWHERE);
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
                let routed = world().ask(method, &address, Some("{}")).await.status != 405;
                assert_eq!(described.contains_key(&method.to_lowercase()), routed, "{method} {address}");
            }
        }
    }
    let described = document["paths"].as_object().unwrap().len();
    assert_eq!(described, paths().count() * PREFIXES.len() + 5);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(all) => all.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document().await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn what_is_answered_has_exactly_the_described_fields() {
    let (world, document) = (world(), document().await);
    let check = async |path: String, name: &str| {
        let answer = world.get(&path).await.json();
        let properties = document["components"]["schemas"][name]["properties"].as_object().unwrap();
        let described: std::collections::BTreeSet<_> = properties.iter().filter(|(_, p)| p["writeOnly"] != true).map(|(name, _)| name.as_str()).collect();
        let answered: std::collections::BTreeSet<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(answered, described, "{name}");
    };
    check(orders(""), "Instance").await;
    check(orders(&format!("/users/{APP}")), "User").await;
    check(orders(&format!("/databases/{SHOP}")), "Database").await;
    check(format!("/v1/postgres/versions/{}", domain::version::Major::V17.uuid()), "Version").await;
    let instance = world.get(&orders("")).await.json();
    for (list, name) in [("nodes", "Node"), ("endpoints", "Endpoint"), ("conditions", "Condition")] {
        let described: std::collections::BTreeSet<_> = document["components"]["schemas"][name]["properties"].as_object().unwrap().keys().collect();
        assert_eq!(instance[list][0].as_object().unwrap().keys().collect::<std::collections::BTreeSet<_>>(), described, "{name}");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let page = world().get("/v1/docs").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for elsewhere in ["http://", "https://", " src=", "@import", "url(", "<link"] {
        assert!(!page.text.contains(elsewhere), "{elsewhere}");
    }
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
}
