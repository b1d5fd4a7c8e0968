//! Taking a cluster away. A deletion at the wrong moment leaves the cluster, its pods and its volumes behind, invisible and without an owner, so it waits
//! for the right one; and it counts as done only when nothing is to be seen any more.

use super::{
    apply::{left_behind, not_ours},
    crd::Postgres,
    mark::Mark,
    observe::{World, release_name},
    release::{release, unsafe_to_delete},
};
use crate::engine::{
    EngineError,
    kube::{
        failure::{proves_absence, told},
        object::Readable,
        place::Place,
    },
};
use domain::{Cluster, Timestamp, observed::Progress, status::Reason};
use kube::api::DeleteParams;
use std::time::Duration;

const WRITE: Duration = Duration::from_secs(12);

/// One pass.
pub async fn remove(place: &Place, cluster: &Cluster, world: &World) -> Result<Progress, EngineError> {
    let namespace = place.namespace(cluster);
    let Some(there) = &world.object else { return Ok(gone(cluster, &namespace, world)) };
    // Another one's: of ours, nothing is left.
    if not_ours(cluster, there).is_some() {
        return Ok(Progress::Settled);
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

/// The object is gone: whether everything else is.
fn gone(cluster: &Cluster, namespace: &str, world: &World) -> Progress {
    let Some(left) = left_behind(world) else { return Progress::Settled };
    let going = world.pods.iter().any(|pod| pod.meta.deleting.is_some());
    if going {
        return Progress::Working(Reason::new("Deleting", format!("Its object is gone; {left} is on its way out.")));
    }
    let name = release_name(cluster);
    let help = format!("ask an administrator to run `kubectl delete cluster.postgresql.cnpg.io {name} -n {namespace}`");
    Progress::Working(Reason::new("LeftBehind", format!("Its object is gone, but {left} is still there. If it stays, Cozystack has lost it: {help}.")))
}
