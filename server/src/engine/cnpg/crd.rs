//! CloudNativePG's objects as far as the portal reads them. Everything may be missing, and text stays text: a newer operator must not blind us.

use crate::engine::kube::{
    object::{Kind, Object, Readable},
    probe::{CNPG, MONITORING},
};
use domain::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A PostgreSQL cluster.
pub const CLUSTER: Kind = Kind { group: CNPG, version: "v1", kind: "Cluster", plural: "clusters" };
/// A database in one.
pub const DATABASE: Kind = Kind { group: CNPG, version: "v1", kind: "Database", plural: "databases" };
/// A role in one. Since 1.30.
pub const ROLE: Kind = Kind { group: CNPG, version: "v1", kind: "DatabaseRole", plural: "databaseroles" };
/// Kubernetes' own kinds.
pub const POD: Kind = Kind::core("Pod", "pods");
/// A password.
pub const SECRET: Kind = Kind::core("Secret", "secrets");
/// A volume.
pub const VOLUME: Kind = Kind::core("PersistentVolumeClaim", "persistentvolumeclaims");

/// What tells Prometheus where metrics are.
pub const MONITOR: Kind = Kind { group: MONITORING, version: "v1", kind: "PodMonitor", plural: "podmonitors" };

/// Phase of a cluster that is as its object says.
pub const HEALTHY: &str = "Cluster in healthy state";
/// Condition about hibernation.
pub const HIBERNATION: &str = "cnpg.io/hibernation";

/// A Cluster.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// The whole wish as JSON text: small to keep, read only when compared.
    #[serde(skip)]
    pub spec: Box<str>,
    /// What became of it.
    pub status: ClusterStatus,
}

/// What the operator says of a Cluster.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Free text; empty: the operator has not looked yet.
    pub phase: String,
    /// Free text.
    pub phase_reason: String,
    /// Instances that have a volume.
    pub instances: i64,
    /// Instances that are ready.
    pub ready_instances: i64,
    /// Their names.
    pub instance_names: Vec<String>,
    /// Names by `healthy`, `replicating`, `failed`.
    pub instances_status: BTreeMap<String, Vec<String>>,
    /// Who is the primary.
    pub current_primary: String,
    /// Who shall be; `pending`: a failover is wanted.
    pub target_primary: String,
    /// The image that instances run.
    pub image: String,
    /// Volumes that are being made larger.
    #[serde(rename = "resizingPVC")]
    pub resizing_pvc: Vec<String>,
    /// Volumes that are being filled for the first time.
    #[serde(rename = "initializingPVC")]
    pub initializing_pvc: Vec<String>,
    /// Volumes that cannot be used.
    #[serde(rename = "unusablePVC")]
    pub unusable_pvc: Vec<String>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Certificates.
    pub certificates: Certificates,
    /// Versions of Secrets that the operator took.
    pub secrets_resource_version: BTreeMap<String, Value>,
}

/// A condition.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// Its name.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// CamelCase word.
    pub reason: String,
    /// Free text.
    pub message: String,
}

/// Certificates of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Certificates {
    /// When the certificate in each Secret ends, as in `2026-11-20 21:00:00 +0000 UTC`.
    pub expirations: BTreeMap<String, String>,
    /// The Secret with the authority of the servers.
    #[serde(rename = "serverCASecret")]
    pub server_ca_secret: String,
}

impl Cluster {
    /// The condition of that name.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind)
    }
}

impl Readable for Cluster {
    const KIND: Kind = CLUSTER;

    fn complete(&mut self, whole: &Value) {
        self.spec = whole["spec"].to_string().into();
    }
}

/// A Database.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Database {
    /// The whole wish as JSON text.
    #[serde(skip)]
    pub spec: Box<str>,
    /// What became of it.
    pub status: Applied,
}

/// What the primary's instance manager says of a Database or a DatabaseRole.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Applied {
    /// It is as wished for; none: nobody looked yet.
    pub applied: Option<bool>,
    /// Why it is not.
    pub message: String,
    /// The generation that this is about.
    pub observed_generation: i64,
    /// Extensions of a Database.
    pub extensions: Vec<Part>,
    /// The version of the Secret that a DatabaseRole has its password from.
    pub secret_resource_version: String,
}

/// A part of a Database.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// It is as wished for.
    pub applied: bool,
    /// Why it is not.
    pub message: String,
}

impl Readable for Database {
    const KIND: Kind = DATABASE;

    fn complete(&mut self, whole: &Value) {
        self.spec = whole["spec"].to_string().into();
    }
}

/// A DatabaseRole.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Role {
    /// The whole wish as JSON text.
    #[serde(skip)]
    pub spec: Box<str>,
    /// What became of it.
    pub status: Applied,
}

impl Readable for Role {
    const KIND: Kind = ROLE;

    fn complete(&mut self, whole: &Value) {
        self.spec = whole["spec"].to_string().into();
    }
}

/// A PodMonitor.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Monitor {
    /// The whole wish as JSON text.
    #[serde(skip)]
    pub spec: Box<str>,
}

impl Readable for Monitor {
    const KIND: Kind = MONITOR;

    fn complete(&mut self, whole: &Value) {
        self.spec = whole["spec"].to_string().into();
    }
}

/// A pod of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// What it shall be.
    pub spec: PodSpec,
    /// What it is.
    pub status: PodStatus,
}

/// What a pod shall be.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PodSpec {
    /// Its containers.
    pub containers: Vec<Container>,
}

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Container {
    /// Its name; that of PostgreSQL is `postgres`.
    pub name: String,
    /// The image that it was started from.
    pub image: String,
    /// What it may use.
    pub resources: Resources,
}

/// What a container may use.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// At most.
    pub limits: BTreeMap<String, String>,
}

/// What a pod is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// Pending, Running, Succeeded, Failed.
    pub phase: String,
    /// Its address.
    #[serde(rename = "podIP")]
    pub ip: String,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Its containers.
    pub container_statuses: Vec<ContainerStatus>,
    /// Those that run before the others.
    pub init_container_statuses: Vec<ContainerStatus>,
}

/// What a container is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// It passes its probe.
    pub ready: bool,
    /// What it does.
    pub state: ContainerState,
}

/// What a container does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// It runs.
    pub running: Option<Running>,
    /// It waits for something.
    pub waiting: Option<Waiting>,
}

/// A running container.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Running {
    /// Since when.
    pub started_at: Option<Timestamp>,
}

/// What a container waits for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// CamelCase word.
    pub reason: String,
    /// Free text.
    pub message: String,
}

impl Readable for Pod {
    const KIND: Kind = POD;
}

/// What became of a volume.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// What became of it.
    pub status: VolumeStatus,
}

/// What became of a volume.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct VolumeStatus {
    /// Pending, Bound, Lost.
    pub phase: String,
    /// How large it is.
    pub capacity: BTreeMap<String, String>,
}

impl Readable for Volume {
    const KIND: Kind = VOLUME;
}

/// A pod is one of the instances, and not a job or a pooler.
pub fn is_instance(pod: &Object<Pod>) -> bool {
    pod.meta.labels.get("cnpg.io/podRole").is_some_and(|role| role == "instance")
}
