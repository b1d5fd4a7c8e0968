//! The kinds that a tenant of Cozystack may read, with the few fields that are asked for. Every field may be missing: one object that is not understood
//! would make a whole list unreadable.

use crate::engine::kube::object::{Kind, Readable};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Not a custom resource: Cozystack's own API server makes it out of a Helm release and back. It has no generation, no managed fields, no finalizers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Postgres {
    /// The chart's values, with the chart's defaults filled in.
    #[serde(default)]
    pub spec: Map<String, Value>,
    /// What became of the Helm release.
    #[serde(default)]
    pub status: PostgresStatus,
}

/// What became of a Helm release.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct PostgresStatus {
    /// `Ready` and `Released` are the release's, `WorkloadsReady` is about pods and counts those that only prepare data too.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// A condition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Condition {
    /// As in `Ready`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default)]
    pub status: String,
    /// As in `UpgradeFailed`.
    #[serde(default)]
    pub reason: String,
    /// Words.
    #[serde(default)]
    pub message: String,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Pod {
    /// What runs in it.
    #[serde(default)]
    pub spec: PodSpec,
    /// How it is.
    #[serde(default)]
    pub status: PodStatus,
}

/// What runs in a pod.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct PodSpec {
    /// Its containers.
    #[serde(default)]
    pub containers: Vec<Container>,
}

/// A container as wished for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Container {
    /// `postgres` is the one that counts.
    #[serde(default)]
    pub name: String,
    /// What it may use.
    #[serde(default)]
    pub resources: Resources,
}

/// What a container may use.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Resources {
    /// Most of each, by `cpu` and `memory`.
    #[serde(default)]
    pub limits: BTreeMap<String, Value>,
}

/// How a pod is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// As in `Running`.
    #[serde(default)]
    pub phase: String,
    /// Its address.
    #[serde(rename = "podIP", default)]
    pub pod_ip: Option<String>,
    /// As in `Ready` and `PodScheduled`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// How its containers are.
    #[serde(default)]
    pub container_statuses: Vec<ContainerStatus>,
    /// How the containers are that run before them.
    #[serde(default)]
    pub init_container_statuses: Vec<ContainerStatus>,
}

/// How a container is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    /// Which.
    #[serde(default)]
    pub name: String,
    /// What it runs.
    #[serde(default)]
    pub image: String,
    /// What it is doing.
    #[serde(default)]
    pub state: ContainerState,
}

/// What a container is doing: one of these.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ContainerState {
    /// It runs.
    #[serde(default)]
    pub running: Option<Running>,
    /// It does not run yet, or again.
    #[serde(default)]
    pub waiting: Option<Waiting>,
}

/// Since when a container runs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// RFC 3339.
    #[serde(default)]
    pub started_at: Option<String>,
}

/// Why a container does not run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Waiting {
    /// As in `ImagePullBackOff`.
    #[serde(default)]
    pub reason: String,
    /// Words.
    #[serde(default)]
    pub message: String,
}

/// A service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Service {
    /// What the load balancer came to.
    #[serde(default)]
    pub status: ServiceStatus,
}

/// What became of a service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// Empty until somebody gives it an address.
    #[serde(default)]
    pub load_balancer: LoadBalancer,
}

/// A load balancer.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct LoadBalancer {
    /// Its addresses.
    #[serde(default)]
    pub ingress: Vec<Ingress>,
}

/// An address from outside.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Ingress {
    /// Either this
    #[serde(default)]
    pub ip: Option<String>,
    /// or that.
    #[serde(default)]
    pub hostname: Option<String>,
}

/// What Cozystack counts of a pod (`pod-…`) or a volume (`pvc-…`). The only trace of volumes that a tenant may see.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Workload {
    /// What it uses.
    #[serde(default)]
    pub status: WorkloadStatus,
}

/// What a pod or volume uses.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct WorkloadStatus {
    /// Of a volume: `<class>.storageclass.storage.k8s.io/requests.storage`.
    #[serde(default)]
    pub resources: BTreeMap<String, Value>,
}

/// A list of things to choose from, made by Cozystack on reading; `storageclass` is one.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Choices {
    /// The list.
    #[serde(default)]
    pub spec: ChoicesSpec,
}

/// The things to choose from.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ChoicesSpec {
    /// One after the other.
    #[serde(default)]
    pub items: Vec<Choice>,
}

/// A thing to choose.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Choice {
    /// What to write.
    #[serde(default)]
    pub value: String,
}

impl Readable for Postgres {
    const KIND: Kind = Kind { group: "apps.cozystack.io", version: "v1alpha1", kind: "Postgres", plural: "postgreses" };
}

impl Readable for Pod {
    const KIND: Kind = Kind::core("Pod", "pods");
}

impl Readable for Service {
    const KIND: Kind = Kind::core("Service", "services");
}

impl Readable for Workload {
    const KIND: Kind = Kind { group: "cozystack.io", version: "v1alpha1", kind: "Workload", plural: "workloads" };
}

impl Readable for Choices {
    const KIND: Kind = Kind { group: "core.cozystack.io", version: "v1alpha1", kind: "Option", plural: "options" };
}

impl Postgres {
    /// What is under that key, if it is a map with something in it.
    pub fn map(&self, key: &str) -> Option<&Map<String, Value>> {
        self.spec.get(key)?.as_object()
    }
}
