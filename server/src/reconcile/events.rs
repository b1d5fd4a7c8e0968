//! The history of a cluster from two statuses in a row. Pure: what a person wants to read later, and no more.

use crate::store::events::NewEvent;
use domain::{
    Cluster, Phase, Status,
    event::Kind,
    status::{InstanceRole, InstanceState, InstanceStatus, Item, kinds},
};

/// What happened between the stored status of `cluster` and `after`. `last_primary` is the name of the last primary that was seen, however long ago.
pub(super) fn between(cluster: &Cluster, last_primary: Option<&str>, after: &Status) -> Vec<NewEvent> {
    let before = &cluster.status;
    let mut all = Vec::new();
    if after.phase == Phase::Deleting {
        return all;
    }
    all.extend(primary_moved(cluster, last_primary, after));
    // While a cluster is made, or restarted on purpose, instances come and go: that is no news.
    let calm = before.generation > 0 && !matches!(after.phase, Phase::Creating | Phase::Changing | Phase::Pausing | Phase::Paused);
    if before.generation > 0 {
        all.extend(joined_or_left(before, after));
    }
    let healed = phase_changed(before, after);
    if calm {
        all.extend(instances_changed(before, after, healed.is_some()));
    }
    all.extend(items_changed(before, after));
    all.extend(conditions_changed(before, after));
    all.extend(healed);
    all
}

fn event(kind: Kind, title: impl Into<String>, text: impl Into<String>) -> NewEvent {
    NewEvent { kind, title: title.into(), text: text.into(), actor: None }
}

fn primary_moved(cluster: &Cluster, last: Option<&str>, after: &Status) -> Option<NewEvent> {
    let (last, now) = (last?, after.primary()?);
    if last == now.name {
        return None;
    }
    let asked = cluster.spec.switchover.is_some_and(|wish| wish.to == now.ordinal);
    let title = format!("Primary moved from {last} to {}", now.name);
    Some(if asked { event(Kind::Good, title, "As asked for.") } else { event(Kind::Warning, title, format!("{last} could not go on as the primary.")) })
}

fn phase_changed(before: &Status, after: &Status) -> Option<NewEvent> {
    let why = || after.reason.as_ref().map(|r| r.message.clone()).unwrap_or_default();
    let advanced = after.generation > before.generation;
    match after.phase {
        Phase::Ready if before.generation == 0 => Some(event(Kind::Good, "Cluster is ready", counted(after))),
        Phase::Ready if advanced => Some(event(Kind::Good, "Changes applied", format!("Generation {} is reached.", after.generation))),
        Phase::Paused if advanced || before.phase == Phase::Pausing => Some(event(Kind::Good, "Cluster is paused", "Its data stays.")),
        _ if after.phase == before.phase => None,
        Phase::Ready if matches!(before.phase, Phase::Degraded | Phase::Down | Phase::Unknown) => {
            Some(event(Kind::Good, "Cluster is healthy again", counted(after)))
        }
        Phase::Down => Some(event(Kind::Failed, "No primary answers", why())),
        Phase::Unknown => Some(event(Kind::Warning, "The cluster cannot be seen", why())),
        Phase::Ready | Phase::Paused | Phase::New | Phase::Creating | Phase::Changing | Phase::Degraded | Phase::Pausing | Phase::Deleting => None,
    }
}

fn counted(after: &Status) -> String {
    match after.instances.len() {
        1 => "Its instance answers.".into(),
        n => format!("All {n} instances answer."),
    }
}

fn joined_or_left(before: &Status, after: &Status) -> Vec<NewEvent> {
    let known = |status: &Status, ordinal| status.instances.iter().any(|i: &InstanceStatus| i.ordinal == ordinal && i.state != InstanceState::Creating);
    let joined = after.instances.iter().filter(|i| i.state == InstanceState::Ready && i.role == InstanceRole::Replica && !known(before, i.ordinal));
    let left = before.instances.iter().filter(|i| !after.instances.is_empty() && after.instances.iter().all(|a| a.ordinal != i.ordinal));
    let joined = joined.map(|i| event(Kind::Good, format!("{} joined", i.name), "It follows the primary."));
    joined.chain(left.map(|i| event(Kind::Good, format!("{} was removed", i.name), ""))).collect()
}

fn instances_changed(before: &Status, after: &Status, said: bool) -> Vec<NewEvent> {
    let changed = after.instances.iter().filter_map(|now| before.instances.iter().find(|i| i.ordinal == now.ordinal).map(|then| (then, now)));
    let news = changed.filter(|(then, now)| then.state != now.state);
    let told = news.filter_map(|(then, now)| match (&then.state, &now.state) {
        (InstanceState::Failed(_), InstanceState::Failed(_)) => None,
        (_, InstanceState::Failed(why)) => Some(event(Kind::Failed, format!("{} failed", now.name), why.clone())),
        (InstanceState::Ready, InstanceState::NotStreaming) => {
            Some(event(Kind::Warning, format!("{} is not streaming", now.name), "It answers, but does not follow the primary."))
        }
        (InstanceState::NotStreaming | InstanceState::Failed(_), InstanceState::Ready) if !said => Some(event(Kind::Good, format!("{} is back", now.name), "")),
        _ => None,
    });
    told.collect()
}

fn items_changed(before: &Status, after: &Status) -> Vec<NewEvent> {
    let mut all = Vec::new();
    let (mut users, mut rotated, mut databases) = (Vec::new(), Vec::new(), Vec::new());
    for (name, now) in &after.users {
        match (before.users.get(name), now) {
            (Some(then), now) if then == now => {}
            (Some(Item::Active { .. }), Item::Active { .. }) => rotated.push(name.as_str()),
            (_, Item::Active { .. }) => users.push(name.as_str()),
            (_, Item::Error(why)) => all.push(event(Kind::Failed, format!("User {name} could not be applied"), why.clone())),
            (_, Item::New) => {}
        }
    }
    for (name, now) in &after.databases {
        match (before.databases.get(name), now) {
            (Some(then), now) if then == now => {}
            (Some(Item::Active { .. }), Item::Active { .. }) => {}
            (_, Item::Active { .. }) => databases.push(name.as_str()),
            (_, Item::Error(why)) => all.push(event(Kind::Failed, format!("Database {name} could not be applied"), why.clone())),
            (_, Item::New) => {}
        }
    }
    let lists = [("Users applied", users), ("Databases applied", databases), ("Passwords changed", rotated)];
    all.extend(lists.into_iter().filter(|(_, names)| !names.is_empty()).map(|(title, names)| event(Kind::Good, title, names.join(", "))));
    all
}

fn conditions_changed(before: &Status, after: &Status) -> Vec<NewEvent> {
    let news = after.conditions.iter().filter(|now| {
        let then = before.condition(&now.kind).filter(|then| then.holds == now.holds && then.reason.code == now.reason.code);
        then.is_none()
    });
    let told = news.filter_map(|now| match (now.kind.as_str(), now.holds) {
        (kinds::STALLED, Some(true)) => Some(event(Kind::Warning, "This takes longer than it should", now.reason.message.clone())),
        (kinds::BLOCKED, Some(true)) => Some(event(Kind::Failed, "Somebody has to look at this", now.reason.message.clone())),
        (kinds::PARAMETERS, Some(false)) if now.reason.code == "ParameterRejected" => {
            Some(event(Kind::Failed, "PostgreSQL refused a parameter", now.reason.message.clone()))
        }
        _ => None,
    });
    told.collect()
}

#[cfg(test)]
mod tests;
