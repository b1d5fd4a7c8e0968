//! The PodMonitor of a cluster, by which Prometheus finds its metrics, where the place wants one. It never keeps anything else from being done. The Cluster
//! carries a mark from before one is made until it is seen to be gone: so one that is not wanted any more is found without looking for it everywhere.

use super::{
    Cnpg,
    apply::Outcome,
    build,
    crd::{self, MONITOR},
    need::stranger,
    world::World,
};
use crate::engine::{EngineError, kube::object::Object};
use domain::{
    Cluster,
    status::{Reason, reasons},
};
use kube::api::PropagationPolicy;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// After what failed.
const AGAIN: Duration = Duration::from_secs(300);

/// What stands there of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Monitor {
    /// Nobody looked: none is wanted and none was, or it cannot be had at this place.
    #[default]
    Skipped,
    /// It could not be read; why, as a clause.
    Unseen(String),
    /// None: proven not to be there.
    Seen(Option<Arc<Object<crd::Monitor>>>),
}

/// Whether there may be a PodMonitor of ours.
pub fn is_marked(object: &Object<crd::Cluster>) -> bool {
    object.meta.annotation(build::MONITORED).is_some()
}

/// What there is to say about it. `failed`: what the last try to write or delete it came to, in sentences.
pub fn told(cluster: &Cluster, monitor: &Monitor, failed: Option<String>) -> Option<Reason> {
    match monitor {
        Monitor::Skipped => None,
        Monitor::Unseen(why) => Some(Reason::new("PodMonitorUnseen", format!("The PodMonitor could not be read: {}.", why.trim_end_matches('.')))),
        Monitor::Seen(found) => {
            let foreign = found.as_deref().and_then(|object| stranger(cluster, &MONITOR, &object.meta));
            let foreign = foreign.map(|reason| format!("The portal makes no PodMonitor for this cluster. {}", reason.message));
            Some(Reason::new("PodMonitor", foreign.or(failed)?))
        }
    }
}

impl Cnpg {
    /// Whether the Cluster is to carry the mark. Takes away first what is not wanted any more.
    pub(super) async fn mark(&self, cluster: &Cluster, namespace: &str, world: &World, outcome: &mut Outcome) -> bool {
        let marked = world.own(cluster).is_some_and(is_marked);
        if self.place.target().pod_monitor {
            return marked || self.place.monitors();
        }
        match (marked, &world.monitor) {
            (false, _) | (true, Monitor::Seen(None)) => false,
            (true, Monitor::Skipped | Monitor::Unseen(_)) => true,
            (true, Monitor::Seen(Some(object))) => {
                if object.meta.deleting.is_none() {
                    let name = &object.meta.name;
                    let failed = match self.place.delete(&MONITOR, Some(namespace), name, &object.meta.uid, PropagationPolicy::Background).await {
                        Ok(()) => {
                            outcome.moved(format!("PodMonitor {name} was deleted."));
                            None
                        }
                        Err(failure) => Some(format!("PodMonitor {name} is not wanted any more and could not be deleted: {}", EngineError::from(failure))),
                    };
                    self.note(cluster, failed);
                }
                true
            }
        }
    }

    /// Applies it. `object`: the Cluster, which takes it along when it goes.
    pub(super) async fn monitor(&self, cluster: &Cluster, namespace: &str, object: &Object<crd::Cluster>, world: &World, outcome: &mut Outcome) {
        let Monitor::Seen(live) = &world.monitor else { return };
        let live = live.as_deref();
        let foreign = live.is_some_and(|live| live.meta.owner() != Some(cluster.id) || live.meta.deleting.is_some());
        if !self.place.monitors() || !is_marked(object) || foreign {
            return;
        }
        let wanted = build::monitor(cluster, namespace, Some(&object.meta.uid));
        let failed = match self.apply(cluster, namespace, &wanted, live.map(|live| (&live.meta, &*live.body.spec))).await {
            Ok(true) => {
                outcome.moved(format!("PodMonitor {} was written.", wanted.name));
                None
            }
            Ok(false) => None,
            Err(EngineError::Blocked(reason)) if reason.code == reasons::MANAGED_BY_OTHERS => {
                outcome.blocked.get_or_insert(reason);
                None
            }
            // Metrics that nobody collects are no reason to stop.
            Err(error) => Some(format!("PodMonitor {} could not be written, so Prometheus may not find the metrics of this cluster: {error}", wanted.name)),
        };
        self.note(cluster, failed);
    }

    /// `failed`: what it came to, if to nothing. Then the cluster, which may be as wished for otherwise, is looked at again.
    fn note(&self, cluster: &Cluster, failed: Option<String>) {
        if self.memory.note_unmonitored(cluster.id, failed, AGAIN) {
            let (place, id) = (self.place.clone(), cluster.id);
            tokio::spawn(async move {
                let stop = place.target().stop.clone();
                if timeout(AGAIN, stop.cancelled()).await.is_err() {
                    place.nudge(id);
                }
            });
        }
    }
}
