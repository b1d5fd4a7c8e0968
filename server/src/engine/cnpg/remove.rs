//! Takes a cluster away: the Cluster with its pods and volumes, then what it does not own. Nothing that does not carry our label is touched.

use super::{
    Cnpg,
    apply::waits_for,
    build, crd,
    inside::secret_of,
    monitor::Monitor,
    need::{LABEL_LOST, relabel},
};
use crate::engine::{
    EngineError,
    kube::{
        failure::Failure,
        object::{Kind, Meta, OWNER},
    },
};
use domain::{Cluster, Timestamp, observed::Progress, status::Reason};
use kube::api::PropagationPolicy;

/// Seconds after which it is said what a deletion waits for.
const LONG: i64 = 60;

impl Cnpg {
    /// One pass towards nothing.
    pub(super) async fn removed(&self, cluster: &Cluster) -> Result<Progress, EngineError> {
        let namespace = self.place.namespace(cluster);
        let world = self.eyes.look(cluster).await?;
        if let Some(object) = world.own(cluster) {
            if object.meta.deleting.is_none() {
                self.place.delete(&crd::CLUSTER, Some(&namespace), &object.meta.name, &object.meta.uid, PropagationPolicy::Foreground).await?;
            }
            return Ok(going(&crd::CLUSTER, &object.meta));
        }
        // Nor is anything that belongs to it taken away: it serves people who may not know that it was deleted here.
        if let Some(label) = world.cluster.as_deref().and_then(|object| relabel(cluster, &crd::CLUSTER, &object.meta)) {
            let message = format!(
                "The Cluster {} has lost the label by which the portal knows it, so it is not deleted. To have it deleted, put the label back ({label}), or \
                 delete it by hand.",
                cluster.name
            );
            return Ok(Progress::Blocked(Reason::new(LABEL_LOST, message)));
        }
        let mut left = None;
        for role in &world.roles {
            if let Some(secret) = secret_of(&role.body) {
                self.remove_secret(cluster, &namespace, &secret).await?;
            }
            left = Some(self.drop(&crd::ROLE, &namespace, &role.meta).await?);
        }
        for database in &world.databases {
            left = Some(self.drop(&crd::DATABASE, &namespace, &database.meta).await?);
        }
        // Kubernetes takes it away with the Cluster that owns it, unless somebody had that one leave behind what it owns.
        if let Monitor::Seen(Some(monitor)) = &world.monitor
            && monitor.meta.owner() == Some(cluster.id)
        {
            // What fails is left to Kubernetes.
            left = self.drop(&crd::MONITOR, &namespace, &monitor.meta).await.ok().or(left);
        }
        // Of a creation that was cut off there may be Secrets without a role.
        for user in cluster.spec.users.keys() {
            self.remove_secret(cluster, &namespace, &build::secret_name(cluster, user)).await?;
        }
        if let Some(progress) = left {
            return Ok(progress);
        }
        match self.place.list::<crd::Volume>(Some(&namespace), &format!("{OWNER}={}", cluster.id)).await {
            Ok(volumes) => Ok(volumes.first().map_or(Progress::Settled, |volume| going(&crd::VOLUME, &volume.meta))),
            // Kubernetes takes volumes away with the Cluster that owns them; without that right we take its word.
            Err(Failure::Blocked(_)) => Ok(Progress::Settled),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn drop(&self, kind: &Kind, namespace: &str, meta: &Meta) -> Result<Progress, EngineError> {
        if meta.deleting.is_none() {
            self.place.delete(kind, Some(namespace), &meta.name, &meta.uid, PropagationPolicy::Background).await?;
        }
        Ok(going(kind, meta))
    }
}

/// It goes; what it waits for when it takes long.
fn going(kind: &Kind, meta: &Meta) -> Progress {
    let long = meta.deleting.is_some_and(|since| Timestamp::now().as_second() - since.as_second() > LONG);
    let message = if long && !meta.finalizers.is_empty() {
        let who = "If nobody is there to do that, as when the operator was taken away first, take the finalizers out by hand.";
        format!("{} {} cannot go yet{}. {who}", kind.kind, meta.name, waits_for(meta))
    } else {
        format!("{} {} goes{}.", kind.kind, meta.name, waits_for(meta))
    };
    Progress::Working(Reason::new("Deleting", message))
}
