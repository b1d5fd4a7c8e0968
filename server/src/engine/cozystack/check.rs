//! What would fail late, silently or for good, said before anything is written: the API takes everything, and a release that fails holds up every later
//! change for minutes. Pure.

use super::{chart::Chart, crd::Postgres, mark::Mark};
use crate::engine::kube::{object::Object, parameters};
use domain::{
    Cluster, FieldError, Spec,
    name::{DatabaseName, ExtensionName, RoleName},
    parameter,
    quantity::Bytes,
    quorum::Durability,
    spec::Power,
    status::Reason,
    version::Major,
};

/// Longest database name, so that PostgreSQL does not cut `<db>_readonly`: the chart would try to make it again each time, and fail.
const DATABASE_MAX: usize = 63 - "_readonly".len();
/// The script that makes users and databases is one Secret, and Kubernetes takes no larger one; the rest is for what grows with names.
const SCRIPT_MAX: usize = 900_000;
/// Login roles that the operator makes, and gives its own password back.
const OPERATORS: [&str; 2] = ["app", "streaming_replica"];

/// Why a wish cannot be had here; none: it may be tried. `classes`: storage classes that there are; empty: not known.
pub fn refusal(cluster: &Cluster, chart: &Chart, classes: &[String], there: Option<&Object<Postgres>>) -> Option<Reason> {
    let spec = &cluster.spec;
    if spec.power == Power::Off {
        return Some(Reason::new("CannotPause", "Cozystack has no way to stop a cluster and keep its data. Resume it, or delete it."));
    }
    if spec.quorum.durability == Durability::Required {
        return Some(Reason::new(
            "CannotWait",
            "On Cozystack writes never wait for replicas that are missing. Ask for self-healing synchronous replication instead.",
        ));
    }
    // One that is there goes on with a version that is not offered any more.
    if there.is_none() && !chart.offered().contains(&spec.version) {
        let offered: Vec<_> = chart.offered().iter().map(Major::to_string).collect();
        return Some(Reason::new("VersionNotOffered", format!("PostgreSQL {} cannot be had here; on offer: {}.", spec.version, offered.join(", "))));
    }
    if !spec.storage_class.is_empty() && !classes.is_empty() && !classes.contains(&spec.storage_class) && there.is_none() {
        return Some(Reason::new(
            "NoStorageClass",
            format!("The storage class {} does not exist here; there are: {}.", spec.storage_class, classes.join(", ")),
        ));
    }
    let (_, reason) = inside(cluster, chart).into_iter().next().unzip();
    reason.or_else(|| script(cluster, there)).or_else(|| grown(cluster, there?))
}

/// What of a wish is known to fail whatever is there, each at its field: for whoever wishes, before it is saved. What the offer excludes is left to that.
pub fn early(cluster: &Cluster, chart: &Chart) -> Vec<FieldError> {
    let long = script(cluster, None).map(|reason| ("databases".to_owned(), reason));
    inside(cluster, chart).into_iter().chain(long).map(|(field, reason)| FieldError::new(field, reason.message)).collect()
}

/// Users, databases, extensions and parameters that cannot be had, each with its field.
fn inside(cluster: &Cluster, chart: &Chart) -> Vec<(String, Reason)> {
    let spec = &cluster.spec;
    let users = spec.users.keys().filter_map(|name| Some((format!("users.{name}"), user(name)?)));
    let databases = spec.databases.keys().filter_map(|name| Some((format!("databases.{name}"), database(name)?)));
    let extensions = spec.databases.iter().flat_map(|(name, wish)| {
        let at = format!("databases.{name}.extensions");
        wish.extensions.iter().filter_map(move |wanted| Some((at.clone(), extension(wanted, spec)?)))
    });
    users.chain(databases).chain(extensions).chain(impossible(cluster, chart)).collect()
}

fn user(name: &RoleName) -> Option<Reason> {
    let text = name.as_str();
    let why = if text.contains('$') {
        "the chart puts the name into a shell script, where $ means something else"
    } else if OPERATORS.contains(&text) || text.starts_with("cnpg_") {
        "the operator keeps this name for itself and would set its own password again"
    } else {
        return None;
    };
    Some(Reason::new("UserNotPossible", format!("A user cannot be named {name} here: {why}. Choose another name.")))
}

