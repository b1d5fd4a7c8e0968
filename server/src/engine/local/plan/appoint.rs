//! Who is the primary: the first one, a dead one, one that cannot come back.

use super::{ATTEMPTS, Plan, Step, each, is_proxied, known, serve, start_replicas, unknown, waits_for};
use crate::engine::local::{
    mark::Stage,
    world::{Answer, Data, Instance, Process, World},
};
use domain::Cluster;
use std::{cmp::Reverse, collections::BTreeMap};

/// Nobody was appointed yet: a new cluster, one whose making was cut off, or one whose mark is gone.
pub(super) fn first(cluster: &Cluster, world: &World) -> Plan {
    if let Some((ordinal, why)) = unknown(world) {
        return Plan::waits("CannotLook", format!("Instance {ordinal}: {why}"));
    }
    // Whatever runs on a data directory that is not whole must not run beside the one that is made.
    let running: Vec<Step> = each(world).filter(|(_, i)| i.process == Process::Running && !i.is_good()).map(|(ordinal, _)| Step::Stop { ordinal }).collect();
    if !running.is_empty() {
        return Plan::steps(running);
    }
    let built: Vec<_> = each(world).filter(|(_, i)| i.is_good()).collect();
    let primaries: Vec<_> = built.iter().filter(|(_, i)| i.data == Data::There { standby: false }).collect();
    match (primaries.as_slice(), built.as_slice()) {
        ([(ordinal, _)], _) => return Plan::steps(vec![Step::Appoint { ordinal: *ordinal }]),
        (_, []) => {}
        _ => return Plan::blocked("PrimaryUnknown", "The cluster's mark.json is gone and its copies do not tell who the primary is: put the file back."),
    }
    let made_by_others = |i: &Instance| i.data != Data::Absent && i.mark.stage != Stage::Building;
    if let Some((ordinal, _)) = each(world).find(|(_, i)| made_by_others(i)) {
        return Plan::blocked(
            "DataUnmarked",
            format!("Instance {ordinal} has data, but its mark.json does not say that it is whole: put the file back, or move the data away."),
        );
    }
    if cluster.status.generation > 0 {
        return Plan::blocked(
            "DataGone",
            "The data folders of this cluster are gone. Put them back, or delete the cluster: it is not made anew, because that would hide the loss.",
        );
    }
    let mut steps = vec![Step::Create { ordinal: 1 }];
    if is_proxied(cluster, world) && world.mark.rw.is_none() {
        steps.push(Step::ChoosePorts);
    }
    Plan::steps(steps)
}

/// Somebody was appointed: see that it runs, or that somebody takes its place.
pub(super) fn primary(cluster: &Cluster, world: &World, primary: u8) -> Plan {
    if let Some(step) = revert(world) {
        return Plan::steps(vec![step]);
    }
    let instance = match world.instances.get(&primary) {
        Some(seen) => match seen.known() {
            Some(instance) if instance.is_good() => instance,
            Some(instance) => return replace(cluster, world, primary, Some(instance)),
            None => return cannot_look(world),
        },
        None => return replace(cluster, world, primary, None),
    };
    let second: Vec<Step> =
        each(world).filter(|(ordinal, i)| *ordinal != primary && i.is_running_primary()).map(|(ordinal, _)| Step::Fence { ordinal }).collect();
    if !second.is_empty() {
        return Plan::steps(second);
    }
    match (&instance.process, &instance.answer) {
        (Process::Running, Answer::Up(facts)) if !facts.recovering => serve::plan(cluster, world, primary, instance, facts),
        (Process::Running, Answer::Up(_)) if unknown(world).is_some() => cannot_look(world),
        (Process::Running, Answer::Up(_)) => Plan::steps(vec![Step::Promote { ordinal: primary }]),
        (Process::Running, Answer::Silent) => waits_for(primary, instance),
        (Process::Running, Answer::Unknown(why)) => Plan::waits("CannotLook", format!("Instance {primary}: {why}")),
        (Process::Leftover, _) => Plan::steps(vec![Step::Clear { ordinal: primary }]),
        (Process::Dead, _) => start(cluster, world, primary, instance),
    }
}

fn cannot_look(world: &World) -> Plan {
    let (ordinal, why) = unknown(world).unwrap_or((0, "the look did not come about"));
    Plan::waits("CannotLook", format!("Instance {ordinal}: {why}"))
}

