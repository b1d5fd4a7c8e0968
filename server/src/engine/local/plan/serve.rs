//! The primary answers: what is still missing around it.

use super::{ATTEMPTS, Plan, Step, each, is_proxied, known, unknown, wanted};
use crate::engine::local::{
    mark::Stage,
    world::{Answer, Data, Facts, Held, Instance, Managed, Process, Routes, World},
};
use domain::{Cluster, observed::Progress, observed::Seen, quorum::Durability, status::Reason};
use std::collections::BTreeSet;

/// How far a replica may be behind when it is to become the primary.
const CLOSE: u64 = 16 << 20;
/// Tries of one switchover.
const TRIES: u8 = 3;

/// Collects steps, and what has to be waited for.
struct Todo {
    steps: Vec<Step>,
    waits: Vec<Reason>,
    blocked: Vec<Reason>,
}

impl Todo {
    fn wait(&mut self, code: &str, message: impl Into<String>) {
        self.waits.push(Reason::new(code, message));
    }
}

pub(super) fn plan(cluster: &Cluster, world: &World, primary: u8, instance: &Instance, facts: &Facts) -> Plan {
    let wanted = wanted(cluster, world, primary);
    let mut todo = Todo { steps: Vec::new(), waits: Vec::new(), blocked: Vec::new() };
    if !facts.role {
        todo.steps.push(Step::MakeRole { ordinal: primary });
    }
    configure(primary, instance, managed_primary(cluster, world, primary, instance, Some(facts)), &mut todo);
    chores(primary, instance, &mut todo);
    slots(world, primary, facts, &wanted, &mut todo);
    for ordinal in wanted.iter().copied().filter(|ordinal| *ordinal != primary) {
        replica(world, primary, facts, ordinal, &mut todo);
    }
    surplus(world, &wanted, &mut todo);
    addresses(cluster, world, primary, facts, &wanted, &mut todo);
    if todo.steps.is_empty() {
        todo.steps.extend(restart(cluster, world, primary, instance, facts, &mut todo.waits));
    }
    if todo.steps.is_empty() {
        switchover(cluster, world, primary, facts, &wanted, &mut todo);
    }
    if todo.steps.is_empty() && todo.waits.is_empty() && world.mark.accepted != world.mark.proven {
        todo.steps.push(Step::Prove);
    }
    if !todo.steps.is_empty() {
        return Plan::steps(first_things_first(cluster, todo.steps));
    }
    let progress = match (todo.waits.into_iter().next(), todo.blocked.into_iter().next()) {
        (Some(reason), _) => Progress::Working(reason),
        (None, Some(reason)) => Progress::Blocked(reason),
        (None, None) => Progress::Settled,
    };
    Plan { steps: Vec::new(), progress }
}

/// Steps done side by side end together, so what others wait for goes alone, and what nobody waits for comes last.
fn first_things_first(cluster: &Cluster, steps: Vec<Step>) -> Vec<Step> {
    let urgent = |step: &Step| match step {
        Step::MakeRole { .. } => true,
        Step::Slots { make, .. } => !make.is_empty(),
        _ => false,
    };
    let pick = |keep: &dyn Fn(&Step) -> bool| steps.iter().filter(|step| keep(step)).cloned().collect::<Vec<_>>();
    let first = pick(&urgent);
    // Clients are led nowhere before the cluster was ever reached, while its first replicas are made.
    let early = cluster.status.generation == 0 && steps.iter().any(|step| matches!(step, Step::Clone { .. }));
    let last = |step: &Step| matches!(step, Step::Sync { .. } | Step::Limit { .. }) || (early && matches!(step, Step::Route { .. }));
    let rest = pick(&|step| !last(step));
    [first, rest].into_iter().find(|some| !some.is_empty()).unwrap_or(steps)
}

