//! From text to a [`Document`]: every error at once, each at its field and line.

use super::{
    API_VERSION, Document, KIND, Open, annotation,
    value::{At, parsed},
};
use crate::{
    ClusterName, Error, Spec, Timestamp, Uuid,
    database::{Database, Grants},
    error::FieldError,
    name::{DatabaseName, ExtensionName, RoleName},
    quorum::{Durability, Quorum},
    spec::{Backup, Power},
    topology::Topology,
    user::User,
    version::Major,
};
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// Written by API servers; carries no wish.
const METADATA: &[&str] = &[
    "name",
    "namespace",
    "labels",
    "annotations",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "finalizers",
    "ownerReferences",
];
const SPEC: &[&str] = &[
    "replicas",
    "resources",
    "resourcesPreset",
    "size",
    "storageClass",
    "external",
    "version",
    "postgresql",
    "quorum",
    "users",
    "databases",
    "backup",
    "bootstrap",
];

pub(super) fn document(text: &str) -> Result<Document, Error> {
    let value: Value = serde_saphyr::from_str(text).map_err(|e| syntax(&e))?;
    if !value.is_object() {
        return Err(Error::invalid("line 1", "A document with apiVersion, kind, metadata and spec belongs here."));
    }
    let errors = RefCell::new(Vec::new());
    let document = whole(&At::root(&value, &errors));
    let mut errors = errors.into_inner();
    if let (Some(document), true) = (document, errors.is_empty()) {
        return Ok(document);
    }
    if errors.is_empty() {
        errors.push(FieldError::new("metadata.name", "A name is needed."));
    }
    Err(Error::Invalid(errors.into_iter().map(|error| with_line(text, error)).collect()))
}

fn syntax(error: &serde_saphyr::Error) -> Error {
    let line = error.location().map_or(1, |l| l.line().max(1));
    // The library's text repeats the place, and quotes lines of the input, which may hold a password.
    let whole = error.to_string();
    let first = whole.lines().next().unwrap_or_default();
    let what = first.strip_prefix("error: ").unwrap_or(first).split(" at line").next().unwrap_or_default();
    let words: String = what.chars().filter(|c| !c.is_control()).take(160).collect();
    Error::invalid(format!("line {line}"), format!("This is not YAML that can be read: {words}."))
}

fn whole(root: &At) -> Option<Document> {
    root.only(&["apiVersion", "kind", "metadata", "spec", "status"]);
    for (key, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        let at = root.key(key);
        if at.text().as_deref() != Some(expected) {
            at.fail(format!("Must be {expected}."));
        }
    }
    let metadata = root.key("metadata");
    metadata.only(METADATA);
    let at = metadata.key("name");
    if at.is_absent() {
        at.fail("A name is needed.");
    }
    let name: ClusterName = at.parse()?;
    let mut document = Document {
        spec: Spec::new(&name, Major::ALL[0]),
        name,
        place: None,
        open: Open { version: root.key("spec").key("version").is_absent(), labels: metadata.key("labels").is_absent(), ..Open::default() },
        allow_drop: BTreeSet::new(),
        passwords: BTreeMap::new(),
    };
    for (key, at) in metadata.key("labels").entries() {
        document.spec.labels.insert(key, at.text().unwrap_or_default());
    }
    spec(&root.key("spec"), &mut document);
    for (key, at) in metadata.key("annotations").entries() {
        note(&key, &at, &mut document);
    }
    Some(document)
}

fn note(key: &str, at: &At, document: &mut Document) {
    let Some(text) = at.text() else { return };
    match key {
        annotation::ALLOW_DROP => document.allow_drop.extend(text.split(',').filter_map(|name| parsed::<DatabaseName>(at, name.trim()))),
        annotation::PLACE => document.place = at.parse(),
        annotation::TITLE => document.open.title = at.parse(),
        annotation::DESCRIPTION => document.open.description = at.parse(),
        annotation::TOPOLOGY => document.open.topology = at.parse::<Topology>(),
        annotation::DURABILITY if text == "required" => document.spec.quorum.durability = Durability::Required,
        annotation::DURABILITY if text == "preferred" => {}
        annotation::DURABILITY => at.fail("One of preferred, required."),
        annotation::POWER if text == "on" => document.open.power = Some(Power::On),
        annotation::POWER if text == "off" => document.open.power = Some(Power::Off),
        annotation::POWER => at.fail("One of on, off, in quotes."),
        _ => match key.strip_prefix(annotation::OWNER) {
            Some(database) => {
                if let (Some(database), Some(owner)) = (parsed::<DatabaseName>(at, database), at.parse::<RoleName>()) {
                    document.open.owners.insert(database, owner);
                }
            }
            None if key.starts_with("howdah.dev/") => at.fail("Not an annotation that Howdah knows."),
            // Other tools' annotations are none of ours.
            None => {}
        },
    }
}

