//! From the objects that a tenant may read to what is there. Pure.
//!
//! The CloudNativePG cluster and the Helm release are not for tenants to read: what instances are comes from the labels of their pods, what volumes are from
//! what Cozystack counts of them, and what is inside PostgreSQL from the release: when it is in place, its script has made users and databases.

use super::{
    check,
    crd::{Ingress, Pod, Postgres, Service, Workload},
    mark::{Mark, is_ours},
    release::{Landed, landed, release},
};
use crate::engine::kube::object::Object;
use domain::{
    Cluster, Timestamp,
    observed::{Inside, Observed, Seen},
    quantity::{Bytes, Cpu},
    status::{Endpoint, EndpointKind, InstanceRole, InstanceState, InstanceStatus, Item, Reason},
    vitals::Sync,
};

/// What was read of one cluster.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The object that stands for the cluster; none: it is proven not to be there.
    pub object: Option<Object<Postgres>>,
    /// Pods of the instances, and of what prepares them.
    pub pods: Vec<Object<Pod>>,
    /// Pods of the job that makes users and databases, looked at while a release is not in place. They stay for an hour, and hold nothing.
    pub jobs: Vec<Object<Pod>>,
    /// The service with an address from outside.
    pub outside: Option<Object<Service>>,
    /// What Cozystack counts; none: may not be read, and then nothing is known of volumes.
    pub workloads: Option<Vec<Object<Workload>>>,
}

/// The name under which the platform runs a cluster.
pub fn release_name(cluster: &Cluster) -> String {
    format!("postgres-{}", cluster.name)
}

/// What is there. An object of that name that is somebody else's shows nothing of this cluster.
pub fn observed(cluster: &Cluster, namespace: &str, world: &World, now: Timestamp) -> Observed {
    let world = &World { object: world.object.clone().filter(|object| is_ours(cluster, object)), ..world.clone() };
    let mut notes = Vec::new();
    if let Some(failed) = world.jobs.iter().find(|pod| pod.body.status.phase == "Failed") {
        let words = "The platform's job that makes users and databases failed and is tried again; why is in its log, which only an administrator may read";
        notes.push(Reason::new("InitJobFailed", format!("{words} (pod {}).", failed.meta.name)));
    }
    let given = world.outside.as_ref().is_some_and(|service| !service.body.status.load_balancer.ingress.is_empty());
    if cluster.spec.external && !given && world.object.is_some() && !unfinished(world, now) {
        let words = "The platform has not given the cluster an address from outside yet. If none comes, it has no load balancer: ask its administrator";
        notes.push(Reason::new("NoExternalAddress", format!("{words}.")));
    }
    Observed { instances: Seen::Known(instances(cluster, world)), endpoints: endpoints(cluster, namespace, world), inside: inside(cluster, world, now), notes }
}

/// Whether the last write is not in place yet.
pub fn unfinished(world: &World, now: Timestamp) -> bool {
    world.object.as_ref().is_some_and(|object| landed(&release(&object.body.status), Mark::read(&object.meta).written, now) != Landed::Yes)
}

fn inside(cluster: &Cluster, world: &World, now: Timestamp) -> Seen<Inside> {
    let Some(object) = &world.object else { return Seen::Unknown("There is no Postgres object yet.".into()) };
    let mark = Mark::read(&object.meta);
    match landed(&release(&object.body.status), mark.written, now) {
        Landed::Yes => {}
        Landed::NotYet(reason) | Landed::Failed(reason) => return Seen::Unknown(reason.message),
    }
    let there = |key: &str, name: &str| object.body.map(key).is_some_and(|map| map.contains_key(name));
    let users = cluster.spec.users.keys().map(|name| {
        let version = mark.users.get(name.as_str()).filter(|_| there("users", name.as_str()));
        (name.clone(), version.map_or(Item::New, |version| Item::Active { password_version: *version }))
    });
    let databases = cluster.spec.databases.keys().map(|name| {
        let made = mark.databases.contains(name.as_str()) && there("databases", name.as_str());
        (name.clone(), if made { Item::Active { password_version: 0 } } else { Item::New })
    });
    let (foreign_users, foreign_databases) = check::foreign(cluster, object);
    let unseen = "They are handed over. Whether PostgreSQL takes their values, and whether one that waits for a restart is in effect, cannot be seen here.";
    let (users, databases, unseen_parameters) = (users.collect(), databases.collect(), (!cluster.spec.parameters.0.is_empty()).then(|| unseen.into()));
    Seen::Known(Inside { users, databases, foreign_users, foreign_databases, unseen_parameters, ..Inside::default() })
}