/// What the managed file of the primary shall say. Without facts (it does not run) the quorum stays as it is.
pub(super) fn managed_primary(cluster: &Cluster, world: &World, primary: u8, instance: &Instance, facts: Option<&Facts>) -> Managed {
    let held = Held::of(&world.mark.accepted.clone().unwrap_or_default());
    let before = instance.conf.managed.as_ref().and_then(|managed| managed.sync.clone());
    let short = world.room.is_short(cluster.spec.storage.get(), instance.is_short());
    let Some(facts) = facts else { return Managed { follows: None, sync: before, held, short } };
    let replicas = wanted(cluster, world, primary).into_iter().filter(|ordinal| *ordinal != primary);
    // A replica that was never whole cannot confirm anything: while it is made for the first time nobody waits for it.
    let members: BTreeSet<u8> =
        replicas.filter(|ordinal| known(world, *ordinal).is_none_or(|i| i.mark.once)).filter(|o| world.instances.contains_key(o)).collect();
    let count = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    let healthy = count(members.iter().filter(|member| facts.followers.contains_key(member)).count());
    let quorum = &cluster.spec.quorum;
    let n = match quorum.durability {
        Durability::Required => quorum.effective(healthy, count(members.len())),
        Durability::Preferred => quorum.effective(healthy, count(members.len())).min(healthy),
    };
    Managed { follows: None, sync: (n > 0).then_some((n, members)), held, short }
}

/// What the managed file of a replica shall say: never less than its primary runs with.
pub(super) fn managed_replica(world: &World, primary: u8, instance: &Instance, facts: Option<&Facts>) -> Managed {
    let asked = Held::of(&world.mark.accepted.clone().unwrap_or_default());
    let floor = match facts {
        Some(facts) => facts.held,
        None => instance.conf.managed.as_ref().map_or(asked, |managed| managed.held),
    };
    Managed { follows: Some(primary), sync: None, held: asked.max(floor), short: false }
}

fn configure(ordinal: u8, instance: &Instance, managed: Managed, todo: &mut Todo) {
    let loaded = instance.facts().is_none_or(|facts| facts.loaded);
    if !instance.conf.base || !loaded || instance.conf.managed.as_ref() != Some(&managed) {
        todo.steps.push(Step::Configure { ordinal, managed });
    }
}

fn chores(ordinal: u8, instance: &Instance, todo: &mut Todo) {
    if !instance.mark.synced {
        todo.steps.push(Step::Sync { ordinal });
    }
    if instance.mark.failures > 0 {
        todo.steps.push(Step::Forgive { ordinal });
    }
    if !instance.limited {
        todo.steps.push(Step::Limit { ordinal });
    }
}

/// A slot for each replica before it is copied; none for those that are gone, because an idle slot holds WAL for ever.
fn slots(world: &World, primary: u8, facts: &Facts, wanted: &BTreeSet<u8>, todo: &mut Todo) {
    let make: BTreeSet<u8> = wanted.iter().copied().filter(|o| *o != primary && !facts.slots.contains(o)).collect();
    let complete = unknown(world).is_none();
    let needless = |o: &u8| complete && (*o == primary || !wanted.contains(o) && !world.instances.contains_key(o));
    let drop: BTreeSet<u8> = facts.slots.iter().copied().filter(needless).collect();
    if !make.is_empty() || !drop.is_empty() {
        todo.steps.push(Step::Slots { ordinal: primary, make, drop });
    }
    for (ordinal, instance) in each(world).filter(|(ordinal, _)| *ordinal != primary && complete) {
        let stale = instance.facts().map(|f| f.slots.clone()).unwrap_or_default();
        if !stale.is_empty() {
            todo.steps.push(Step::Slots { ordinal, make: BTreeSet::new(), drop: stale });
        }
    }
}