/// A dead primary is started where it is: one machine, the same disk, nothing acknowledged is lost.
fn start(cluster: &Cluster, world: &World, primary: u8, instance: &Instance) -> Plan {
    if unknown(world).is_some() {
        return cannot_look(world);
    }
    if instance.mark.failures >= ATTEMPTS {
        return replace(cluster, world, primary, Some(instance));
    }
    let mut steps = start_replicas(world, primary);
    let managed = serve::managed_primary(cluster, world, primary, instance, None);
    let stale =
        !instance.conf.base || instance.conf.managed.as_ref().is_none_or(|now| now.follows.is_some() && instance.data == Data::There { standby: false });
    let step = if stale { Step::Configure { ordinal: primary, managed } } else { Step::Start { ordinal: primary } };
    steps.insert(primary, step);
    steps.retain(|ordinal, step| !matches!(step, Step::Start { .. }) || *ordinal == primary || known(world, *ordinal).is_some_and(|i| i.conf.base));
    let mut steps: Vec<Step> = steps.into_values().collect();
    steps.sort_by_key(|step| !matches!(step, Step::Start { ordinal } | Step::Configure { ordinal, .. } if *ordinal == primary));
    Plan::steps(steps)
}

/// The primary cannot come back as it is: the replica that is furthest takes over, once the old one is proven dead.
fn replace(cluster: &Cluster, world: &World, dead: u8, instance: Option<&Instance>) -> Plan {
    if unknown(world).is_some() {
        return cannot_look(world);
    }
    match instance.map(|i| &i.process) {
        Some(Process::Running) => return Plan::steps(vec![Step::Stop { ordinal: dead }]),
        Some(Process::Leftover) => return Plan::steps(vec![Step::Clear { ordinal: dead }]),
        Some(Process::Dead) | None => {}
    }
    let others: BTreeMap<u8, &Instance> = each(world).filter(|(ordinal, i)| *ordinal != dead && i.is_good()).collect();
    let idle = start_replicas(world, dead);
    if !idle.is_empty() {
        let prepared = |(ordinal, step): (u8, Step)| match known(world, ordinal) {
            Some(i) if !i.conf.base || i.conf.managed.is_none() => Step::Configure { ordinal, managed: serve::managed_replica(world, dead, i, None) },
            _ => step,
        };
        return Plan::steps(idle.into_iter().map(prepared).collect());
    }
    if let Some((ordinal, waiting)) = others.iter().find(|(_, i)| i.process == Process::Running && i.facts().is_none()) {
        return waits_for(*ordinal, waiting);
    }
    let best = others.iter().filter_map(|(ordinal, i)| Some((!i.facts()?.recovering, i.facts()?.position, Reverse(*ordinal)))).max();
    if let Some((_, _, Reverse(to))) = best {
        let serial = cluster.spec.switchover.map_or(0, |switchover| switchover.serial);
        return Plan::steps(vec![Step::Failover { dead, to, serial }]);
    }
    match instance {
        Some(instance) if instance.is_good() && instance.cooling => waits_for(dead, instance),
        Some(instance) if instance.is_good() && !instance.conf.base => {
            Plan::steps(vec![Step::Configure { ordinal: dead, managed: serve::managed_primary(cluster, world, dead, instance, None) }])
        }
        Some(instance) if instance.is_good() => Plan::steps(vec![Step::Start { ordinal: dead }]),
        _ => Plan::blocked(
            "DataGone",
            format!(
                "The data of instance {dead}, the primary, is gone or damaged, and no other good copy is left. Put the data folder back, or delete the cluster."
            ),
        ),
    }
}

/// New settings with which an instance does not start are taken back, if there are others to go back to.
fn revert(world: &World) -> Option<Step> {
    let accepted = world.mark.accepted.as_ref()?;
    let elsewhere = match &world.mark.proven {
        Some(proven) => proven != accepted,
        None => !accepted.parameters.0.is_empty(),
    };
    let failed = each(world).filter(|(_, i)| i.process == Process::Dead && i.mark.failures > 0);
    let why = failed.filter_map(|(_, i)| i.mark.failure.as_ref()).find(|failure| failure.code == "StartFailed")?;
    elsewhere.then(|| Step::Revert { why: why.message.clone() })
}
