//! From objects to what people see: pure. What no object says is not made up.

use super::{
    build,
    crd::{self, HIBERNATION},
    monitor,
    world::World,
};
use crate::engine::kube::object::Object;
use domain::{
    Cluster, RoleName, Timestamp,
    observed::{Inside, Observed, Seen},
    status::{Endpoint, EndpointKind, InstanceRole, InstanceState, InstanceStatus, Item, Reason},
    vitals::Sync,
};
use std::collections::{BTreeMap, BTreeSet};

/// Seconds before its end at which a certificate should have been renewed for days.
const OVERDUE: i64 = 3 * 86_400;

/// PostgreSQL's port in every pod and service.
pub const PORT: u16 = 5432;

/// The address that a load balancer gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    /// None is wished for.
    Unwanted,
    /// It has given none yet.
    Awaited,
    /// Host name or address.
    Given(String),
    /// It could not be read; why, as a clause.
    Unseen(String),
}

/// What is known besides the objects that are watched.
#[derive(Debug, Clone)]
pub struct Besides {
    /// The address from outside.
    pub outside: Outside,
    /// Roles and databases are objects.
    pub roles: bool,
    /// The version of the Secret of each user's password, as far as it was looked into.
    pub secrets: BTreeMap<RoleName, String>,
    /// What the last try to write or delete its PodMonitor came to, if to nothing.
    pub unmonitored: Option<String>,
}

/// What is seen of a cluster.
pub fn observed(cluster: &Cluster, namespace: &str, world: &World, besides: &Besides, now: Timestamp) -> Observed {
    let own = world.own(cluster);
    let instances = own.map_or_else(Vec::new, |object| instances(cluster, &object.body, world));
    let inside = if besides.roles { Seen::Known(items(cluster, world, &besides.secrets)) } else { Seen::Unknown("SQL says what is inside.".into()) };
    let endpoints = own.map_or_else(Vec::new, |_| endpoints(cluster, namespace, &besides.outside));
    let mut notes = own.map_or_else(Vec::new, |object| notes(object, &besides.outside, now));
    notes.extend(own.and_then(|_| monitor::told(cluster, &world.monitor, besides.unmonitored.clone())));
    Observed { instances: Seen::Known(instances), endpoints, inside, notes }
}

/// The number at the end of `orders-3`.
pub fn ordinal(cluster: &Cluster, name: &str) -> Option<u8> {
    name.strip_prefix(cluster.name.as_str())?.strip_prefix('-')?.parse().ok()
}

fn instances(cluster: &Cluster, object: &crd::Cluster, world: &World) -> Vec<InstanceStatus> {
    let status = &object.status;
    let pods = world.pods.iter().map(|pod| pod.meta.name.as_str());
    let makers = world.makers.iter().filter_map(|pod| pod.meta.labels.get("cnpg.io/instanceName")).map(String::as_str);
    let names: BTreeSet<&str> = pods.chain(makers).chain(status.instance_names.iter().map(String::as_str)).collect();
    let mut all: Vec<_> = names
        .into_iter()
        .filter_map(|name| Some((ordinal(cluster, name)?, name)))
        .map(|(ordinal, name)| instance(cluster, object, world, ordinal, name))
        .collect();
    all.sort_by_key(|instance| instance.ordinal);
    all
}

fn instance(cluster: &Cluster, object: &crd::Cluster, world: &World, ordinal: u8, name: &str) -> InstanceStatus {
    let pod = world.pod(name);
    let role = if object.status.current_primary == name { InstanceRole::Primary } else { InstanceRole::Replica };
    let waited_for = role == InstanceRole::Replica && cluster.spec.quorum.max > 0;
    let running = pod.and_then(|pod| postgres(&pod.body)).and_then(|container| container.state.running.as_ref());
    InstanceStatus {
        ordinal,
        name: name.to_owned(),
        role,
        state: state(object, pod, world.maker(name), name),
        host: pod.map(|pod| pod.body.status.ip.clone()).unwrap_or_default(),
        port: PORT,
        sync: if waited_for { Sync::Quorum } else { Sync::Async },
        started_at: running.and_then(|running| running.started_at),
    }
}

