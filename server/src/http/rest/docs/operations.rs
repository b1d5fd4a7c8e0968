//! Every operation of the contract, for the OpenAPI document.

use super::{
    addresses,
    field::{self, Field, Kind},
};
use serde_json::{Map, Value, json};

/// What an operation takes and answers.
struct Operation {
    path: &'static str,
    method: &'static str,
    about: &'static str,
    takes: Takes,
    answers: Answers,
    refuses: &'static [&'static str],
}

enum Takes {
    Nothing,
    /// Filters on these fields.
    List(&'static [Field]),
    Limit,
    Json(&'static str),
    Yaml,
}

enum Answers {
    Nothing,
    One(&'static str),
    Made(&'static str),
    List(&'static str),
    Versions,
    Yaml,
    Applied,
}

const LOOK: &[&str] = &["400", "401", "404"];
const MAKE: &[&str] = &["400", "401", "403", "404", "409", "413"];
const DELETE: &[&str] = &["400", "401", "403", "404", "409"];

const fn of(method: &'static str, path: &'static str, about: &'static str, takes: Takes, answers: Answers, refuses: &'static [&'static str]) -> Operation {
    Operation { path, method, about, takes, answers, refuses }
}

const OPERATIONS: &[Operation] = &[
    of("get", "/instances", "List instances", Takes::List(field::INSTANCE), Answers::List("Instance"), LOOK),
    of("post", "/instances", "Create an instance", Takes::Json("InstanceCreate"), Answers::Made("Instance"), MAKE),
    of("get", "/instances/{uuid}", "Show an instance", Takes::Nothing, Answers::One("Instance"), LOOK),
    of("put", "/instances/{uuid}", "Change an instance", Takes::Json("InstanceUpdate"), Answers::One("Instance"), MAKE),
    of("delete", "/instances/{uuid}", "Delete an instance and its data", Takes::Nothing, Answers::Nothing, DELETE),
    of("get", "/instances/{uuid}/users", "List users", Takes::List(field::USER), Answers::List("User"), LOOK),
    of("post", "/instances/{uuid}/users", "Create a user", Takes::Json("UserCreate"), Answers::Made("User"), MAKE),
    of("get", "/instances/{uuid}/users/{part}", "Show a user", Takes::Nothing, Answers::One("User"), LOOK),
    of("put", "/instances/{uuid}/users/{part}", "Change a user", Takes::Json("UserUpdate"), Answers::One("User"), MAKE),
    of("delete", "/instances/{uuid}/users/{part}", "Delete a user", Takes::Nothing, Answers::Nothing, DELETE),
    of("get", "/instances/{uuid}/databases", "List databases", Takes::List(field::DATABASE), Answers::List("Database"), LOOK),
    of("post", "/instances/{uuid}/databases", "Create a database", Takes::Json("DatabaseCreate"), Answers::Made("Database"), MAKE),
    of("get", "/instances/{uuid}/databases/{part}", "Show a database", Takes::Nothing, Answers::One("Database"), LOOK),
    of("put", "/instances/{uuid}/databases/{part}", "Change a database", Takes::Json("DatabaseUpdate"), Answers::One("Database"), MAKE),
    of("delete", "/instances/{uuid}/databases/{part}", "Delete a database and its data", Takes::Nothing, Answers::Nothing, DELETE),
    of("get", "/instances/{uuid}/manifest", "The Postgres resource of an instance", Takes::Nothing, Answers::Yaml, LOOK),
    of("put", "/instances/{uuid}/manifest", "Apply a Postgres resource to this instance", Takes::Yaml, Answers::Applied, MAKE),
    of("get", "/instances/{uuid}/events", "What happened, newest first", Takes::Limit, Answers::List("Event"), LOOK),
    of("get", "/instances/{uuid}/access", "How clients reach an instance beyond its addresses", Takes::Nothing, Answers::One("Access"), LOOK),
    of("get", "/instances/{uuid}/objects", "What is applied where an instance runs, without secrets", Takes::Nothing, Answers::Yaml, LOOK),
    of("put", "/manifest", "Apply a Postgres resource to the instance of its name, which is made if there is none", Takes::Yaml, Answers::Applied, MAKE),
    of("get", "/versions", "List PostgreSQL versions", Takes::List(field::VERSION), Answers::Versions, LOOK),
    of("get", "/versions/{uuid}", "Show a PostgreSQL version", Takes::Nothing, Answers::One("Version"), LOOK),
];

/// All paths, with those that stand outside of the prefixes.
pub fn paths() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        for address in addresses(operation.path) {
            let methods = paths.entry(address).or_insert_with(|| json!({}));
            methods[operation.method] = describe(operation);
        }
    }
    let place = reference("Place");
    for (path, about, schema) in [
        ("/v1/places", "Where instances can be created, and what can be had there", json!({ "type": "array", "items": place })),
        ("/v1/places/{name}", "One of these places", place.clone()),
    ] {
        let parameters: Vec<_> =
            path.contains('{').then(|| json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } })).into_iter().collect();
        let mut responses = json!({ "200": { "description": about, "content": { "application/json": { "schema": schema } } } });
        for code in ["401", "404"] {
            responses[code] = json!({ "$ref": format!("#/components/responses/E{code}") });
        }
        paths.insert(path.into(), json!({ "get": { "summary": about, "parameters": parameters, "responses": responses } }));
    }
    for (path, about, kind) in [
        ("/v1/openapi.json", "This document", "application/json"),
        ("/v1/docs", "A page to try it", "text/html"),
        ("/v1/ca.pem", "The certificate authority that clients verify servers with", "application/x-pem-file"),
    ] {
        paths.insert(
            path.into(),
            json!({ "get": { "summary": about, "security": [], "responses": { "200": { "description": about, "content": { kind: {} } } } } }),
        );
    }
    Value::Object(paths)
}

/// The refusals that operations share.
pub fn responses() -> Value {
    let all = [
        ("400", "Malformed, of a wrong type, out of range, missing, unknown, or immutable and changed"),
        ("401", "No token, or one that is not known"),
        ("403", "The role does not reach; a field of the portal was sent; another project"),
        ("404", "No such thing"),
        ("409", "Something stands in the way: a duplicate, a user that owns a database, an instance being deleted"),
        ("413", "A body over 1 MiB"),
    ];
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    all.iter()
        .map(|(code, about)| (format!("E{code}"), json!({ "description": about, "content": { "application/json": { "schema": schema } } })))
        .collect::<Map<_, _>>()
        .into()
}

fn describe(operation: &Operation) -> Value {
    let Operation { path, method: _, about, takes, answers, refuses } = operation;
    let ids = path.split('/').filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> =
        ids.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } })).collect();
    parameters.extend(queries(takes));
    let mut described = json!({ "summary": about, "parameters": parameters });
    let content = match takes {
        Takes::Nothing | Takes::List(_) | Takes::Limit => None,
        Takes::Json(name) => Some(json!({ "application/json": { "schema": reference(name) } })),
        Takes::Yaml => Some(json!({ "application/yaml": { "schema": { "type": "string" } } })),
    };
    if let Some(content) = content {
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    let mut responses = successes(answers);
    for code in *refuses {
        responses.insert((*code).into(), json!({ "$ref": format!("#/components/responses/E{code}") }));
    }
    described["responses"] = responses.into();
    described
}

