//! The rules that every wish keeps.

use super::{MAX_INSTANCES, Spec};
use crate::{
    error::FieldError,
    name::Group,
    parameter,
    quantity::{Bytes, Cpu},
    quorum::Durability,
    topology::Topology,
};
use std::collections::BTreeSet;

const CPU: std::ops::RangeInclusive<Cpu> = Cpu::millis(100)..=Cpu::millis(128_000);
const MEMORY: std::ops::RangeInclusive<Bytes> = Bytes::mib(128)..=Bytes::mib(1_048_576);
const STORAGE: std::ops::RangeInclusive<Bytes> = Bytes::gib(1)..=Bytes::gib(1024);

pub(super) fn all(spec: &Spec) -> Vec<FieldError> {
    let mut errors = Errors(Vec::new());
    shape(spec, &mut errors);
    quorum(spec, &mut errors);
    databases(spec, &mut errors);
    labels(spec, &mut errors);
    for (name, value) in &spec.parameters.0 {
        if let Some(why) = parameter::refusal(name, value) {
            errors.add(format!("parameters.{name}"), why);
        }
        if *name != name.to_ascii_lowercase() {
            errors.add(format!("parameters.{name}"), "Parameter names are written in lower case.");
        }
        // One for each replica, and two for copies and people.
        let least = u32::from(spec.instances).saturating_add(1).max(10);
        if ["max_wal_senders", "max_replication_slots"].contains(&name.as_str()) && value.trim().parse::<u32>().is_ok_and(|n| (10..least).contains(&n)) {
            errors.add(format!("parameters.{name}"), format!("At least {least} with {} instances: each replica needs one, and copies two.", spec.instances));
        }
    }
    errors.0
}

struct Errors(Vec<FieldError>);

impl Errors {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError::new(field, message));
    }
}

fn shape(spec: &Spec, errors: &mut Errors) {
    if !(1..=MAX_INSTANCES).contains(&spec.instances) {
        errors.add("instances", "From 1 to 16 instances, the primary included.");
    }
    if spec.topology == Topology::Standalone && spec.instances > 1 {
        errors.add("instances", "A standalone cluster has one instance; choose the replicated topology for more.");
    }
    if !CPU.contains(&spec.size.cpu()) {
        errors.add("cpu", "From 100m to 128 cores.");
    }
    if !MEMORY.contains(&spec.size.memory()) {
        errors.add("memory", "From 128Mi to 1Ti (1048576Mi).");
    }
    if !STORAGE.contains(&spec.storage) {
        errors.add("storage", "From 1Gi to 1024Gi.");
    }
    if let Some(switchover) = spec.switchover
        && !(1..=MAX_INSTANCES).contains(&switchover.to)
    {
        errors.add("primary", "Instances are numbered from 1 to 16.");
    }
    if spec.storage_class.len() > 253 || !spec.storage_class.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.') {
        errors.add("storage_class", "A storage class has lower-case letters, digits, hyphens and dots.");
    }
}

fn quorum(spec: &Spec, errors: &mut Errors) {
    let quorum = spec.quorum;
    if quorum.min > quorum.max {
        errors.add("quorum.min", "The minimum is not above the maximum.");
    }
    match quorum.durability {
        Durability::Required if quorum.min != quorum.max => {
            errors.add("quorum.min", "Strict synchronous replication has one number: minimum and maximum are equal.")
        }
        // A single instance has nobody to wait for: the number is kept for when it grows.
        Durability::Required if spec.instances == 1 && quorum.max < MAX_INSTANCES => {}
        Durability::Required if quorum.max >= spec.instances => {
            errors.add("sync_replica_number", format!("Writes would wait for ever: {} replicas cannot confirm with {} instances.", quorum.max, spec.instances));
        }
        Durability::Preferred if quorum.max >= spec.instances && quorum.max > 0 => {
            errors.add("quorum.max", format!("The maximum is below the number of instances ({}).", spec.instances));
        }
        Durability::Required | Durability::Preferred => {}
    }
}

fn databases(spec: &Spec, errors: &mut Errors) {
    let groups: BTreeSet<String> = spec.databases.keys().flat_map(|db| [db.group(Group::Admin), db.group(Group::Readonly)]).collect();
    for (name, database) in &spec.databases {
        for user in database.users().filter(|user| !spec.users.contains_key(*user)) {
            errors.add(format!("databases.{name}"), format!("{user} is not a user of this cluster."));
        }
        for user in database.roles.admin.intersection(&database.roles.readonly) {
            errors.add(format!("databases.{name}.roles"), format!("{user} is in both admin and readonly; admin includes reading."));
        }
    }
    for user in spec.users.keys().filter(|user| groups.contains(user.as_str())) {
        errors.add(format!("users.{user}"), format!("{user} is the name of a group role of one of the databases; choose another."));
    }
    if spec.users.len() > 1000 {
        errors.add("users", "At most 1000 users.");
    }
    if spec.databases.len() > 500 {
        errors.add("databases", "At most 500 databases.");
    }
}

fn labels(spec: &Spec, errors: &mut Errors) {
    if spec.labels.len() > 64 {
        errors.add("labels", "At most 64 labels.");
    }
    for (key, value) in &spec.labels {
        let fits = |text: &str, max| text.len() <= max && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        if key.is_empty() || !fits(key, 253) || !fits(value, 63) {
            errors.add(format!("labels.{key}"), "Labels have letters, digits, - _ . and /; a value has at most 63 characters.");
        }
    }
}
