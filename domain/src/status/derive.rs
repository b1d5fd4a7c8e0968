//! From a wish and what was seen to a status. Pure.

use super::{Condition, InstanceRole, InstanceState, Item, Phase, Reason, Status, kinds};
use crate::Timestamp;
use crate::{
    cluster::Cluster,
    observed::{Inside, Observed, Progress, Seen},
    spec::Power,
    vitals::Sync,
};
use std::collections::BTreeMap;

/// The note of an engine whose PostgreSQL refused the parameters that were wished for.
const REFUSED: &str = "ParameterRejected";

/// Seconds that a cluster may be on its way before the condition `Stalled` says so; anew with each instance that becomes ready, which may take until the
/// primary's next checkpoint.
fn deadline(phase: Phase) -> Option<i64> {
    match phase {
        Phase::New => Some(180),
        Phase::Creating | Phase::Changing | Phase::Degraded | Phase::Pausing => Some(300),
        Phase::Down | Phase::Deleting | Phase::Unknown => Some(60),
        Phase::Ready | Phase::Paused => None,
    }
}

pub(super) fn status(cluster: &Cluster, seen: &Observed, progress: &Progress, now: Timestamp) -> Status {
    let before = &cluster.status;
    // Parameters that PostgreSQL refuses are a wish that is not reached, however well the rest runs: only another wish helps.
    let refused = seen.notes.iter().find(|note| note.code == REFUSED).filter(|_| cluster.spec.power == Power::On);
    let blocked = refused.filter(|_| *progress == Progress::Settled).map(|note| Progress::Blocked(note.clone()));
    let progress = blocked.as_ref().unwrap_or(progress);
    let instances = seen.instances.known().cloned().unwrap_or_else(|| before.instances.clone());
    let inside = seen.inside.known();
    let up = |all: &[super::InstanceStatus]| all.iter().filter(|i| i.state == InstanceState::Ready).count();
    let ready = up(&instances);
    let primary = instances.iter().any(|i| i.role == InstanceRole::Primary && i.state == InstanceState::Ready);
    let all = seen.instances.known().is_some() && ready == usize::from(cluster.spec.instances) && instances.len() == ready;
    // A wish that was reached stays reached while the engine tidies up: only what is seen, or a block, takes it back.
    let settled = match progress {
        Progress::Settled => true,
        Progress::Moved(_) | Progress::Working(_) => before.generation == cluster.generation,
        Progress::Blocked(_) => false,
    };
    let applied = inside.is_some_and(|inside| is_applied(cluster, inside));
    let reached = settled
        && cluster.deleted_at.is_none()
        && match cluster.spec.power {
            Power::On => all && primary && applied,
            Power::Off => seen.instances.known().is_some() && instances.iter().all(|i| i.state == InstanceState::Stopped),
        };
    let generation = if reached { cluster.generation } else { before.generation.min(cluster.generation) };
    let phase = match phase(cluster, seen, reached, primary, all, generation) {
        // It serves all the same, so it is not on its way up.
        Phase::Creating | Phase::Changing if primary && matches!(progress, Progress::Blocked(_)) => Phase::Degraded,
        phase => phase,
    };
    let reason = (!matches!(phase, Phase::Ready | Phase::Paused)).then(|| why(seen, progress, inside)).flatten();
    let ahead = matches!(phase, Phase::Creating | Phase::Changing) && ready > up(&before.instances);
    let since = if before.phase == phase && !ahead { before.since.or(Some(now)) } else { Some(now) };
    let (users, databases) = items(cluster, inside);
    let mut status = Status {
        generation,
        reached: if reached { Some(cluster.updated_at) } else { before.reached },
        phase,
        reason,
        conditions: Vec::new(),
        endpoints: if seen.endpoints.is_empty() { before.endpoints.clone() } else { seen.endpoints.clone() },
        users,
        databases,
        foreign_users: inside.map_or_else(|| before.foreign_users.clone(), |i| i.foreign_users.clone()),
        foreign_databases: inside.map_or_else(|| before.foreign_databases.clone(), |i| i.foreign_databases.clone()),
        instances,
        since,
        engine: before.engine.clone(),
    };
    status.conditions = conditions(cluster, seen, progress, &status, now);
    status
}

