//! Taking a cluster away. A deletion at the wrong moment leaves the cluster, its pods and its volumes behind, invisible and without an owner, so it waits
//! for the right one; and it counts as done only when nothing is to be seen any more.

use super::{
    apply::{create_object, left_behind},
    build,
    crd::{Postgres, Workload},
    mark::{Mark, UNLABELED, not_ours},
    observe::World,
    platform::Platform,
    release::{release, unsafe_to_delete},
};
use crate::engine::{
    EngineError,
    kube::{
        failure::{proves_absence, told},
        object::{Meta, Readable},
        place::Place,
    },
};
use domain::{Cluster, ClusterId, Timestamp, observed::Progress, status::Reason};
use kube::api::DeleteParams;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const WRITE: Duration = Duration::from_secs(12);

/// Since when objects are gone whose clusters are being deleted, as far as this process saw it.
#[derive(Default)]
pub struct Gone(Mutex<HashMap<ClusterId, Instant>>);

impl Gone {
    fn since(&self, id: ClusterId) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert_with(Instant::now).elapsed()
    }

    fn forget(&self, id: ClusterId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// One pass.
pub async fn remove(place: &Place, platform: &Platform, cluster: &Cluster, world: &World, gone_since: &Gone) -> Result<Progress, EngineError> {
    let namespace = place.namespace(cluster);
    let Some(there) = &world.object else { return gone(place, platform, cluster, &namespace, world, gone_since).await };
    gone_since.forget(cluster.id);
    match not_ours(cluster, there) {
        // Most likely ours, and then forgetting it would leave it running without anybody who knows of it.
        Some(reason) if reason.code == UNLABELED => return Ok(Progress::Blocked(reason)),
        // Another one's: of ours, nothing is left.
        Some(_) => return Ok(Progress::Settled),
        None => {}
    }
    if there.meta.deleting.is_some() {
        return Ok(Progress::Working(Reason::new("Deleting", "Cozystack takes it away.")));
    }
    if let Some(reason) = unsafe_to_delete(&release(&there.body.status), Mark::read(&there.meta).written, Timestamp::now()) {
        return Ok(Progress::Working(reason));
    }
    // Preconditions are ignored there: what can be done is to look once more, right before.
    let again = place.get::<Postgres>(Some(&namespace), cluster.name.as_str()).await?;
    if again.is_none_or(|again| again.meta.uid != there.meta.uid || again.meta.version != there.meta.version) {
        return Ok(Progress::Moved(Reason::new("Changed", "It changed meanwhile.")));
    }
    let what = format!("deleting Postgres {}", cluster.name);
    let api = place.api(&Postgres::KIND, Some(&namespace))?;
    tracing::info!(cluster.id = %cluster.id, place = place.name(), namespace, "delete");
    match place.call(&what, WRITE, async { Ok(api.delete(cluster.name.as_str(), &DeleteParams::default()).await) }).await? {
        Ok(_) => Ok(Progress::Moved(Reason::new("Deleting", "Its deletion was asked for."))),
        Err(error) if proves_absence(&error, cluster.name.as_str()) => Ok(Progress::Moved(Reason::new("Deleting", "It is gone."))),
        Err(error) => Err(told(&what, &error).into()),
    }
}

/// The object is gone: whether everything else is. What stays is taken back by making the object again: the platform then adopts what is there, and a
/// deletion at the right moment takes it along.
async fn gone(place: &Place, platform: &Platform, cluster: &Cluster, namespace: &str, world: &World, since: &Gone) -> Result<Progress, EngineError> {
    let gone_for = since.since(cluster.id);
    let Some(left) = left_behind(&ours(cluster, world)) else {
        let Some(_) = &world.workloads else { return Ok(Progress::Blocked(unseen(namespace))) };
        if gone_for < SURE {
            return Ok(Progress::Working(Reason::new("Deleting", "Nothing of it is to be seen; it is done when that lasts for a moment.")));
        }
        since.forget(cluster.id);
        return Ok(Progress::Settled);
    };
    let going = world.pods.iter().any(|pod| pod.meta.deleting.is_some());
    if gone_for < LOST || going {
        return Ok(Progress::Working(Reason::new("Deleting", format!("Its object is gone; {left} is on its way out."))));
    }
    tracing::warn!(cluster.id = %cluster.id, place = place.name(), namespace, left, "the platform lost a cluster; its object is made again to delete it");
    create_object(place, namespace, cluster, build::shown(cluster, namespace, &platform.chart)).await
}

/// That nothing is left cannot be told.
fn unseen(namespace: &str) -> Reason {
    let (kind, group) = (Workload::KIND.plural, Workload::KIND.group);
    let words = format!("Its object and pods are gone. Whether its volumes are, cannot be seen: the portal may not list {kind}.{group} in {namespace}");
    Reason::new(
        "VolumesUnseen",
        format!("{words}. Grant that, as the ClusterRole cozy:tenant of Cozystack 0.38 and later does; the deletion then ends by itself."),
    )
}

/// How long nothing must be to be seen. Reads there come from a cache, and a cluster that is deleted while it is created may have been asked for a moment ago.
const SURE: Duration = Duration::from_secs(5);
/// Time after which something that nobody takes away was lost. It happens to whoever deletes an object of which labels or annotations alone were changed in
/// the last five minutes: that takes the finalizer off too, and the platform looks at such a change only in its next round.
const LOST: Duration = Duration::from_secs(30);
/// Seconds by which the clocks of portal and platform may differ.
const CLOCKS: i64 = 60;

/// Only what can be of this cluster: what is older than the wish for it belonged to another one of that name, and is nobody's to delete here.
fn ours(cluster: &Cluster, world: &World) -> World {
    let young = |meta: &Meta| meta.created.is_none_or(|created| created.as_second() + CLOCKS >= cluster.created_at.as_second());
    let mut world = world.clone();
    world.pods.retain(|pod| young(&pod.meta));
    world.workloads.iter_mut().for_each(|all| all.retain(|workload| young(&workload.meta)));
    world
}
