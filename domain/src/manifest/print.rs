//! A wish as YAML. Written by hand so that the browser can show it without carrying a YAML library.

use super::{API_VERSION, KIND, annotation};
use crate::{
    Cluster, PlaceName, RoleName, Spec,
    quorum::Durability,
    spec::{Backup, Power},
    topology::Topology,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Prints the document of a cluster as YAML. Passwords are never in it.
pub fn print(cluster: &Cluster) -> String {
    print_in(Some(&cluster.place), cluster.name.as_str(), &cluster.spec)
}

/// Prints a wish as the document of a cluster of that name, which need not be a valid one yet.
pub fn print_spec(name: &str, spec: &Spec) -> String {
    print_in(None, name, spec)
}

/// As [`print_spec`], for a place. `local` goes without saying.
pub fn print_in(place: Option<&PlaceName>, name: &str, spec: &Spec) -> String {
    let mut out = Yaml::default();
    out.line(0, &format!("apiVersion: {API_VERSION}"));
    out.line(0, &format!("kind: {KIND}"));
    out.line(0, "metadata:");
    out.line(1, &format!("name: {}", scalar(name)));
    out.map(1, "labels", spec.labels.iter().map(|(k, v)| (k.clone(), scalar(v))));
    out.map(1, "annotations", annotations(place, name, spec).into_iter().map(|(k, v)| (k, scalar(&v))));
    out.line(0, "spec:");
    out.line(1, &format!("replicas: {}", spec.instances));
    out.line(1, &format!("resourcesPreset: {}", scalar(spec.size.preset.name())));
    let cpu = spec.size.cpu.map(|cpu| ("cpu".to_owned(), cpu.to_string()));
    let memory = spec.size.memory.map(|memory| ("memory".to_owned(), memory.to_string()));
    out.map(1, "resources", cpu.into_iter().chain(memory));
    out.line(1, &format!("size: {}", spec.storage));
    if !spec.storage_class.is_empty() {
        out.line(1, &format!("storageClass: {}", scalar(&spec.storage_class)));
    }
    out.line(1, &format!("external: {}", spec.external));
    out.line(1, &format!("version: {}", spec.version));
    if !spec.parameters.0.is_empty() {
        out.line(1, "postgresql:");
        out.map(2, "parameters", spec.parameters.0.iter().map(|(name, value)| (name.clone(), number_or(value))));
    }
    let quorum = [("minSyncReplicas", spec.quorum.min), ("maxSyncReplicas", spec.quorum.max)];
    out.map(1, "quorum", quorum.map(|(key, value)| (key.to_owned(), value.to_string())).into_iter());
    users(&mut out, spec);
    databases(&mut out, spec);
    backup(&mut out, &spec.backup);
    out.0
}

fn annotations(place: Option<&PlaceName>, name: &str, spec: &Spec) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut add = |key: &str, value: &str| all.insert(key.to_owned(), value.to_owned());
    if let Some(place) = place.filter(|place| **place != PlaceName::local()) {
        add(annotation::PLACE, place.as_str());
    }
    if spec.title.as_str() != name {
        add(annotation::TITLE, spec.title.as_str());
    }
    if !spec.description.as_str().is_empty() {
        add(annotation::DESCRIPTION, spec.description.as_str());
    }
    if spec.topology != Topology::for_instances(spec.instances) {
        add(annotation::TOPOLOGY, spec.topology.name());
    }
    if spec.quorum.durability == Durability::Required {
        add(annotation::DURABILITY, "required");
    }
    if spec.power == Power::Off {
        add(annotation::POWER, "off");
    }
    for (database, owner) in spec.databases.iter().filter_map(|(name, d)| d.owner.as_ref().map(|owner| (name, owner))) {
        add(&format!("{}{database}", annotation::OWNER), owner.as_str());
    }
    all
}

fn users(out: &mut Yaml, spec: &Spec) {
    if spec.users.is_empty() {
        return;
    }
    out.line(1, "users:");
    for (name, user) in &spec.users {
        if user.replication {
            out.line(2, &format!("{}:", scalar(name.as_str())));
            out.line(3, "replication: true");
        } else {
            out.line(2, &format!("{}: {{}}", scalar(name.as_str())));
        }
    }
}

fn databases(out: &mut Yaml, spec: &Spec) {
    if spec.databases.is_empty() {
        return;
    }
    out.line(1, "databases:");
    for (name, database) in &spec.databases {
        out.line(2, &format!("{}:", scalar(name.as_str())));
        if database.roles.admin.is_empty() && database.roles.readonly.is_empty() {
            // Spelled out: Cozystack's chart fails where it is missing.
            out.line(3, "roles: {}");
        } else {
            out.line(3, "roles:");
            members(out, "admin", &database.roles.admin);
            members(out, "readonly", &database.roles.readonly);
        }
        out.list(3, "extensions", database.extensions.iter().map(|e| scalar(e.as_str())));
    }
}

fn members(out: &mut Yaml, group: &str, names: &BTreeSet<RoleName>) {
    out.list(4, group, names.iter().map(|name| scalar(name.as_str())));
}

fn backup(out: &mut Yaml, backup: &Backup) {
    let fields = [
        ("schedule", &backup.schedule),
        ("retentionPolicy", &backup.retention_policy),
        ("destinationPath", &backup.destination_path),
        ("endpointURL", &backup.endpoint_url),
    ];
    let given = fields.into_iter().filter_map(|(key, value)| value.as_ref().map(|value| (key.to_owned(), scalar(value))));
    out.map(1, "backup", given);
}

#[derive(Default)]
struct Yaml(String);

impl Yaml {
    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{:width$}{text}", "", width = depth * 2);
    }

    /// A map whose values are ready; nothing when it is empty.
    fn map(&mut self, depth: usize, key: &str, entries: impl Iterator<Item = (String, String)>) {
        for (i, (name, value)) in entries.enumerate() {
            if i == 0 {
                self.line(depth, &format!("{key}:"));
            }
            self.line(depth + 1, &format!("{}: {value}", scalar(&name)));
        }
    }

    /// A list whose items are ready; nothing when it is empty.
    fn list(&mut self, depth: usize, key: &str, items: impl Iterator<Item = String>) {
        for (i, item) in items.enumerate() {
            if i == 0 {
                self.line(depth, &format!("{key}:"));
            }
            self.line(depth, &format!("- {item}"));
        }
    }
}

/// A string that every YAML reader takes for that string: plain where that is beyond doubt, else quoted as in JSON.
fn scalar(text: &str) -> String {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "true", "false", "on", "off", "null", "nan", "inf"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    // Some readers take `_0` for a number.
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts && text.chars().all(plain) && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() || ('\u{2028}'..='\u{2029}').contains(&c) || c == '\u{feff}' => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A parameter's value: whole numbers as numbers, all else as strings.
fn number_or(value: &str) -> String {
    match value.parse::<i64>() {
        Ok(number) if number.to_string() == value => value.to_owned(),
        _ => scalar(value),
    }
}
