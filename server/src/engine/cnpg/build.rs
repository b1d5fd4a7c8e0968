//! From a wish to the objects that stand for it: pure. Only fields that the portal means are in them.

use super::crd::{CLUSTER, DATABASE, MONITOR, ROLE, SECRET};
use crate::engine::kube::{
    object::{Kind, OWNER},
    parameters,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{Cluster, DatabaseName, RoleName, Spec, database::Database, name::Group, quorum::Durability, spec::Power};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What was applied, as a hash: so that an idle look compares and writes nothing.
pub const APPLIED: &str = "howdah.dev/applied";
/// The count of take-overs that were carried out on this object.
pub const TAKEOVERS: &str = "howdah.dev/takeovers";
/// The count of restarts that were carried out.
pub const RESTARTS: &str = "howdah.dev/restarts";
/// The serial of the last switchover that was carried out.
pub const SWITCHOVER: &str = "howdah.dev/switchover";
/// Which of the user's passwords its Secret has.
pub const PASSWORD: &str = "howdah.dev/password-version";
/// On a Cluster: there may be a PodMonitor of ours.
pub const MONITORED: &str = "howdah.dev/monitored";
/// CloudNativePG stops a cluster and keeps its volumes.
pub const HIBERNATION: &str = "cnpg.io/hibernation";
/// The database that initdb insists on making, and its owner. Nobody uses them.
const FIRST: &str = "howdah_app";
/// Seconds that a smart shutdown waits for idle sessions, during which nobody new is let in.
const SMART_SHUTDOWN: u32 = 3;

/// An object that shall be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The whole of what is applied.
    pub body: Value,
}

impl Wanted {
    /// `annotations` without the hash, which is added here.
    fn new(kind: Kind, cluster: &Cluster, namespace: &str, name: String, mut annotations: Map<String, Value>, rest: Value) -> Self {
        if cluster.spec.takeovers > 0 {
            annotations.insert(TAKEOVERS.into(), cluster.spec.takeovers.to_string().into());
        }
        let labels = json!({ OWNER: cluster.id.to_string(), "app.kubernetes.io/managed-by": "howdah" });
        let metadata = json!({ "name": name, "namespace": namespace, "labels": labels, "annotations": annotations });
        let mut body = json!({ "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": metadata });
        if let (Value::Object(body), Value::Object(rest)) = (&mut body, rest) {
            body.extend(rest);
        }
        Self { kind, name, body }.stamped()
    }

    /// With the hash of all the rest.
    fn stamped(mut self) -> Self {
        if let Some(annotations) = self.body["metadata"]["annotations"].as_object_mut() {
            annotations.remove(APPLIED);
        }
        let hash = hash(&canonical(&self.body), 8);
        self.body["metadata"]["annotations"][APPLIED] = hash.into();
        self
    }

    /// The Cluster with the mark that there may be a PodMonitor.
    pub fn monitored(mut self) -> Self {
        self.body["metadata"]["annotations"][MONITORED] = "true".into();
        self.stamped()
    }
}

/// Where images are taken from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// Of catalog: of the namespace, or of none.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

/// The Cluster.
pub fn cluster(cluster: &Cluster, namespace: &str, images: &Images) -> Wanted {
    let spec = &cluster.spec;
    let mut annotations = Map::new();
    annotations.insert(HIBERNATION.into(), if spec.power == Power::Off { "on" } else { "off" }.into());
    let mut storage = json!({ "size": spec.storage.to_string() });
    if !spec.storage_class.is_empty() {
        storage["storageClass"] = spec.storage_class.clone().into();
    }
    let mut postgresql = json!({ "parameters": parameters::parameters(spec) });
    if let Some(synchronous) = synchronous(spec) {
        postgresql["synchronous"] = synchronous;
    }
    let mut body = json!({
        "instances": spec.instances,
        "imageCatalogRef": { "apiGroup": "postgresql.cnpg.io", "kind": images.kind, "name": images.name, "major": spec.version.number() },
        "inheritedMetadata": { "labels": { OWNER: cluster.id.to_string() } },
        "storage": storage,
        "resources": resources(spec),
        "postgresql": postgresql,
        "bootstrap": { "initdb": { "database": FIRST, "owner": FIRST, "encoding": "UTF8", "localeCollate": "C.UTF-8", "localeCType": "C.UTF-8", "dataChecksums": true } },
        "enableSuperuserAccess": true,
        "smartShutdownTimeout": SMART_SHUTDOWN,
    });
    if spec.external {
        let template = json!({ "metadata": { "name": external(cluster) }, "spec": { "type": "LoadBalancer" } });
        body["managed"] = json!({ "services": { "additional": [{ "selectorType": "rw", "updateStrategy": "patch", "serviceTemplate": template }] } });
    }
    Wanted::new(CLUSTER, cluster, namespace, cluster.name.to_string(), annotations, json!({ "spec": body }))
}