fn postgres(pod: &crd::Pod) -> Option<&crd::ContainerStatus> {
    pod.status.container_statuses.iter().find(|container| container.name == "postgres")
}

fn state(object: &crd::Cluster, pod: Option<&Object<crd::Pod>>, maker: Option<&Object<crd::Pod>>, name: &str) -> InstanceState {
    let status = &object.status;
    let Some(pod) = pod else {
        if let Some(maker) = maker {
            return stuck(&maker.body).map_or(InstanceState::Creating, InstanceState::Failed);
        }
        return match () {
            () if object.condition(HIBERNATION).is_some() => InstanceState::Stopped,
            () if status.initializing_pvc.iter().any(|volume| volume == name) => InstanceState::Creating,
            () if status.unusable_pvc.iter().any(|volume| volume == name) => InstanceState::Failed("Its volume cannot be used.".into()),
            () => InstanceState::Starting,
        };
    };
    if pod.meta.deleting.is_some() {
        return if object.condition(HIBERNATION).is_some() { InstanceState::Stopped } else { InstanceState::Failed("Its pod is being stopped.".into()) };
    }
    if let Some(why) = stuck(&pod.body) {
        return InstanceState::Failed(why);
    }
    let ready = pod.body.status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True");
    let failed = status.instances_status.get("failed").is_some_and(|names| names.iter().any(|failed| failed == name));
    match (ready, failed, status.current_primary == name) {
        (true, true, false) => InstanceState::NotStreaming,
        (true, ..) => InstanceState::Ready,
        (false, ..) => InstanceState::Starting,
    }
}

/// What a pod waits for that does not come by itself.
fn stuck(pod: &crd::Pod) -> Option<String> {
    let unscheduled = pod.status.conditions.iter().find(|condition| condition.kind == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        return Some(format!("No machine of the Kubernetes cluster takes its pod: {}", condition.message));
    }
    if pod.status.phase == "Failed" {
        return Some("Its pod has failed.".into());
    }
    let waiting = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses).filter_map(|container| container.state.waiting.as_ref());
    let harmless = ["", "PodInitializing", "ContainerCreating"];
    waiting.filter(|waiting| !harmless.contains(&waiting.reason.as_str())).map(|waiting| format!("{}: {}", waiting.reason, waiting.message)).next()
}

fn endpoints(cluster: &Cluster, namespace: &str, outside: &Outside) -> Vec<Endpoint> {
    let service = |kind, tail: &str| {
        let name = format!("{}-{tail}", cluster.name);
        Endpoint { kind, host: format!("{name}.{namespace}.svc"), name, port: PORT }
    };
    let mut all = vec![service(EndpointKind::Rw, "rw")];
    if cluster.spec.instances > 1 {
        all.push(service(EndpointKind::Ro, "ro"));
    }
    let host = match outside {
        Outside::Unwanted | Outside::Awaited => None,
        Outside::Given(host) => Some(host.clone()),
        // People may be using it.
        Outside::Unseen(_) => cluster.status.endpoints.iter().find(|known| known.kind == EndpointKind::External).map(|known| known.host.clone()),
    };
    all.extend(host.map(|host| Endpoint { kind: EndpointKind::External, name: build::external(cluster), host, port: PORT }));
    all
}