fn instances(cluster: &Cluster, world: &World) -> Vec<InstanceStatus> {
    let prefix = format!("{}-", release_name(cluster));
    let mut all: Vec<InstanceStatus> = Vec::new();
    // Without the object, pods of that name may be those of an earlier cluster.
    for pod in world.pods.iter().filter(|_| world.object.is_some()) {
        let job = pod.meta.labels.contains_key("cnpg.io/jobRole");
        let Some(name) = pod.meta.labels.get("cnpg.io/instanceName") else { continue };
        let Some(ordinal) = name.strip_prefix(&prefix).and_then(|rest| rest.parse().ok()) else { continue };
        let seen = instance(cluster, pod, name, ordinal, job);
        match all.iter_mut().find(|known| known.ordinal == ordinal) {
            // The pod that prepares an instance stays for a while beside the instance itself.
            Some(_) if job => {}
            Some(known) => *known = seen,
            // One that has done its work says nothing about an instance that is not there.
            None if job && pod.body.status.phase == "Succeeded" => {}
            None => all.push(seen),
        }
    }
    all.sort_by_key(|instance| instance.ordinal);
    all
}

fn instance(cluster: &Cluster, pod: &Object<Pod>, name: &str, ordinal: u8, job: bool) -> InstanceStatus {
    let label = |name: &str| pod.meta.labels.get(name).map(String::as_str);
    let primary = match label("cnpg.io/instanceRole").or(label("role")) {
        Some(role) => role == "primary",
        None => job && label("cnpg.io/jobRole").is_some_and(|role| role != "join"),
    };
    let started = pod.body.status.container_statuses.iter().find(|status| status.name == "postgres").and_then(|status| status.state.running.as_ref());
    let state = if job { preparing(pod) } else { state(pod) };
    // Which replicas confirm is not for tenants to see, but follows from the rule: any of those that are ready.
    let confirms = cluster.spec.quorum.max > 0 && !primary && state == InstanceState::Ready;
    InstanceStatus {
        ordinal,
        name: name.to_owned(),
        role: if primary { InstanceRole::Primary } else { InstanceRole::Replica },
        state,
        host: pod.body.status.pod_ip.clone().unwrap_or_default(),
        port: 5432,
        sync: if confirms { Sync::Quorum } else { Sync::Async },
        started_at: started.and_then(|running| running.started_at.as_ref()?.parse().ok()),
    }
}

fn preparing(pod: &Object<Pod>) -> InstanceState {
    match trouble(pod) {
        Some(why) => InstanceState::Failed(why),
        None => InstanceState::Creating,
    }
}

fn state(pod: &Object<Pod>) -> InstanceState {
    let ready = pod.body.status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True");
    match (pod.meta.deleting, pod.body.status.phase.as_str()) {
        (Some(_), _) => InstanceState::Starting,
        (None, "Running") if ready => InstanceState::Ready,
        (None, _) => match trouble(pod) {
            Some(why) => InstanceState::Failed(why),
            None => InstanceState::Starting,
        },
    }
}

/// Why a pod does not get on by itself, if so.
fn trouble(pod: &Object<Pod>) -> Option<String> {
    let status = &pod.body.status;
    if status.phase == "Failed" {
        return Some(format!("Its pod {} failed.", pod.meta.name));
    }
    if let Some(unplaced) = status.conditions.iter().find(|condition| condition.kind == "PodScheduled" && condition.status == "False") {
        return Some(format!("There is no room for its pod: {}.", unplaced.message.trim_end_matches('.')));
    }
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses);
    let (container, waiting) = containers
        .filter_map(|container| Some((container, container.state.waiting.as_ref()?)))
        .find(|(_, waiting)| !["", "PodInitializing", "ContainerCreating"].contains(&waiting.reason.as_str()))?;
    // These two take turns for as long as it lasts.
    if ["ErrImagePull", "ImagePullBackOff"].contains(&waiting.reason.as_str()) {
        return Some(format!("The image {} cannot be had.", container.image));
    }
    let message = waiting.message.trim_end_matches('.');
    Some(if message.is_empty() { format!("{}.", waiting.reason) } else { format!("{}: {message}.", waiting.reason) })
}