fn replica(world: &World, primary: u8, facts: &Facts, ordinal: u8, todo: &mut Todo) {
    let instance = match world.instances.get(&ordinal) {
        Some(Seen::Unknown(why)) => return todo.wait("CannotLook", format!("Instance {ordinal}: {why}")),
        Some(Seen::Known(instance)) => Some(instance),
        None => None,
    };
    let absent = Instance {
        mark: Default::default(),
        data: Data::Absent,
        process: Process::Dead,
        answer: Answer::Silent,
        conf: crate::engine::local::world::Conf { base: false, managed: None },
        limited: true,
        cooling: false,
        recalled: false,
    };
    let instance = instance.unwrap_or(&absent);
    let managed = managed_replica(world, primary, instance, Some(facts));
    let destroys = instance.data != Data::Absent && unknown(world).is_some();
    let useless = instance.mark.stage != Stage::Built || instance.data == Data::Absent;
    match (&instance.process, useless, instance.mark.fenced) {
        (Process::Leftover, ..) => todo.steps.push(Step::Clear { ordinal }),
        (Process::Running, true, _) | (Process::Running, _, true) => todo.steps.push(Step::Stop { ordinal }),
        (Process::Dead, true, _) | (Process::Dead, _, true) if destroys => {
            todo.wait("CannotLook", format!("Instance {ordinal} gets a new copy as soon as every instance can be looked at."));
        }
        // A second copy that does not start either: something else is wrong, and copying on and on would only add to it.
        (Process::Dead, true, _) if instance.cooling => {
            let why = instance.mark.failure.as_ref().map_or_else(String::new, |failure| failure.message.clone());
            todo.wait("StartFailed", format!("Instance {ordinal} gets another copy soon. {why}"));
        }
        (Process::Dead, true, _) if !world.tools.basebackup => {
            todo.blocked.push(Reason::new("ToolMissing", "Replicas need pg_basebackup, which this PostgreSQL came without: install the client tools."));
        }
        (Process::Dead, true, _) if facts.role && facts.slots.contains(&ordinal) => todo.steps.push(Step::Clone { ordinal, from: primary, managed }),
        (Process::Dead, true, _) => todo.wait("Creating", format!("Instance {ordinal} is about to be copied.")),
        (Process::Dead, false, true) if world.tools.rewind => todo.steps.push(Step::Rewind { ordinal, from: primary, managed }),
        (Process::Dead, false, true) => todo.steps.push(Step::Condemn { ordinal, why: "there is no pg_rewind for its version".into() }),
        (Process::Dead, false, false) if instance.mark.failures >= ATTEMPTS && destroys => {
            todo.wait("CannotLook", format!("Instance {ordinal} gets a new copy as soon as every instance can be looked at."));
        }
        (Process::Dead, false, false) if instance.mark.failures >= ATTEMPTS => {
            let why = instance.mark.failure.as_ref().map_or_else(|| "it does not start".into(), |failure| failure.message.clone());
            todo.steps.push(Step::Condemn { ordinal, why });
        }
        (Process::Dead, false, false) => {
            let before = todo.steps.len();
            configure(ordinal, instance, managed, todo);
            if todo.steps.len() == before {
                todo.steps.push(Step::Start { ordinal });
            }
        }
        (Process::Running, false, false) => follower(ordinal, instance, facts, managed, destroys, todo),
    }
}

fn follower(ordinal: u8, instance: &Instance, primary: &Facts, managed: Managed, incomplete: bool, todo: &mut Todo) {
    match &instance.answer {
        Answer::Silent => todo.wait("Starting", format!("Instance {ordinal} is starting.")),
        Answer::Unknown(why) => todo.wait("CannotLook", format!("Instance {ordinal}: {why}")),
        Answer::Up(Facts { stray: Some(why), .. }) if incomplete => todo.wait("CannotLook", format!("Instance {ordinal} cannot follow: {why}")),
        Answer::Up(Facts { stray: Some(why), .. }) => todo.steps.push(Step::Condemn { ordinal, why: why.clone() }),
        Answer::Up(facts) => {
            let before = todo.steps.len();
            configure(ordinal, instance, managed, todo);
            chores(ordinal, instance, todo);
            match (todo.steps.len() == before, primary.followers.contains_key(&ordinal)) {
                (false, _) | (true, true) => {}
                // It may have stopped replaying just because it has less of something than its primary.
                (true, false) if !facts.pending.is_empty() => todo.steps.push(Step::Restart { ordinal }),
                (true, false) => todo.wait("NotStreaming", format!("Instance {ordinal} does not follow the primary yet.")),
            }
        }
    }
}

