//! What is at the place of one cluster: its objects as read in one look.

use super::{
    build,
    crd::{self, is_instance},
    monitor::{Monitor, is_marked},
};
use crate::engine::{
    EngineError,
    kube::{
        failure::Failure,
        object::{Kind, Object},
        place::Place,
        probe::MONITORING,
        watch::Watches,
    },
};
use domain::Cluster;
use std::sync::Arc;

/// The objects of one cluster.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// None: proven not to be there.
    pub cluster: Option<Arc<Object<crd::Cluster>>>,
    /// Pods of instances.
    pub pods: Vec<Arc<Object<crd::Pod>>>,
    /// Pods that fill the volume of an instance which is to come.
    pub makers: Vec<Arc<Object<crd::Pod>>>,
    /// Roles that carry our label.
    pub roles: Vec<Arc<Object<crd::Role>>>,
    /// Databases that carry our label.
    pub databases: Vec<Arc<Object<crd::Database>>>,
    /// The PodMonitor.
    pub monitor: Monitor,
}

impl World {
    /// The Cluster, if it is the portal's and not somebody else's of that name.
    pub fn own(&self, cluster: &Cluster) -> Option<&Object<crd::Cluster>> {
        self.cluster.as_deref().filter(|object| object.meta.owner() == Some(cluster.id))
    }

    /// Whether the primary is there, stays, and answers.
    pub fn serves(&self, cluster: &Cluster) -> bool {
        let Some(status) = self.own(cluster).map(|object| &object.body.status) else { return false };
        let ready = |pod: &Object<crd::Pod>| pod.meta.deleting.is_none() && pod.body.status.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True");
        status.current_primary == status.target_primary && self.pod(&status.current_primary).is_some_and(ready)
    }

    /// The pod that fills the volume of that instance.
    pub fn maker(&self, instance: &str) -> Option<&Object<crd::Pod>> {
        let of = |pod: &&Arc<Object<crd::Pod>>| pod.meta.labels.get("cnpg.io/instanceName").is_some_and(|name| name == instance);
        self.makers.iter().filter(of).find(|pod| pod.body.status.phase != "Succeeded").map(AsRef::as_ref)
    }

    /// The pod of that name.
    pub fn pod(&self, name: &str) -> Option<&Object<crd::Pod>> {
        self.pods.iter().find(|pod| pod.meta.name == name).map(AsRef::as_ref)
    }
}

/// Everything that is watched of clusters at one place.
pub struct Eyes {
    clusters: Watches<crd::Cluster>,
    pods: Watches<crd::Pod>,
    roles: Watches<crd::Role>,
    databases: Watches<crd::Database>,
    /// None is opened where no PodMonitors are wanted.
    monitors: Watches<crd::Monitor>,
    place: Arc<Place>,
}

impl Eyes {
    /// Nothing is watched before somebody looks.
    pub fn new(place: &Arc<Place>) -> Self {
        let place = place.clone();
        Self {
            clusters: Watches::new(place.clone()),
            pods: Watches::new(place.clone()),
            roles: Watches::new(place.clone()),
            databases: Watches::new(place.clone()),
            monitors: Watches::new(place.clone()),
            place,
        }
    }

    /// One look. Where CloudNativePG has no DatabaseRole, SQL makes roles and databases, and there are none to be read.
    pub async fn look(&self, cluster: &Cluster) -> Result<World, Failure> {
        // Before anything else: one who has no way must not be kept waiting for watches.
        self.place.client()?;
        let namespace = self.place.namespace(cluster);
        let inside = super::has_roles(&self.place);
        let roles = async { if inside { self.roles.of(&namespace, cluster.id).await } else { Ok(Vec::new()) } };
        let databases = async { if inside { self.databases.of(&namespace, cluster.id).await } else { Ok(Vec::new()) } };
        let (found, pods, roles, databases) =
            tokio::try_join!(self.clusters.one(&namespace, cluster.name.as_str()), self.pods.of(&namespace, cluster.id), roles, databases)?;
        let (pods, others): (Vec<_>, Vec<_>) = pods.into_iter().partition(|pod| is_instance(pod));
        let makers = others.into_iter().filter(|pod| pod.meta.labels.contains_key("cnpg.io/jobRole")).collect();
        let monitor = self.monitor(cluster, &namespace, found.as_deref()).await;
        Ok(World { cluster: found, pods, makers, roles, databases, monitor })
    }

    /// Only where one is wanted, or the Cluster says that one was.
    async fn monitor(&self, cluster: &Cluster, namespace: &str, found: Option<&Object<crd::Cluster>>) -> Monitor {
        let name = build::monitor_name(cluster);
        let seen = if self.place.monitors() {
            self.monitors.one(namespace, &name).await
        } else if !self.place.target().pod_monitor && found.is_some_and(is_marked) && self.place.facts().is_some_and(|facts| facts.groups.contains(MONITORING))
        {
            // It only has to go: what somebody else made is not looked at.
            self.place.get(Some(namespace), &name).await.map(|found| found.filter(|object| object.meta.owner() == Some(cluster.id)).map(Arc::new))
        } else {
            return Monitor::Skipped;
        };
        seen.map_or_else(|failure| Monitor::Unseen(EngineError::from(failure).to_string()), Monitor::Seen)
    }

    /// What our own write came to: read before the watch tells of it.
    pub fn put(&self, kind: &Kind, object: kube::api::DynamicObject) {
        match kind.kind {
            "Cluster" => self.clusters.put(object),
            "Database" => self.databases.put(object),
            "DatabaseRole" => self.roles.put(object),
            "PodMonitor" => self.monitors.put(object),
            _ => {}
        }
    }

    /// The object is not what it was, although nobody has told yet: whoever looks next asks the API server itself.
    pub fn forget(&self, kind: &Kind, namespace: &str, name: &str) {
        match kind.kind {
            "Cluster" => self.clusters.forget(namespace, name),
            "Database" => self.databases.forget(namespace, name),
            "DatabaseRole" => self.roles.forget(namespace, name),
            "PodMonitor" => self.monitors.forget(namespace, name),
            _ => {}
        }
    }

    /// The Cluster as last heard of; asks nobody.
    pub fn glance(&self, namespace: &str, name: &str) -> Option<Arc<Object<crd::Cluster>>> {
        self.clusters.glance(namespace, name)
    }

    /// Name of the current primary as last heard; asks nobody.
    pub fn primary(&self, namespace: &str, name: &str) -> Option<String> {
        let status = &self.clusters.glance(namespace, name)?.body.status;
        (!status.current_primary.is_empty()).then(|| status.current_primary.clone())
    }
}