fn database(name: &DatabaseName) -> Option<Reason> {
    let long = name.as_str().len() > DATABASE_MAX;
    long.then(|| {
        Reason::new(
            "DatabaseNotPossible",
            format!("{name}: a database name has at most {DATABASE_MAX} characters here, because of its group roles. Choose a shorter one."),
        )
    })
}

/// What needs a library that is not loaded. Quotes are added where a name needs them, so every other name will do.
fn extension(name: &ExtensionName, spec: &Spec) -> Option<Reason> {
    let text = name.as_str();
    if ["pg_cron", "timescaledb", "citus"].contains(&text) {
        return Some(Reason::new("ExtensionNotPossible", format!("{name} needs a library that is loaded at start, which Cozystack does not allow.")));
    }
    // The operator loads its library as soon as one of its parameters is set; without the library, making the extension fails.
    let audits = text == "pgaudit" && !spec.parameters.0.keys().any(|parameter| parameter.starts_with("pgaudit."));
    audits.then(|| Reason::new("ExtensionNotPossible", "pgaudit works once one of its parameters is set, as in pgaudit.log = ddl. Set that first."))
}

fn impossible(cluster: &Cluster, chart: &Chart) -> Option<(String, Reason)> {
    let spec = &cluster.spec;
    let refused = |name: &str, why: String| Some((format!("parameters.{name}"), Reason::new("ParameterNotPossible", why)));
    for (name, value) in &spec.parameters.0 {
        if !chart.takes_parameters() && name != "max_connections" {
            return refused(name, format!("This platform's chart drops every parameter but max_connections without a word. Remove {name}."));
        }
        if let Some(why) = parameter::refusal(name, value) {
            return refused(name, why);
        }
    }
    parameters::refused(spec).and_then(|(name, why)| refused(&name, why))
}

/// How long the script will be, about: as measured on the chart, with 30 characters for a name.
fn script(cluster: &Cluster, there: Option<&Object<Postgres>>) -> Option<Reason> {
    let count = |key: &str| there.and_then(|there| there.body.map(key)).map_or(0, serde_json::Map::len);
    let users = cluster.spec.users.len().max(count("users"));
    let databases = cluster.spec.databases.len().max(count("databases"));
    let size = 3_000 + 460 * users + 6_600 * databases + 110 * users * databases;
    (size > SCRIPT_MAX).then(|| {
        let words = "Cozystack makes all of them by one script, which must fit into 1 MB. Spread them over several clusters";
        Reason::new("TooMany", format!("{users} users and {databases} databases are too many for one cluster here: {words}."))
    })
}

/// What was made larger or newer by hand and cannot go back.
fn grown(cluster: &Cluster, there: &Object<Postgres>) -> Option<Reason> {
    let text = |key: &str| there.body.spec.get(key).and_then(serde_json::Value::as_str);
    if let Some(size) = text("size").and_then(|size| size.parse::<Bytes>().ok())
        && size > cluster.spec.storage
    {
        let words = "volumes never shrink. Ask for that much here too";
        return Some(Reason::new("StorageGrown", format!("Somebody made the volumes larger ({size} instead of {}): {words}.", cluster.spec.storage)));
    }
    if let Some(version) = text("version").and_then(|version| version.parse::<Major>().ok())
        && version > cluster.spec.version
    {
        return Some(Reason::new(
            "VersionRaised",
            format!(
                "Somebody raised the version to {version}: there is no way back to {}. Restore a backup into a new cluster, or delete this one.",
                cluster.spec.version
            ),
        ));
    }
    None
}

/// Users and databases that somebody else put into the object: never touched, only told.
pub fn foreign(cluster: &Cluster, there: &Object<Postgres>) -> (Vec<String>, Vec<String>) {
    let mark = Mark::read(&there.meta);
    let names = |key: &str| there.body.map(key).into_iter().flat_map(serde_json::Map::keys).cloned().collect::<Vec<_>>();
    let wished = |name: &String| name.parse::<RoleName>().is_ok_and(|name| cluster.spec.users.contains_key(&name));
    let users = names("users").into_iter().filter(|name| !mark.users.contains_key(name) && !wished(name)).collect();
    let wished = |name: &String| name.parse::<DatabaseName>().is_ok_and(|name| cluster.spec.databases.contains_key(&name));
    let databases = names("databases").into_iter().filter(|name| !mark.databases.contains(name) && !wished(name)).collect();
    (users, databases)
}