/// What became of users and databases, as their objects say.
fn items(cluster: &Cluster, world: &World, secrets: &BTreeMap<RoleName, String>) -> Inside {
    let by_name = |name: &str| build::object_name(cluster, name);
    let users = cluster.spec.users.keys().map(|name| {
        let object = world.roles.iter().find(|role| role.meta.name == by_name(name.as_str()));
        let version: u32 = object.and_then(|role| role.meta.annotation(build::PASSWORD)?.parse().ok()).unwrap_or(0);
        // The object tells the password that is meant, and its status the Secret that was taken: until it is the one of now, the password is that of before.
        let taken = object.map_or("", |role| role.body.status.secret_resource_version.as_str());
        let behind = secrets.get(name).is_some_and(|found| is_before(taken, found));
        let version = if behind { version.saturating_sub(1) } else { version };
        (name.clone(), object.map_or(Item::New, |role| item(role.meta.generation, &role.body.status, version)))
    });
    let databases = cluster.spec.databases.keys().map(|name| {
        let object = world.databases.iter().find(|database| database.meta.name == by_name(name.as_str()));
        (name.clone(), object.map_or(Item::New, |database| item(database.meta.generation, &database.body.status, 0)))
    });
    let unseen = "PostgreSQL itself was not asked, and no object says whether parameters are in effect.";
    Inside { users: users.collect(), databases: databases.collect(), unseen_parameters: Some(unseen.into()), ..Inside::default() }
}

/// Whether one version of an object is older than another. Versions grow with every write.
fn is_before(one: &str, other: &str) -> bool {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => one != other,
    }
}

fn item(generation: i64, status: &crd::Applied, password_version: u32) -> Item {
    match status.applied {
        Some(true) if status.observed_generation == generation => Item::Active { password_version },
        Some(false) if !is_passing(&status.message) => {
            let parts = status.extensions.iter().filter(|part| !part.applied).map(|part| format!(" {}: {}.", part.name, part.message.trim_end_matches('.')));
            Item::Error(format!("{}.{}", status.message.trim_end_matches('.'), parts.collect::<String>()))
        }
        // Nobody looked at this wish yet, or what it needs is on its way.
        Some(_) | None => Item::New,
    }
}

/// What the operator says of an object whose turn has not come.
fn is_passing(message: &str) -> bool {
    // The operator gives its instances the right to read a new Secret some seconds after it was made.
    let waits =
        ["waiting for the cluster", "cluster is not ready", "cluster resource has been deleted", "is a replica", "not found", "does not exist", "is forbidden"];
    message.is_empty() || waits.iter().any(|part| message.to_lowercase().contains(part))
}

fn notes(object: &Object<crd::Cluster>, outside: &Outside, now: Timestamp) -> Vec<Reason> {
    let mut all = Vec::new();
    match outside {
        Outside::Unwanted | Outside::Given(_) => {}
        Outside::Awaited => {
            let message = "No address from outside was given yet: the Kubernetes cluster's load balancer has to give one.";
            all.push(Reason::new("NoExternalAddress", message));
        }
        Outside::Unseen(why) => all.push(Reason::new("ExternalAddressUnseen", format!("The address from outside could not be read: {why}."))),
    }
    if let Some(condition) = object.body.condition("ConsistentSystemID").filter(|condition| condition.status == "False" && condition.reason == "Mismatch") {
        all.push(Reason::new("InconsistentSystemId", condition.message.clone()));
    }
    let ends = |text: &str| text.strip_suffix(" UTC").and_then(|text| jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S %z", text).ok()?.to_timestamp().ok());
    for (secret, text) in &object.body.status.certificates.expirations {
        if ends(text).is_some_and(|end| end.as_second() - now.as_second() < OVERDUE) {
            let message =
                format!("The certificate in the Secret {secret} ends at {text}, and the operator should have renewed it by now. See whether it runs.");
            all.push(Reason::new("CertificateEnds", message));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_the_operator_forgot_is_told() {
        let mut body = crd::Cluster::default();
        body.status.certificates.expirations.insert("orders-server".into(), "2027-02-19 11:05:10 +0000 UTC".into());
        let object = Object { meta: Default::default(), body };
        let told = |now: &str| notes(&object, &Outside::Unwanted, now.parse().expect("a time")).len();
        assert_eq!((told("2027-02-01T00:00:00Z"), told("2027-02-18T00:00:00Z")), (0, 1));
    }
}
