//! The OpenAPI document, a page to try it, and the certificate authority: for everybody, also without a token.

use super::{
    Answer, PREFIXES, field,
    field::{Field, Kind, Write},
};
use app::portal::SharedPortal;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use domain::Error;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

mod operations;

static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| document().to_string().into_bytes());
/// Nothing from elsewhere, and nothing but this page's own lines run.
const POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub async fn openapi() -> Answer {
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_slice()).into_response())
}

pub async fn page() -> Answer {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, include_str!("docs/page.html")).into_response())
}

pub async fn ca(State(portal): State<SharedPortal>) -> Answer {
    let pem = portal.places().into_iter().find_map(|place| place.offer.ca).ok_or(Error::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response())
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Howdah",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "PostgreSQL clusters, here called instances. Every address works below both prefixes and with or without a slash at its end. A PUT changes only what is sent, all of it or nothing. A relation is written as an address, a uuid or a name, and answered as an address.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": operations::paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "From howdah token create." } },
            "responses": operations::responses(),
            "schemas": schemas(),
        },
    })
}

fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let nullable = |kind: &str| json!({ "type": [kind, "null"] });
    let closed = |properties: Value| json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let int = |least: i64, most: i64| json!({ "type": "integer", "minimum": least, "maximum": most });
    let time = json!({ "type": "string", "format": "date-time" });
    let mut all = Map::new();
    for (name, fields) in [("Instance", field::INSTANCE), ("User", field::USER), ("Database", field::DATABASE), ("Version", field::VERSION)] {
        all.insert(name.into(), whole(fields));
        if fields.iter().any(|field| field.write != Write::Portal) {
            all.insert(format!("{name}Create"), for_new(fields));
            all.insert(format!("{name}Update"), for_change(fields));
        }
    }
    let others = [
        (
            "Quorum",
            json!({ "type": ["object", "null"], "additionalProperties": false, "required": ["min", "max"], "properties": { "min": int(0, 15), "max": int(0, 15) } }),
        ),
        (
            "Backup",
            json!({ "type": ["object", "null"], "additionalProperties": false, "required": ["enabled"], "properties": { "enabled": { "const": false } } }),
        ),
        ("RestoreFrom", json!({ "type": "null" })),
        ("Roles", closed(json!({ "admin": { "type": "array", "items": text() }, "readonly": { "type": "array", "items": text() } }))),
        ("Endpoint", closed(json!({ "kind": { "enum": ["rw", "ro", "instance", "external"] }, "name": text(), "host": text(), "port": int(1, 65_535) }))),
        (
            "Node",
            closed(json!({
                "name": text(),
                "role": { "enum": ["primary", "replica"] },
                "state": { "enum": ["creating", "starting", "ready", "not_streaming", "stopped", "failed", "unknown"] },
                "reason": nullable("string"),
                "host": text(),
                "port": int(0, 65_535),
                "lag_bytes": { "type": ["integer", "null"], "description": "Bytes of WAL not replayed; null: unknown." },
                "lag_seconds": { "type": ["number", "null"], "description": "Seconds behind; null: unknown." },
                "sync": { "enum": ["async", "sync", "quorum"] },
                "started_at": { "type": ["string", "null"], "format": "date-time" },
            })),
        ),
        (
            "Condition",
            closed(json!({ "type": text(), "status": { "enum": ["True", "False", "Unknown"] }, "reason": text(), "message": text(), "since": time.clone() })),
        ),
        (
            "Event",
            closed(
                json!({ "id": { "type": "integer" }, "at": time, "kind": { "enum": ["good", "asked", "warning", "failed"] }, "title": text(), "text": text(), "actor": nullable("string") }),
            ),
        ),
        (
            "Access",
            closed(json!({
                "ca": { "type": ["string", "null"], "description": "The certificate authority of its instances, PEM; null: not known yet." },
                "commands": { "type": "array", "items": { "type": "array", "items": text() }, "description": "What for, and the command." },
            })),
        ),
        (
            "Place",
            json!({
                "type": "object",
                "properties": {
                    "name": text(),
                    "region": text(),
                    "engine": text(),
                    "reachable": { "type": "boolean" },
                    "reason": nullable("string"),
                    "checked_at": { "type": ["string", "null"], "format": "date-time" },
                    "versions": { "type": "array", "items": text() },
                    "topologies": { "type": "array", "items": text() },
                    "max_instances": { "type": "integer" },
                    "storage_classes": { "type": "array", "items": text() },
                    "switchover": { "type": "boolean" },
                    "pause": { "type": "boolean" },
                    "restart": { "type": "boolean" },
                    "rights_at_once": { "type": "boolean", "description": "Whether what a user makes is open to the other users of its database before the cluster's next change." },
                    "external": { "type": "boolean" },
                    "facts": { "type": "object", "additionalProperties": text() },
                    "findings": { "type": "array", "items": closed(json!({ "serious": { "type": "boolean" }, "message": text(), "remedy": text() })) },
                    "remarks": { "type": "array", "items": text(), "description": "What differs there from other places." },
                },
            }),
        ),
        (
            "Applied",
            closed(json!({
                "uuid": { "type": ["string", "null"], "format": "uuid" },
                "created": { "type": "boolean" },
                "changed": { "type": "boolean" },
                "costs": { "type": "array", "items": text(), "description": "What applying costs, in words." },
                "generation": nullable("integer"),
            })),
        ),
        (
            "Problem",
            json!({
                "type": "object",
                "required": ["type", "code", "message"],
                "properties": {
                    "type": text(),
                    "code": { "type": "integer" },
                    "message": text(),
                    "fields": { "type": "array", "items": closed(json!({ "field": text(), "message": text() })) },
                },
            }),
        ),
    ];
    all.extend(others.map(|(name, schema)| (name.to_owned(), schema)));
    Value::Object(all)
}

