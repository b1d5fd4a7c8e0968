//! What is asked for once and not kept up: a restart, a switchover. Pure: from what the Cluster notes as done to the next patch.

use super::{
    build::{RESTARTS, SWITCHOVER},
    crd::{self, HEALTHY},
    observe::ordinal,
    world::World,
};
use crate::engine::kube::object::Object;
use domain::{Cluster, Timestamp, spec::Power, status::Reason};
use serde_json::{Value, json};

/// What the operator compares pods with.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// The next act.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// All that was asked for is done.
    Nothing,
    /// Its time has not come.
    Wait(Reason),
    /// It cannot be done.
    Refuse(Reason),
    /// These annotations, and what that does.
    Annotate(Value, String),
    /// This patch of the status, then these annotations, and what that does.
    Switch(Value, Value, String),
}

/// The next act, if one is due.
pub fn next(cluster: &Cluster, object: &Object<crd::Cluster>, world: &World) -> Next {
    if cluster.spec.power == Power::Off {
        return Next::Nothing;
    }
    let count = |name: &str| object.meta.annotation(name).and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
    if count(RESTARTS) < cluster.spec.restarts {
        let annotations = json!({ RESTARTED_AT: Timestamp::now().to_string(), RESTARTS: cluster.spec.restarts.to_string() });
        return Next::Annotate(annotations, "A restart of every instance was asked for.".into());
    }
    match cluster.spec.switchover {
        Some(switchover) if count(SWITCHOVER) < switchover.serial => switch(cluster, object, world, switchover.to, switchover.serial),
        Some(_) | None => Next::Nothing,
    }
}

fn switch(cluster: &Cluster, object: &Object<crd::Cluster>, world: &World, to: u8, serial: u32) -> Next {
    let status = &object.body.status;
    let done = json!({ SWITCHOVER: serial.to_string() });
    let target = world.pods.iter().map(|pod| pod.meta.name.as_str()).find(|name| ordinal(cluster, name) == Some(to));
    if ordinal(cluster, &status.current_primary) == Some(to) && status.current_primary == status.target_primary {
        return Next::Annotate(done, format!("{} is the primary.", status.current_primary));
    }
    if status.phase != HEALTHY || status.current_primary != status.target_primary {
        return Next::Wait(Reason::new("SwitchoverWaits", "The switchover waits until the cluster is healthy."));
    }
    let Some(target) = target else {
        let message = format!("There is no instance {to} to become the primary. Choose one of those that are there.");
        return Next::Refuse(Reason::new("NoSuchInstance", message));
    };
    if !status.instances_status.get("healthy").is_some_and(|names| names.iter().any(|name| name == target)) {
        return Next::Wait(Reason::new("SwitchoverWaits", format!("The switchover waits until {target} is healthy.")));
    }
    let patch = json!({
        // Whoever changed it meanwhile, the operator above all, knows better: then we look again.
        "metadata": { "resourceVersion": object.meta.version },
        "status": {
            "targetPrimary": target,
            "targetPrimaryTimestamp": Timestamp::now().to_string(),
            "phase": "Switchover in progress",
            "phaseReason": format!("Switching over to {target}"),
        },
    });
    Next::Switch(patch, done, format!("{target} becomes the primary."))
}