/// Name of the Service that leads in from outside.
pub fn external(cluster: &Cluster) -> String {
    format!("{}-external", cluster.name)
}

/// Where Prometheus finds the metrics of the instances. `uid`: that of the Cluster, with which it goes; none: not known yet.
pub fn monitor(cluster: &Cluster, namespace: &str, uid: Option<&str>) -> Wanted {
    let selector = json!({ "matchLabels": { "cnpg.io/cluster": cluster.name.as_str(), "cnpg.io/podRole": "instance" } });
    let spec = json!({ "selector": selector, "podMetricsEndpoints": [{ "port": "metrics" }] });
    let mut wanted = Wanted::new(MONITOR, cluster, namespace, monitor_name(cluster), Map::new(), json!({ "spec": spec }));
    if let Some(uid) = uid {
        // Not its controller: the operator deletes PodMonitors that its Clusters control and that it did not make.
        let owner = json!({ "apiVersion": CLUSTER.api_version(), "kind": CLUSTER.kind, "name": cluster.name.as_str(), "uid": uid });
        wanted.body["metadata"]["ownerReferences"] = json!([owner]);
    }
    wanted.stamped()
}

/// Name of the PodMonitor. Operators before 1.27.3 and 1.28.1 delete whichever has the name of a Cluster, which never has a dot.
pub fn monitor_name(cluster: &Cluster) -> String {
    format!("{}.metrics", cluster.name)
}

/// A tenth of the processor is set aside for an instance, all of its memory: idle databases hardly use the one, and cannot give back the other.
fn resources(spec: &Spec) -> Value {
    let (cpu, memory) = (spec.size.cpu(), spec.size.memory().to_string());
    let requested = domain::quantity::Cpu::millis((cpu.get() / 10).max(10));
    json!({ "limits": { "cpu": cpu.to_string(), "memory": memory }, "requests": { "cpu": requested.to_string(), "memory": memory } })
}

/// How many replicas commits wait for. Never more than there are: the operator would refuse the whole object.
pub fn synchronous_number(spec: &Spec) -> Option<u8> {
    Some(spec.quorum.max.min(spec.replicas())).filter(|number| *number > 0)
}

fn synchronous(spec: &Spec) -> Option<Value> {
    let durability = match spec.quorum.durability {
        Durability::Preferred => "preferred",
        Durability::Required => "required",
    };
    synchronous_number(spec).map(|number| json!({ "method": "any", "number": number, "dataDurability": durability }))
}

/// Group roles of databases, and the users with their memberships.
pub fn roles(cluster: &Cluster, namespace: &str, group_comment: impl Fn(Option<&str>) -> String) -> (Vec<Wanted>, BTreeMap<RoleName, Wanted>) {
    let role = |name: &str, annotations: Map<String, Value>, mut spec: Value| {
        spec["cluster"] = json!({ "name": cluster.name.as_str() });
        spec["name"] = name.into();
        spec["databaseRoleReclaimPolicy"] = "retain".into();
        Wanted::new(ROLE, cluster, namespace, object_name(cluster, name), annotations, json!({ "spec": spec }))
    };
    let groups = cluster.spec.databases.keys().flat_map(|database| [Group::Admin, Group::Readonly].map(|group| (database, database.group(group))));
    let groups = groups.map(|(database, name)| role(&name, Map::new(), json!({ "comment": group_comment(Some(database.as_str())) })));
    let users = cluster.spec.users.iter().map(|(name, user)| {
        let version = Map::from_iter([(PASSWORD.to_owned(), user.password_version.to_string().into())]);
        let mut spec = json!({ "login": true, "inherit": true, "comment": group_comment(None), "passwordSecret": { "name": secret_name(cluster, name) } });
        // The operator leaves out what is empty when it writes the object itself: sent, it would seem to have changed.
        if user.replication {
            spec["replication"] = true.into();
        }
        match memberships(&cluster.spec, name) {
            groups if groups.is_empty() => {}
            groups => spec["inRoles"] = groups.into(),
        }
        (name.clone(), role(name.as_str(), version, spec))
    });
    (groups.collect(), users.collect())
}

