//! From a wish to the object that stands for it. Pure.
//!
//! What the chart makes of it, and why it is written as it is:
//! - A password goes into a quoted here-document and from there between single quotes into `ALTER ROLE … PASSWORD '…'`. Nothing in a SCRAM verifier is
//!   special there, and PostgreSQL takes a verifier as it is, so no password is ever sent in clear.
//! - A user that is missing from the map is not reliably gone. Where psql is 16 or newer, the script looks for its own mark in a column that `\du+` does not
//!   have any more: the role stays, with its password and its rights. Where it is older, the role is dropped, which fails (and with it every later release)
//!   as soon as the user owns anything outside the database `postgres`. So a user that leaves the wish stays in the map, with a verifier that fits no
//!   password and as a member of nothing.
//! - A database that is missing from the map is dropped at once, with its sessions. Only what the portal put there and the wish does not have is taken away.
//! - Names of extensions are not quoted by the chart: those that need it bring their quotes along.
//! - A database without `roles` fails the release as soon as there is any user.

use super::{
    chart::{Chart, own_parts},
    crd::Postgres,
    mark::Mark,
};
use crate::{
    engine::{
        Verifiers,
        kube::{
            object::{OWNER, Object, Readable},
            parameters, yaml,
        },
    },
    secret::Verifier,
};
use domain::{Cluster, RoleName, database::Database, name::ExtensionName, quorum::Quorum, status::Reason};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A verifier that fits no password: nobody can find something whose hash is all zeros.
pub const LOCKED: &str =
    "SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What the object shall say, as far as the portal decides it; nulls where there shall be nothing. `there`: what is there now. The password of a user that has
/// no verifier yet is a reason to wait.
pub fn wish(cluster: &Cluster, verifiers: &Verifiers, chart: &Chart, there: Option<&Object<Postgres>>) -> Result<Value, Reason> {
    let before = there.map(|there| Mark::read(&there.meta)).unwrap_or_default();
    let mut mark = Mark { written: None, ..before.clone() };
    let mut users = Map::new();
    for (name, user) in &cluster.spec.users {
        let verifier = verifiers.get(name).ok_or_else(|| Reason::new("NoPassword", format!("The password of {name} is not known yet.")))?;
        mark.users.insert(name.to_string(), verifier.version);
        users.insert(name.to_string(), login(verifier, user.replication));
    }
    for gone in before.users.keys().filter(|name| !is_wished(cluster, name)) {
        let still = there.and_then(|there| there.body.map("users")).is_some_and(|users| users.contains_key(gone));
        if still {
            users.insert(gone.clone(), json!({"password": LOCKED, "replication": false}));
        } else {
            mark.users.remove(gone);
        }
    }
    let mut databases: Map<_, _> = cluster.spec.databases.iter().map(|(name, database)| (name.to_string(), self::database(database))).collect();
    mark.databases = cluster.spec.databases.keys().map(ToString::to_string).collect();
    for gone in before.databases.difference(&mark.databases) {
        databases.insert(gone.clone(), Value::Null);
    }
    let metadata = json!({"labels": {(OWNER): cluster.id.to_string()}, "annotations": mark.annotations()});
    let mut spec = shape(cluster, chart, there);
    spec.insert("users".into(), users.into());
    spec.insert("databases".into(), databases.into());
    Ok(json!({"metadata": metadata, "spec": spec}))
}

/// The whole object as it is created, without passwords, for people to read.
pub fn shown(cluster: &Cluster, namespace: &str, chart: &Chart) -> Value {
    let users: Map<_, _> = cluster.spec.users.iter().map(|(name, user)| (name.to_string(), json!({"replication": user.replication}))).collect();
    let databases: Map<_, _> = cluster.spec.databases.iter().map(|(name, database)| (name.to_string(), self::database(database))).collect();
    let mut spec = shape(cluster, chart, None);
    spec.insert("users".into(), users.into());
    spec.insert("databases".into(), databases.into());
    json!({
        "apiVersion": Postgres::KIND.api_version(), "kind": Postgres::KIND.kind,
        "metadata": {"name": cluster.name.as_str(), "namespace": namespace, "labels": {(OWNER): cluster.id.to_string()}},
        "spec": super::patch::whole(&spec.into()),
    })
}

/// The same as YAML.
pub fn yaml(cluster: &Cluster, namespace: &str, chart: &Chart) -> String {
    yaml::print(&shown(cluster, namespace, chart))
}

/// Everything but users and databases.
fn shape(cluster: &Cluster, chart: &Chart, there: Option<&Object<Postgres>>) -> Map<String, Value> {
    let wish = &cluster.spec;
    // Zero fits any number of instances, and the operator refuses a number that does not.
    let quorum = if wish.quorum.max < wish.instances { wish.quorum } else { Quorum::default() };
    let resources: Map<_, _> = own_parts(&wish.size).map(|(key, amount)| (key.to_owned(), amount.map_or(Value::Null, Value::String))).into_iter().collect();
    let spec = json!({
        "replicas": wish.instances,
        "resourcesPreset": chart.preset(wish.size.preset),
        "resources": resources,
        "size": wish.storage.to_string(),
        "storageClass": wish.storage_class,
        "external": wish.external,
        "postgresql": {"parameters": parameters(cluster, chart, there)},
        "quorum": {"minSyncReplicas": quorum.min, "maxSyncReplicas": quorum.max},
    });
    let mut spec = match spec {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    if chart.majors.is_some() {
        spec.insert("version".into(), wish.version.to_string().into());
    }
    spec
}

/// `max_connections` is always said: the API shows its default when nobody says it, and then taking it away would never end. So is what follows from the
/// size: PostgreSQL's own 128 MB of shared buffers are all the memory that the smallest instance has.
fn parameters(cluster: &Cluster, chart: &Chart, there: Option<&Object<Postgres>>) -> Map<String, Value> {
    let wished = if chart.takes_parameters() { parameters::parameters(&cluster.spec) } else { BTreeMap::new() };
    let now = there.and_then(|there| there.body.map("postgresql")).and_then(|postgresql| postgresql.get("parameters")).and_then(Value::as_object);
    let gone = now.into_iter().flat_map(Map::keys).filter(|name| !wished.contains_key(name.as_str())).map(|name| (name.clone(), Value::Null));
    let mut all: Map<_, _> = gone.collect();
    all.insert("max_connections".into(), cluster.spec.max_connections().to_string().into());
    all.extend(wished.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    all
}

fn login(verifier: &Verifier, replication: bool) -> Value {
    json!({"password": verifier.scram, "replication": replication})
}

fn is_wished(cluster: &Cluster, name: &str) -> bool {
    name.parse::<RoleName>().is_ok_and(|name| cluster.spec.users.contains_key(&name))
}

/// The chart gives every database to `<db>_admin`, so who shall own it becomes a member of that.
fn database(wish: &Database) -> Value {
    let admin: BTreeSet<&str> = wish.roles.admin.iter().chain(&wish.owner).map(RoleName::as_str).collect();
    let readonly: Vec<&str> = wish.roles.readonly.iter().map(RoleName::as_str).filter(|name| !admin.contains(name)).collect();
    // The script makes them one after the other, in this order, and none along with another.
    let needs = wish.extensions.iter().filter(|name| name.as_str() == "earthdistance").map(|_| "cube");
    let extensions: BTreeSet<&str> = wish.extensions.iter().map(ExtensionName::as_str).chain(needs).collect();
    let extensions: Vec<String> = extensions.into_iter().map(quoted).collect();
    json!({"roles": {"admin": admin, "readonly": readonly}, "extensions": extensions})
}

fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{name}\"") }
}