fn spec(at: &At, document: &mut Document) {
    at.only(SPEC);
    let spec = &mut document.spec;
    spec.instances = at.key("replicas").count().unwrap_or(2);
    spec.size.preset = at.key("resourcesPreset").parse().unwrap_or_default();
    let resources = at.key("resources");
    resources.only(&["cpu", "memory"]);
    spec.size.cpu = resources.key("cpu").parse();
    spec.size.memory = resources.key("memory").parse();
    spec.storage = at.key("size").parse().unwrap_or(spec.storage);
    spec.storage_class = at.key("storageClass").text().unwrap_or_default();
    spec.external = at.key("external").flag().unwrap_or_default();
    spec.version = at.key("version").parse().unwrap_or(spec.version);
    let postgresql = at.key("postgresql");
    postgresql.only(&["parameters"]);
    for (name, at) in postgresql.key("parameters").entries() {
        spec.parameters.0.insert(name, at.setting().unwrap_or_default());
    }
    let quorum = at.key("quorum");
    quorum.only(&["minSyncReplicas", "maxSyncReplicas"]);
    let number = |key| quorum.key(key).count().unwrap_or_default();
    spec.quorum = Quorum::healing(number("minSyncReplicas"), number("maxSyncReplicas"));
    spec.backup = backup(&at.key("backup"));
    let bootstrap = at.key("bootstrap");
    bootstrap.only(&["enabled", "oldName", "recoveryTime", "serverName"]);
    if bootstrap.key("enabled").flag() == Some(true) {
        bootstrap.key("enabled").fail("Restoring from another cluster's backups is not offered here yet.");
    }
    users(&at.key("users"), document);
    databases(&at.key("databases"), document);
}

fn backup(at: &At) -> Backup {
    at.only(&["enabled", "schedule", "retentionPolicy", "destinationPath", "endpointURL", "s3AccessKey", "s3SecretKey"]);
    if at.key("enabled").flag() == Some(true) {
        at.key("enabled").fail("Backups are not offered here yet: leave this false.");
    }
    for key in ["s3AccessKey", "s3SecretKey"] {
        if at.key(key).text().is_some_and(|text| !text.is_empty()) {
            at.key(key).fail("Keys are not kept while backups are off: leave this out.");
        }
    }
    Backup {
        schedule: line(&at.key("schedule")),
        retention_policy: line(&at.key("retentionPolicy")),
        destination_path: line(&at.key("destinationPath")),
        endpoint_url: line(&at.key("endpointURL")),
    }
}

/// One line of text that is kept as it is.
fn line(at: &At) -> Option<String> {
    let text = at.text()?;
    if text.chars().count() > 1024 || text.chars().any(char::is_control) {
        at.fail("One line of at most 1024 characters, none of them a control character.");
        return None;
    }
    Some(text)
}

fn users(at: &At, document: &mut Document) {
    for (name, at) in at.entries() {
        at.only(&["password", "replication"]);
        let Some(name) = parsed::<RoleName>(&at, &name) else { continue };
        let replication = at.key("replication").flag().unwrap_or_default();
        let now = Timestamp::UNIX_EPOCH;
        let user = User { id: Uuid::nil(), replication, password_version: 1, description: Default::default(), created_at: now, updated_at: now };
        let password = at.key("password");
        match password.string() {
            Some(text) if text.is_empty() => {}
            Some(text) if text.chars().count() > 99 || text.chars().any(char::is_control) => {
                password.fail("A password has at most 99 characters, none of them a control character.");
            }
            Some(text) => _ = document.passwords.insert(name.clone(), text),
            None => {}
        }
        document.spec.users.insert(name, user);
    }
}

fn databases(at: &At, document: &mut Document) {
    for (name, at) in at.entries() {
        at.only(&["roles", "extensions"]);
        let Some(name) = parsed::<DatabaseName>(&at, &name) else { continue };
        let roles = at.key("roles");
        roles.only(&["admin", "readonly"]);
        let members = |key: &str| roles.key(key).items().iter().filter_map(At::parse::<RoleName>).collect();
        let now = Timestamp::UNIX_EPOCH;
        let database = Database {
            id: Uuid::nil(),
            owner: None,
            roles: Grants { admin: members("admin"), readonly: members("readonly") },
            extensions: at.key("extensions").items().iter().filter_map(extension).collect(),
            description: Default::default(),
            created_at: now,
            updated_at: now,
        };
        document.spec.databases.insert(name, database);
    }
}

/// An extension's name. Documents written for Cozystack carry their own double quotes around `uuid-ossp`.
fn extension(at: &At) -> Option<ExtensionName> {
    let text = at.text()?;
    parsed(at, text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(&text))
}

/// The error with the line of its field in words, as far as indentation tells it.
fn with_line(text: &str, error: FieldError) -> FieldError {
    match line_of(text, &error.field) {
        Some(line) => FieldError { message: format!("{} (line {line})", error.message), ..error },
        None => error,
    }
}

/// The line, from 1, of the deepest part of a dotted path that block-style YAML shows. Keys with dots in them end the search early.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let mut found = None;
    let mut from = 0;
    let mut depth = -1;
    for key in path.split('.') {
        let mut inner = None;
        for (number, line) in text.lines().enumerate().skip(from) {
            let trimmed = line.trim_start();
            let indent = isize::try_from(line.len() - trimmed.len()).unwrap_or(isize::MAX);
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if indent <= depth {
                break;
            }
            let start = trimmed.trim_start_matches(['"', '\'']);
            if start.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':')) {
                inner = Some((number, indent));
                break;
            }
        }
        let Some((number, indent)) = inner else { break };
        (found, from, depth) = (Some(number + 1), number + 1, indent);
    }
    found
}