fn phase(cluster: &Cluster, seen: &Observed, reached: bool, primary: bool, all: bool, generation: u64) -> Phase {
    let known = seen.instances.known();
    match (cluster.deleted_at, cluster.spec.power) {
        (Some(_), _) => Phase::Deleting,
        (None, _) if known.is_none() && cluster.status.generation == 0 => Phase::Creating,
        (None, _) if known.is_none() => Phase::Unknown,
        (None, Power::Off) if reached => Phase::Paused,
        (None, Power::Off) => Phase::Pausing,
        (None, Power::On) if reached => Phase::Ready,
        (None, Power::On) if generation == 0 => Phase::Creating,
        (None, Power::On) if !primary && matches!(cluster.status.phase, Phase::Paused | Phase::Pausing) => Phase::Changing,
        (None, Power::On) if !primary && generation < cluster.generation && cluster.status.phase == Phase::Changing => Phase::Changing,
        (None, Power::On) if !primary => Phase::Down,
        (None, Power::On) if generation < cluster.generation => Phase::Changing,
        (None, Power::On) if !all => Phase::Degraded,
        (None, Power::On) => Phase::Degraded,
    }
}

/// The most telling reason why it is not as wished for.
fn why(seen: &Observed, progress: &Progress, inside: Option<&Inside>) -> Option<Reason> {
    let failed_item = || {
        let inside = inside?;
        let users = inside.users.iter().map(|(name, item)| (name.as_str(), item));
        let mut all = users.chain(inside.databases.iter().map(|(name, item)| (name.as_str(), item)));
        all.find_map(|(name, item)| match item {
            Item::Error(message) => Some(Reason::new("NotApplied", format!("{name}: {message}"))),
            Item::New | Item::Active { .. } => None,
        })
    };
    match progress {
        Progress::Blocked(reason) | Progress::Working(reason) | Progress::Moved(reason) => Some(reason.clone()),
        Progress::Settled => match (&seen.instances, &seen.inside) {
            (Seen::Unknown(message), _) => Some(Reason::new("CannotLook", message.clone())),
            (Seen::Known(_), Seen::Unknown(message)) => Some(Reason::new("CannotConnect", message.clone())),
            (Seen::Known(all), Seen::Known(_)) => failed_item().or_else(|| failed_instance(all)),
        },
    }
}

fn failed_instance(all: &[super::InstanceStatus]) -> Option<Reason> {
    all.iter().find_map(|i| match &i.state {
        InstanceState::Failed(message) | InstanceState::Unknown(message) => Some(Reason::new("InstanceNotReady", format!("{}: {message}", i.name))),
        InstanceState::Creating => Some(Reason::new("Creating", format!("{} is being made.", i.name))),
        InstanceState::Starting => Some(Reason::new("Starting", format!("{} is starting.", i.name))),
        InstanceState::NotStreaming => Some(Reason::new("NotStreaming", format!("{} does not follow the primary yet.", i.name))),
        InstanceState::Ready | InstanceState::Stopped => None,
    })
}

fn is_applied(cluster: &Cluster, inside: &Inside) -> bool {
    let users = cluster
        .spec
        .users
        .iter()
        .all(|(name, wish)| inside.users.get(name).is_some_and(|item| *item == Item::Active { password_version: wish.password_version }));
    // Also one that was wished for and cannot go.
    let failed = inside.users.values().chain(inside.databases.values()).any(|item| matches!(item, Item::Error(_)));
    !failed && users && cluster.spec.databases.keys().all(|name| matches!(inside.databases.get(name), Some(Item::Active { .. })))
}

type Items = (BTreeMap<crate::RoleName, Item>, BTreeMap<crate::DatabaseName, Item>);

/// What became of each user and database that is wished for: as seen, else as last known, else new.
fn items(cluster: &Cluster, inside: Option<&Inside>) -> Items {
    let before = &cluster.status;
    let users = cluster.spec.users.keys().map(|name| {
        let seen = inside.map_or_else(|| before.users.get(name), |i| i.users.get(name));
        (name.clone(), seen.cloned().unwrap_or(Item::New))
    });
    let databases = cluster.spec.databases.keys().map(|name| {
        let seen = inside.map_or_else(|| before.databases.get(name), |i| i.databases.get(name));
        (name.clone(), seen.cloned().unwrap_or(Item::New))
    });
    (users.collect(), databases.collect())
}