fn endpoints(cluster: &Cluster, namespace: &str, world: &World) -> Vec<Endpoint> {
    if world.object.is_none() {
        return Vec::new();
    }
    let name = release_name(cluster);
    let inside = |kind, tail: &str| Endpoint { kind, name: format!("{name}-{tail}"), host: format!("{name}-{tail}.{namespace}.svc"), port: 5432 };
    let mut all = vec![inside(EndpointKind::Rw, "rw")];
    if cluster.spec.instances > 1 {
        all.push(inside(EndpointKind::Ro, "ro"));
    }
    let addresses = world.outside.iter().flat_map(|service| &service.body.status.load_balancer.ingress);
    let addresses = addresses.filter_map(|Ingress { ip, hostname }| hostname.clone().or_else(|| ip.clone()));
    all.extend(addresses.map(|host| Endpoint { kind: EndpointKind::External, name: format!("{name}-external-write"), host, port: 5432 }));
    all
}

/// What is still on its way although the release is in place; none: nothing that a tenant could see.
pub fn outstanding(cluster: &Cluster, world: &World) -> Option<Reason> {
    let wish = &cluster.spec;
    let pods: Vec<_> = world.pods.iter().filter(|pod| pod.meta.labels.get("cnpg.io/podRole").is_some_and(|role| role == "instance")).collect();
    if pods.len() != usize::from(wish.instances) {
        return Some(Reason::new("Scaling", format!("{} of {} instances are there.", pods.len(), wish.instances)));
    }
    if let Some(old) = pods.iter().find(|pod| !fits(cluster, pod)) {
        return Some(Reason::new("Resizing", format!("{} runs with its former size and is restarted.", old.meta.name)));
    }
    if let Some(waiting) = instances(cluster, world).iter().find(|instance| instance.state != InstanceState::Ready) {
        let starting = || Reason::new("Starting", format!("{} is not ready yet.{}", waiting.name, doubt(cluster)));
        return Some(stuck(cluster, world).unwrap_or_else(starting));
    }
    let small = world.workloads.iter().flatten().find(|workload| volume(workload).is_some_and(|size| size < wish.storage));
    small.map(|workload| Reason::new("Growing", format!("The volume {} is growing to {}.", workload.meta.name.trim_start_matches("pvc-"), wish.storage)))
}

/// What holds a release up, as far as pods tell; none: nothing that a tenant could see.
pub fn stuck(cluster: &Cluster, world: &World) -> Option<Reason> {
    let instance = instances(cluster, world).into_iter().find_map(|instance| match instance.state {
        InstanceState::Failed(why) => Some(format!("{}: {why}", instance.name)),
        _ => None,
    });
    instance.map(|why| Reason::new("InstanceNotReady", why + doubt(cluster))).or_else(|| {
        let why = world.jobs.iter().find_map(trouble)?;
        Some(Reason::new("InitJobFailed", format!("The platform's job that makes users and databases does not get on. {why}")))
    })
}

/// Logs are not for tenants to read, and this is what is in them most often.
fn doubt(cluster: &Cluster) -> &'static str {
    if cluster.spec.parameters.0.is_empty() { "" } else { " If that lasts, look at the parameters: PostgreSQL does not start with a value that it refuses." }
}

