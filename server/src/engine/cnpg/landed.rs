//! Whether what the Cluster object says is so: pure. The operator does not say which wish its status is about, so every facet is looked at by itself.

use super::{
    act::RESTARTED_AT,
    crd::{self, HEALTHY, HIBERNATION},
    world::World,
};
use crate::engine::kube::object::Object;
use domain::{
    Cluster,
    observed::Progress,
    quantity::{Bytes, Cpu},
    spec::Power,
    status::Reason,
};

/// Phases in which the operator waits for a person.
const STUCK: [&str; 8] = [
    "Waiting for user action",
    "Cluster is unrecoverable and needs manual intervention",
    "Invalid cluster definition",
    "Unable to create required cluster objects",
    "Cluster has incomplete or invalid image catalog",
    "Cluster cannot execute instance online upgrade due to missing architecture binary",
    "Cluster cannot proceed to reconciliation due to an unknown plugin being required",
    "Cluster cannot proceed to reconciliation due to an error while interacting with plugins",
];

/// How far it has come.
pub fn progress(cluster: &Cluster, object: &Object<crd::Cluster>, world: &World) -> Progress {
    let status = &object.body.status;
    let working = |code: &str, message: String| Progress::Working(Reason::new(code, message));
    let phase = || match status.phase_reason.as_str() {
        "" => format!("CloudNativePG says: {}.", status.phase),
        why => format!("CloudNativePG says: {} ({}).", status.phase, why.trim_end_matches('.')),
    };
    if status.phase.is_empty() {
        return working("OperatorSilent", "CloudNativePG has not looked at the cluster yet. If this lasts, its operator does not run.".into());
    }
    if STUCK.contains(&status.phase.as_str()) {
        return Progress::Blocked(Reason::new("OperatorWaits", phase()));
    }
    let hibernation = object.body.condition(HIBERNATION);
    match (cluster.spec.power, hibernation) {
        (Power::Off, Some(condition)) if condition.reason == "Hibernated" && world.pods.is_empty() => return Progress::Settled,
        (Power::Off, Some(condition)) => return working("Pausing", format!("CloudNativePG says: {}.", condition.message.trim_end_matches('.'))),
        (Power::Off, None) => return working("Pausing", "CloudNativePG has not begun to stop the cluster yet.".into()),
        (Power::On, Some(_)) => return working("Resuming", "CloudNativePG has not begun to start the cluster yet.".into()),
        (Power::On, None) => {}
    }
    if status.current_primary != status.target_primary {
        return working("PrimaryMoves", phase());
    }
    if status.phase != HEALTHY {
        return working("OnItsWay", phase());
    }
    let wanted = i64::from(cluster.spec.instances);
    if status.instances != wanted || status.ready_instances != wanted {
        return working("Instances", format!("{} of {wanted} instances are ready.", status.ready_instances));
    }
    if !status.resizing_pvc.is_empty() {
        return working("VolumesGrow", format!("Volumes are made larger: {}.", status.resizing_pvc.join(", ")));
    }
    // The operator writes down on each pod which restart it has had.
    let restarted = |pod: &Object<crd::Pod>| object.meta.annotation(RESTARTED_AT).is_none_or(|asked| pod.meta.annotation(RESTARTED_AT) == Some(asked));
    match world.pods.iter().find(|pod| !fits(cluster, &status.image, &pod.body) || !restarted(pod)) {
        Some(pod) => working("Restarting", format!("{} still runs as it was started; it is restarted in its turn.", pod.meta.name)),
        None => Progress::Settled,
    }
}

/// Whether a pod has the size and the image of the wish.
fn fits(cluster: &Cluster, image: &str, pod: &crd::Pod) -> bool {
    let Some(container) = pod.spec.containers.iter().find(|container| container.name == "postgres") else { return true };
    let (cpu, memory) = (container.resources.limits.get("cpu"), container.resources.limits.get("memory"));
    let size = &cluster.spec.size;
    cpu.and_then(|cpu| cpu.parse::<Cpu>().ok()) == Some(size.cpu())
        && memory.and_then(|memory| memory.parse::<Bytes>().ok()) == Some(size.memory())
        && (image.is_empty() || container.image == image)
}