fn successes(answers: &Answers) -> Map<String, Value> {
    let with = |about: &str, kind: &str, schema: Value| json!({ "description": about, "content": { kind: { "schema": schema } } });
    let json_of = |schema| with("Done", "application/json", schema);
    let located = |mut answer: Value| {
        answer["headers"] = json!({ "Location": { "schema": { "type": "string" } } });
        answer
    };
    let paged = |mut answer: Value| {
        answer["headers"] =
            json!({ "X-Pagination-Limit": { "schema": { "type": "integer" } }, "X-Pagination-Marker": { "schema": { "type": "string", "format": "uuid" } } });
        answer
    };
    let list = |name| json!({ "type": "array", "items": reference(name) });
    let versions = json!({ "type": "object", "properties": { "versions": list("Version") } });
    let all = match answers {
        Answers::Nothing => vec![("204", json!({ "description": "Gone" }))],
        Answers::One(name) => vec![("200", json_of(reference(name)))],
        Answers::Made(name) => vec![("201", located(json_of(reference(name))))],
        Answers::List(name) => vec![("200", paged(json_of(list(name))))],
        Answers::Versions => vec![("200", paged(json_of(versions)))],
        Answers::Yaml => vec![("200", with("The document", "application/yaml", json!({ "type": "string" })))],
        Answers::Applied => vec![("200", json_of(reference("Applied"))), ("201", located(json_of(reference("Applied"))))],
    };
    all.into_iter().map(|(code, answer)| (code.to_owned(), answer)).collect()
}

fn queries(takes: &Takes) -> Vec<Value> {
    let query = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "query", "description": about, "schema": schema });
    let many = |schema: Value| json!({ "type": "array", "items": schema });
    let number = || json!({ "type": "integer", "minimum": 1 });
    match takes {
        Takes::Nothing | Takes::Json(_) => Vec::new(),
        Takes::Yaml => vec![query("dry_run", "Only check it and say what it would do.", json!({ "type": "boolean" }))],
        Takes::Limit => vec![query("page_limit", "At most so many.", number())],
        Takes::List(fields) => {
            let filterable = fields.iter().filter(|field| field.kind != Kind::Password);
            let filters = filterable.map(|field| query(field.name, "Equal to this; repeated: to any of these.", many(json!({ "type": "string" }))));
            let rest = [
                query("fields", "Only these fields, separated by commas.", json!({ "type": "string" })),
                query("sort_key", "In the order of this field; uuid unless sent.", many(json!({ "type": "string" }))),
                query("sort_dir", "The direction of each sort_key.", many(json!({ "enum": ["asc", "desc"] }))),
                query("page_limit", "At most so many.", number()),
                query("page_marker", "The uuid of the last one of the page before.", json!({ "type": "string", "format": "uuid" })),
            ];
            filters.chain(rest).collect()
        }
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