/// Whether a pod has the limits of the wish; what is not said is not known, and not held against it.
fn fits(cluster: &Cluster, pod: &Object<Pod>) -> bool {
    let limits = pod.body.spec.containers.iter().find(|container| container.name == "postgres").map(|container| &container.resources.limits);
    let said = |key: &str| limits.and_then(|limits| limits.get(key)).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let memory = said("memory").and_then(|text| text.parse::<Bytes>().ok()).is_none_or(|memory| memory == cluster.spec.size.memory());
    memory && said("cpu").and_then(|text| text.parse::<Cpu>().ok()).is_none_or(|cpu| cpu == cluster.spec.size.cpu())
}

fn volume(workload: &Object<Workload>) -> Option<Bytes> {
    let (_, size) = workload.body.status.resources.iter().find(|(name, _)| name.ends_with("/requests.storage"))?;
    size.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ClusterId, PlaceName, ProjectId, Spec, Uuid, version::Major};
    use serde_json::{Value, json};

    fn pod(labels: &Value, status: &Value) -> Object<Pod> {
        let whole = json!({"metadata": {"name": "p", "labels": labels}, "status": status});
        Object::read(serde_json::from_value(whole).expect("an object")).expect("a pod")
    }

    fn orders(change: impl FnOnce(&mut Spec)) -> Cluster {
        let name: domain::ClusterName = "orders".parse().expect("a name");
        let mut spec = Spec::new(&name, Major::V18);
        change(&mut spec);
        Cluster::create(ClusterId(Uuid::nil()), ProjectId::DEFAULT, PlaceName::local(), name, spec, Timestamp::UNIX_EPOCH).expect("a wish")
    }

    #[test]
    fn the_address_from_outside_is_told_from_those_inside() {
        let read = |whole: Value| serde_json::from_value(whole).expect("an object");
        let object = Object::read(read(json!({"metadata": {"name": "orders", "labels": {"howdah.dev/cluster": Uuid::nil()}}}))).expect("a Postgres");
        let given = json!({"metadata": {"name": "postgres-orders-external-write"}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}});
        let world = World { object: Some(object), outside: Some(Object::read(read(given)).expect("a service")), ..World::default() };
        let seen = observed(&orders(|spec| spec.external = true), "tenant-a", &world, Timestamp::UNIX_EPOCH).endpoints;
        let seen: Vec<_> = seen.iter().map(|endpoint| (endpoint.kind, endpoint.host.as_str())).collect();
        assert_eq!(seen, [(EndpointKind::Rw, "postgres-orders-rw.tenant-a.svc"), (EndpointKind::External, "192.0.2.7")]);
    }

    #[test]
    fn what_holds_a_release_up_is_said_long_before_it_is_given_up() {
        let cluster = orders(|_| ());
        let object = Object::read(serde_json::from_value(json!({"metadata": {"name": "orders"}})).expect("an object")).expect("a Postgres");
        let first = json!({"cnpg.io/instanceName": "postgres-orders-1", "cnpg.io/jobRole": "initdb"});
        let waits =
            |reason: &str| json!({"phase": "Pending", "containerStatuses": [{"name": "initdb", "image": "pg:18", "state": {"waiting": {"reason": reason}}}]});
        let world = |status: &Value| World { object: Some(object.clone()), pods: vec![pod(&first, status)], ..World::default() };
        let said = |world: &World| stuck(&cluster, world).map(|reason| reason.message);
        assert_eq!(said(&world(&waits("PodInitializing"))), None);
        let why = said(&world(&waits("ErrImagePull")));
        assert_eq!(why.as_deref(), Some("postgres-orders-1: The image pg:18 cannot be had."));
        assert_eq!(said(&world(&waits("ImagePullBackOff"))), why, "these two take turns");
        let full = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available."}]});
        assert_eq!(said(&world(&full)).as_deref(), Some("postgres-orders-1: There is no room for its pod: 0/1 nodes are available."));
        let job = World { jobs: vec![pod(&json!({}), &json!({"phase": "Failed"}))], ..world(&waits("")) };
        let mut doubtful = cluster.clone();
        doubtful.spec.parameters.0.insert("work_mem".into(), "much".into());
        assert!(stuck(&doubtful, &world(&full)).is_some_and(|reason| reason.message.contains("look at the parameters")));
        assert_eq!(said(&job).as_deref(), Some("The platform's job that makes users and databases does not get on. Its pod p failed."));
    }
}
