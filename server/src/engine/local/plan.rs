//! What to do next about a cluster: pure. Looks at nothing, remembers nothing; the same world gives the same plan.
//! Destructive steps are planned only from a complete look: unknown is not absent.

use super::{
    mark::Stage,
    world::{Instance, Process, World},
};
use domain::{Cluster, observed::Progress, spec::Power, status::Reason, topology::Topology};
use std::collections::{BTreeMap, BTreeSet};

mod appoint;
#[cfg(test)]
mod model;
mod serve;
pub mod step;

pub use step::Step;

/// Starts that fail in a row before something else is tried.
pub const ATTEMPTS: u8 = super::observe::ATTEMPTS;

/// Steps that may be done side by side, and how far the cluster is.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// At most one exclusive step for each instance.
    pub steps: Vec<Step>,
    /// What is so when there are no steps, or why there are.
    pub progress: Progress,
}

impl Plan {
    fn steps(steps: Vec<Step>) -> Self {
        let what = steps.first().map_or_else(String::new, Step::words);
        Self { steps, progress: Progress::Moved(Reason::new("Converging", what)) }
    }

    fn waits(code: &str, message: impl Into<String>) -> Self {
        Self { steps: Vec::new(), progress: Progress::Working(Reason::new(code, message)) }
    }

    fn blocked(code: &str, message: impl Into<String>) -> Self {
        Self { steps: Vec::new(), progress: Progress::Blocked(Reason::new(code, message)) }
    }
}

/// What to tell when a replicated cluster lacks HAProxy.
pub fn haproxy_missing() -> Reason {
    Reason::new(
        "HaproxyMissing",
        "A replicated cluster needs HAProxy for its two addresses. Install it: apt-get install haproxy, then disable its own service.",
    )
}

/// The next steps towards what `cluster` asks for.
pub fn plan(cluster: &Cluster, world: &World) -> Plan {
    if !world.tools.install {
        let number = cluster.spec.version.number();
        return Plan::blocked(
            "VersionMissing",
            format!("PostgreSQL {number} is not installed on this machine: install it, or name its folder in HOWDAH_POSTGRES."),
        );
    }
    match cluster.spec.power {
        Power::Off => pause(world),
        Power::On => run(cluster, world),
    }
}

/// Stops everything: the primary first, so that the replicas have all of its WAL.
fn pause(world: &World) -> Plan {
    let running = |ordinal: &u8| known(world, *ordinal).is_some_and(|i| i.process != Process::Dead);
    let stop = |ordinal: u8| match known(world, ordinal).map(|i| &i.process) {
        Some(Process::Leftover) => Step::Clear { ordinal },
        _ => Step::Stop { ordinal },
    };
    if let Some(primary) = world.mark.primary.filter(running) {
        return Plan::steps(vec![stop(primary)]);
    }
    let mut steps: Vec<Step> = world.instances.keys().copied().filter(|o| running(o)).map(stop).collect();
    if world.proxy.running {
        steps.push(Step::StopProxy);
    }
    if !steps.is_empty() {
        return Plan::steps(steps);
    }
    match unknown(world) {
        Some((ordinal, why)) => Plan::waits("CannotLook", format!("Instance {ordinal}: {why}")),
        None => Plan { steps, progress: Progress::Settled },
    }
}

fn run(cluster: &Cluster, world: &World) -> Plan {
    // Without its mark an instance looks like one that was never made.
    let lost: Vec<Step> = each(world).filter(|(_, i)| i.recalled).map(|(ordinal, _)| Step::Remember { ordinal }).collect();
    if !lost.is_empty() {
        return Plan::steps(lost);
    }
    if let Some(step) = settings(cluster, world) {
        return Plan::steps(vec![step]);
    }
    // Whoever holds a data directory without a postmaster keeps the next one from starting.
    let held: Vec<Step> = each(world).filter(|(_, i)| i.process == Process::Leftover).map(|(ordinal, _)| Step::Clear { ordinal }).collect();
    if !held.is_empty() {
        return Plan::steps(held);
    }
    match world.mark.primary {
        None => appoint::first(cluster, world),
        Some(primary) => appoint::primary(cluster, world, primary),
    }
}

/// Settings are tried before they are written; what was refused once is not tried again.
fn settings(cluster: &Cluster, world: &World) -> Option<Step> {
    let spec = &cluster.spec;
    let same = |settings: &super::mark::Settings| settings.parameters == spec.parameters && settings.size == spec.size;
    let mark = &world.mark;
    // A new cluster with nothing but a size: what follows from it is known to be right, so no time is spent on a trial.
    let plain = mark.accepted.is_none() && mark.primary.is_none() && spec.parameters.0.is_empty();
    let known = plain || mark.accepted.as_ref().is_some_and(same) || mark.refused.as_ref().is_some_and(|refused| same(&refused.settings));
    if known {
        return None;
    }
    Some(Step::TrySettings)
}

/// Instances that could be looked at.
pub(super) fn each(world: &World) -> impl Iterator<Item = (u8, &Instance)> {
    world.instances.iter().filter_map(|(ordinal, seen)| seen.known().map(|instance| (*ordinal, instance)))
}

fn known(world: &World, ordinal: u8) -> Option<&Instance> {
    world.instances.get(&ordinal)?.known()
}

/// The first instance that could not be looked at.
fn unknown(world: &World) -> Option<(u8, &str)> {
    world.instances.iter().find_map(|(ordinal, seen)| match seen {
        domain::observed::Seen::Unknown(why) => Some((*ordinal, why.as_str())),
        domain::observed::Seen::Known(_) => None,
    })
}

/// The instances that shall be: the primary, the one that is to become it, then the lowest numbers. So scaling in removes the highest.
pub fn wanted(cluster: &Cluster, world: &World, primary: u8) -> BTreeSet<u8> {
    let spec = &cluster.spec;
    let target = spec.switchover.filter(|s| s.serial > world.mark.switched).map(|s| s.to).filter(|to| world.instances.contains_key(to));
    let existing = world.instances.keys().copied();
    let order = [primary].into_iter().chain(target).chain(existing).chain(1..=domain::spec::MAX_INSTANCES);
    let mut wanted = BTreeSet::new();
    for ordinal in order {
        if wanted.len() < usize::from(spec.instances.max(1)) {
            wanted.insert(ordinal);
        }
    }
    wanted
}

/// A cluster that was replicated once keeps its two addresses.
pub fn is_proxied(cluster: &Cluster, world: &World) -> bool {
    cluster.spec.topology == Topology::Replicated || world.mark.rw.is_some()
}

/// What keeps an instance from being started again, as a plan that waits.
fn waits_for(ordinal: u8, instance: &Instance) -> Plan {
    let reason = instance.mark.failure.as_ref().map(|failure| Reason::new(&failure.code, failure.message.clone()));
    let reason = reason.unwrap_or_else(|| Reason::new("Starting", format!("Instance {ordinal} is starting.")));
    Plan { steps: Vec::new(), progress: Progress::Working(reason) }
}

/// Starts every good replica that does not run, so that it can be asked how far it is.
fn start_replicas(world: &World, primary: u8) -> BTreeMap<u8, Step> {
    let idle = |i: &Instance| i.is_good() && i.process == Process::Dead && i.mark.failures < ATTEMPTS && i.mark.stage == Stage::Built;
    each(world).filter(|(ordinal, i)| *ordinal != primary && idle(i)).map(|(ordinal, _)| (ordinal, Step::Start { ordinal })).collect()
}