/// The object as it is answered.
fn whole(fields: &[Field]) -> Value {
    let properties = fields.iter().map(|field| {
        let mut schema = answered(field);
        if field.write == Write::Portal {
            schema["readOnly"] = true.into();
        }
        if field.kind == Kind::Password {
            schema["writeOnly"] = true.into();
        }
        (field.name.to_owned(), schema)
    });
    json!({ "type": "object", "properties": Map::from_iter(properties) })
}

fn for_new(fields: &[Field]) -> Value {
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": writable(fields) })
}

fn for_change(fields: &[Field]) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": writable(fields) })
}

fn writable(fields: &[Field]) -> Map<String, Value> {
    let sent = fields.iter().filter(|field| field.write != Write::Portal);
    sent.map(|field| {
        let mut schema = schema(field);
        if field.write == Write::Once {
            schema["description"] = format!("{} Cannot be changed later.", field.about).into();
        }
        (field.name.to_owned(), schema)
    })
    .collect()
}

/// What may be sent is narrower than what is answered: small sizes and missing owners come from documents.
fn answered(field: &Field) -> Value {
    let mut schema = schema(field);
    match (field.name, field.kind) {
        (_, Kind::Int(..)) => drop(schema.as_object_mut().map(|map| map.insert("minimum".into(), 0.into()))),
        ("preset" | "owner" | "reason", _) => schema["type"] = json!(["string", "null"]),
        _ => {}
    }
    if let ("preset", Some(words)) = (field.name, schema["enum"].as_array_mut()) {
        words.push(Value::Null);
    }
    schema
}

fn schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        Kind::Uuid => json!({ "type": "string", "format": "uuid" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Text(most) => json!({ "type": "string", "minLength": usize::from(field.required), "maxLength": most }),
        Kind::Password => json!({ "type": "string", "format": "password", "minLength": 8, "maxLength": 99 }),
        Kind::Int(least, i64::MAX) => json!({ "type": "integer", "minimum": least }),
        Kind::Int(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
        Kind::Relation => json!({ "type": "string", "maxLength": field.kind.longest() }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Map => json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } }),
        Kind::Object(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
        Kind::Objects(name) => json!({ "type": "array", "items": { "$ref": format!("#/components/schemas/{name}") } }),
    };
    schema["description"] = field.about.into();
    schema
}

/// Both addresses of an operation below the prefixes, as the document lists them.
fn addresses(path: &str) -> impl Iterator<Item = String> {
    PREFIXES.iter().map(move |prefix| format!("{prefix}{path}"))
}