fn conditions(cluster: &Cluster, seen: &Observed, progress: &Progress, status: &Status, now: Timestamp) -> Vec<Condition> {
    let on = cluster.spec.power == Power::On;
    let mut all = Vec::new();
    let mut add = |kind: &str, holds: Option<bool>, reason: Reason| {
        let before = cluster.status.condition(kind).filter(|c| c.holds == holds);
        all.push(Condition { kind: kind.into(), holds, reason, since: before.map_or(now, |c| c.since) });
    };
    let ready = status.instances.iter().filter(|i| i.state == InstanceState::Ready).count();
    let because = |code: &str, fallback: &str| status.reason.clone().unwrap_or_else(|| Reason::new(code, fallback));
    match status.phase {
        Phase::Ready => add(kinds::READY, Some(true), Reason::new("AsWished", "Everything asked for is there and answers.")),
        Phase::Paused => add(kinds::READY, Some(false), Reason::new("Paused", "Paused on purpose.")),
        Phase::Unknown => add(kinds::READY, None, because("CannotLook", "The engine could not look.")),
        _ => add(kinds::READY, Some(false), because("OnItsWay", "On its way.")),
    }
    if on {
        let known = seen.instances.known().is_some();
        let message = format!("{ready} of {} ready.", cluster.spec.instances);
        add(kinds::INSTANCES, known.then_some(ready == usize::from(cluster.spec.instances)), Reason::new("Counted", message));
    }
    if on && cluster.spec.replicas() > 0 && cluster.spec.quorum.max > 0 {
        let confirming =
            status.instances.iter().filter(|i| i.role == InstanceRole::Replica && i.state == InstanceState::Ready && i.sync != Sync::Async).count();
        let met = confirming >= usize::from(cluster.spec.quorum.max);
        let message = format!("Replicas that can confirm: {confirming}; asked for: {}.", cluster.spec.quorum.max);
        add(kinds::QUORUM, seen.instances.known().map(|_| met), Reason::new("Counted", message));
    }
    match &seen.inside {
        Seen::Known(inside) => {
            let applied = is_applied(cluster, inside);
            let message = if applied { "All users and databases are applied." } else { "Some users or databases are not applied yet." };
            add(kinds::INSIDE, Some(applied), Reason::new("Compared", message));
            if let Some(note) = seen.notes.iter().find(|note| note.code == REFUSED) {
                add(kinds::PARAMETERS, Some(false), note.clone());
            } else if let Some((name, why)) = inside.rejected_parameters.iter().next() {
                add(kinds::PARAMETERS, Some(false), Reason::new("ParameterRejected", format!("{name}: {why}")));
            } else if !inside.pending_restart.is_empty() {
                add(kinds::PARAMETERS, Some(false), Reason::new("PendingRestart", format!("A restart is needed for {}.", inside.pending_restart.join(", "))));
            } else if let Some(why) = &inside.unseen_parameters {
                add(kinds::PARAMETERS, None, Reason::new("NotSeen", why.clone()));
            } else {
                add(kinds::PARAMETERS, Some(true), Reason::new("InEffect", "All parameters are in effect."));
            }
        }
        Seen::Unknown(message) if on => add(kinds::INSIDE, None, Reason::new("CannotConnect", message.clone())),
        Seen::Unknown(_) => {}
    }
    if let Progress::Blocked(reason) = progress {
        add(kinds::BLOCKED, Some(true), reason.clone());
    }
    for note in seen.notes.iter().filter(|note| note.code != REFUSED) {
        add(&note.code, Some(false), note.clone());
    }
    if let (Some(limit), Some(since)) = (deadline(status.phase), status.since)
        && now.as_second() - since.as_second() > limit
    {
        let last = status.reason.as_ref().map_or("no reason is known", |r| r.message.as_str());
        add(kinds::STALLED, Some(true), Reason::new("TakesTooLong", format!("This takes longer than it should. Last reason: {last}")));
    }
    all
}