/// Groups that a user is in: an owner has all that admins have.
fn memberships(spec: &Spec, user: &RoleName) -> Vec<String> {
    let of = |(name, database): (&DatabaseName, &Database)| {
        let admin = database.roles.admin.contains(user) || database.owner.as_ref() == Some(user);
        let admin = admin.then(|| name.group(Group::Admin));
        let readonly = database.roles.readonly.contains(user).then(|| name.group(Group::Readonly));
        [admin, readonly]
    };
    spec.databases.iter().flat_map(of).flatten().collect()
}

/// The Secret of a user's password, which holds nothing but what PostgreSQL itself keeps of it.
pub fn secret(cluster: &Cluster, namespace: &str, user: &RoleName, scram: &str) -> Wanted {
    let data = json!({ "username": BASE64_STANDARD.encode(user.as_str()), "password": BASE64_STANDARD.encode(scram) });
    let mut wanted =
        Wanted::new(SECRET, cluster, namespace, secret_name(cluster, user), Map::new(), json!({ "type": "kubernetes.io/basic-auth", "data": data }));
    wanted.body["metadata"]["labels"]["cnpg.io/reload"] = "true".into();
    // Its hash would be one of a verifier.
    if let Some(annotations) = wanted.body["metadata"]["annotations"].as_object_mut() {
        annotations.remove(APPLIED);
    }
    wanted
}

/// The databases with their extensions.
pub fn databases(cluster: &Cluster, namespace: &str) -> BTreeMap<DatabaseName, Wanted> {
    let one = |(name, database): (&DatabaseName, &Database)| {
        let owner = database.owner.as_ref().map_or_else(|| name.group(Group::Admin), ToString::to_string);
        let extensions: Vec<_> = database.extensions.iter().map(|extension| json!({ "name": extension.as_str() })).collect();
        let mut spec = json!({
            "cluster": { "name": cluster.name.as_str() },
            "name": name.as_str(),
            "owner": owner,
            "template": "template0",
            // What is deleted by hand keeps its data; the portal says otherwise right before it deletes one itself.
            "databaseReclaimPolicy": "retain",
        });
        if !extensions.is_empty() {
            spec["extensions"] = extensions.into();
        }
        (name.clone(), Wanted::new(DATABASE, cluster, namespace, object_name(cluster, name.as_str()), Map::new(), json!({ "spec": spec })))
    };
    cluster.spec.databases.iter().map(one).collect()
}

/// Name of the object of a role or database. Two names that Kubernetes cannot tell apart get a hash each.
pub fn object_name(cluster: &Cluster, name: &str) -> String {
    let slug: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    if slug == name {
        return format!("{}-{slug}", cluster.name);
    }
    format!("{}-{}-{}", cluster.name, slug.trim_matches('-'), hash(name, 4))
}

fn hash(text: &str, bytes: usize) -> String {
    Sha256::digest(text).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// As text in which the order of keys says nothing: another build of the portal must not find everything changed.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().map(|(key, value)| (key, canonical(value))).collect();
            format!("{sorted:?}")
        }
        Value::Array(list) => format!("{:?}", list.iter().map(canonical).collect::<Vec<_>>()),
        plain => plain.to_string(),
    }
}

/// Name of the Secret of a user's password. The operator's own Secrets end otherwise.
pub fn secret_name(cluster: &Cluster, user: &RoleName) -> String {
    format!("{}-login", object_name(cluster, user.as_str()))
}