/// Instances too many go while the primary, a good copy, answers.
fn surplus(world: &World, wanted: &BTreeSet<u8>, todo: &mut Todo) {
    let surplus = world.instances.keys().copied().filter(|ordinal| !wanted.contains(ordinal));
    match unknown(world) {
        None => todo.steps.extend(surplus.map(|ordinal| Step::Remove { ordinal })),
        Some((ordinal, why)) if surplus.count() > 0 => todo.wait("CannotLook", format!("Instance {ordinal}: {why}")),
        Some(_) => {}
    }
}

fn addresses(cluster: &Cluster, world: &World, primary: u8, facts: &Facts, wanted: &BTreeSet<u8>, todo: &mut Todo) {
    if !is_proxied(cluster, world) {
        return;
    }
    if world.mark.rw.is_none() || world.mark.ro.is_none() {
        return todo.steps.push(Step::ChoosePorts);
    }
    let ro: BTreeSet<u8> = wanted.iter().copied().filter(|o| *o != primary && facts.followers.contains_key(o)).collect();
    let port = |ordinal: &u8| known(world, *ordinal).map(|i| (*ordinal, i.mark.port));
    let routes = Routes { rw: primary, ports: ro.iter().chain([&primary]).filter_map(port).collect(), ro };
    match world.proxy.serves.as_ref() == Some(&routes) {
        true => {}
        false if world.tools.haproxy => todo.steps.push(Step::Route { routes }),
        false => todo.blocked.push(super::haproxy_missing()),
    }
}

/// One restart at a time: replicas first, and the primary only when no replica would have less than it.
fn restart(cluster: &Cluster, world: &World, primary: u8, instance: &Instance, facts: &Facts, waits: &mut Vec<Reason>) -> Option<Step> {
    let needs = |i: &Instance| i.is_good() && i.facts().is_some_and(|f| !f.pending.is_empty() || i.mark.restarts < cluster.spec.restarts);
    if each(world).all(|(_, i)| !needs(i)) {
        return None;
    }
    if let Some((ordinal, _)) = each(world).find(|(o, i)| *o != primary && i.process == Process::Running && !facts.followers.contains_key(o)) {
        waits.push(Reason::new("NotStreaming", format!("The next restart waits until instance {ordinal} follows again.")));
        return None;
    }
    if let Some((ordinal, _)) = each(world).find(|(ordinal, i)| *ordinal != primary && needs(i)) {
        return Some(Step::Restart { ordinal });
    }
    let asked = instance.conf.managed.as_ref().map_or(facts.held, |managed| managed.held);
    if let Some((ordinal, _)) = each(world).find(|(o, i)| *o != primary && i.facts().is_some_and(|f| !f.held.covers(asked))) {
        waits.push(Reason::new("Restarting", format!("The primary restarts after instance {ordinal} has taken the new parameters.")));
        return None;
    }
    Some(Step::Restart { ordinal: primary })
}

fn switchover(cluster: &Cluster, world: &World, primary: u8, facts: &Facts, wanted: &BTreeSet<u8>, todo: &mut Todo) {
    let Some(switchover) = cluster.spec.switchover.filter(|switchover| switchover.serial > world.mark.switched) else { return };
    let (to, serial) = (switchover.to, switchover.serial);
    let close = |why: Option<String>| Step::CloseSwitchover { serial, why };
    if to == primary {
        return todo.steps.push(close(None));
    }
    if !wanted.contains(&to) || !world.instances.contains_key(&to) {
        return todo.steps.push(close(Some(format!("The primary was not switched: there is no instance {to}."))));
    }
    if world.mark.attempts >= TRIES {
        return todo.steps.push(close(Some(format!("The primary was not switched: instance {to} did not have all of its data in {TRIES} attempts."))));
    }
    if unknown(world).is_some() {
        return todo.wait("CannotLook", "The switchover waits until every instance can be looked at.");
    }
    let ready = known(world, to).is_some_and(|i| i.facts().is_some_and(|f| f.recovering));
    match facts.followers.get(&to) {
        Some(follower) if ready && follower.behind <= CLOSE => todo.steps.push(Step::Handover { from: primary, to, serial }),
        _ => todo.wait("NotStreaming", format!("The switchover waits until instance {to} has caught up.")),
    }
}
