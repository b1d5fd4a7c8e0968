//! What was seen of a cluster, told in the words that every engine shares. Pure.

use super::{
    mark::Stage,
    plan::{self, is_proxied},
    world::{Answer, Data, Instance, Process, World},
};
use domain::spec::Power;
use domain::{
    Cluster, Timestamp,
    observed::{Observed, Seen},
    status::{Endpoint, EndpointKind, InstanceRole, InstanceState, InstanceStatus, Reason},
    vitals::Sync,
};

const HOST: &str = "127.0.0.1";

/// The world as the reconciler sees it.
pub fn observed(cluster: &Cluster, world: &World, limits: Result<(), String>) -> Observed {
    let instances = world.instances.iter().map(|(ordinal, seen)| instance(cluster, world, *ordinal, seen)).collect();
    Observed {
        instances: Seen::Known(instances),
        endpoints: endpoints(cluster, world),
        inside: Seen::Unknown("Not asked yet.".into()),
        notes: notes(cluster, world, limits),
    }
}

fn instance(cluster: &Cluster, world: &World, ordinal: u8, seen: &Seen<Instance>) -> InstanceStatus {
    let role = if world.mark.primary == Some(ordinal) { InstanceRole::Primary } else { InstanceRole::Replica };
    let facts = seen.known().and_then(Instance::facts);
    let follower = world.mark.primary.and_then(|p| world.instances.get(&p)?.known()?.facts()?.followers.get(&ordinal).copied());
    let state = match seen {
        Seen::Unknown(why) => InstanceState::Unknown(why.clone()),
        Seen::Known(instance) => state(cluster, instance, role, follower.is_some()),
    };
    InstanceStatus {
        ordinal,
        name: format!("{}-{ordinal}", cluster.name),
        role,
        state,
        host: HOST.into(),
        port: seen.known().map_or(0, |i| i.mark.port),
        sync: follower.map_or(Sync::Async, |f| f.sync),
        started_at: facts.and_then(|f| Timestamp::from_microsecond(f.started).ok()),
    }
}

fn state(cluster: &Cluster, instance: &Instance, role: InstanceRole, followed: bool) -> InstanceState {
    let failed = |otherwise: &str| InstanceState::Failed(instance.mark.failure.as_ref().map_or_else(|| otherwise.to_owned(), |f| f.message.clone()));
    match (&instance.mark.stage, &instance.process, &instance.answer) {
        (Stage::New | Stage::Building, ..) => InstanceState::Creating,
        (Stage::Broken(why), ..) => InstanceState::Failed(format!("A fresh copy is needed: {why}")),
        (Stage::Built, Process::Running, Answer::Unknown(why)) => InstanceState::Unknown(why.clone()),
        (Stage::Built, Process::Running, Answer::Silent) => InstanceState::Starting,
        (Stage::Built, Process::Running, Answer::Up(facts)) => match role {
            InstanceRole::Primary if !facts.recovering => InstanceState::Ready,
            InstanceRole::Primary => InstanceState::Starting,
            InstanceRole::Replica if facts.recovering && followed => InstanceState::Ready,
            InstanceRole::Replica => InstanceState::NotStreaming,
        },
        (Stage::Built, ..) if instance.data == Data::Absent => InstanceState::Failed("Its data folder is gone.".into()),
        (Stage::Built, Process::Dead | Process::Leftover, _) if cluster.spec.power == Power::Off => InstanceState::Stopped,
        (Stage::Built, Process::Dead | Process::Leftover, _) if instance.mark.process.is_none() && instance.mark.failure.is_none() => InstanceState::Starting,
        (Stage::Built, Process::Dead | Process::Leftover, _) => failed("Its process is gone; it is started again."),
    }
}

fn endpoints(cluster: &Cluster, world: &World) -> Vec<Endpoint> {
    let endpoint = |kind, name: String, port| Endpoint { kind, name, host: HOST.into(), port };
    let mut all = Vec::new();
    if is_proxied(cluster, world) {
        all.extend(world.mark.rw.map(|port| endpoint(EndpointKind::Rw, format!("{}-rw", cluster.name), port)));
        all.extend(world.mark.ro.map(|port| endpoint(EndpointKind::Ro, format!("{}-ro", cluster.name), port)));
    } else if let Some(primary) = world.mark.primary.and_then(|p| world.instances.get(&p)?.known()) {
        all.push(endpoint(EndpointKind::Rw, format!("{}-rw", cluster.name), primary.mark.port));
    }
    for (ordinal, instance) in plan::each(world).filter(|(_, i)| i.mark.port != 0) {
        all.push(endpoint(EndpointKind::Instance, format!("{}-{ordinal}", cluster.name), instance.mark.port));
    }
    all
}

fn notes(cluster: &Cluster, world: &World, limits: Result<(), String>) -> Vec<Reason> {
    let mut notes = Vec::new();
    notes.extend(limits.err().map(|why| Reason::new(domain::status::kinds::LIMITS, why)));
    if let Some(refused) = &world.mark.refused {
        notes.push(Reason::new("ParameterRejected", format!("PostgreSQL refuses the new parameters, so the former ones stay: {}", refused.why)));
    }
    notes.extend(world.mark.given_up.as_ref().map(|why| Reason::new("SwitchoverGivenUp", why.clone())));
    notes.extend(world.proxy.trouble.clone());
    let taken = plan::each(world).filter_map(|(_, i)| i.mark.failure.as_ref()).find(|failure| failure.code == "PortTaken");
    notes.extend(taken.map(|failure| Reason::new("PortTaken", failure.message.clone())));
    if let Some((_, primary)) = plan::each(world).find(|(ordinal, _)| world.mark.primary == Some(*ordinal)) {
        notes.extend(world.room.note(cluster.spec.storage.get(), primary.is_short()));
    }
    notes.dedup_by(|a, b| a.code == b.code);
    notes
}
