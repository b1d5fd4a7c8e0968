//! One pass: looks, applies what differs, acts, and says what is still waited for. Writes nothing when nothing differs.

use super::{
    Cnpg, act,
    build::{self, Images, Wanted},
    crd::{self, SECRET},
    has_roles, landed,
    need::{Need, need},
    proof, refuse,
    world::World,
};
use crate::{
    engine::{
        EngineError, Verifiers,
        kube::{
            failure::Failure,
            object::{Kind, Meta, OWNER, Object},
            place::Place,
            probe::{CNPG, Facts},
            yaml,
        },
    },
    postgres::facts::marked,
};
use domain::{Cluster, observed::Progress, quantity::Bytes, spec::Power, status::Reason};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// The image catalog to take images from: the one that was named, else the first.
pub fn catalog(place: &Place) -> Option<Images> {
    match (place.target().own_catalog(), &place.target().catalog) {
        (Some(name), _) => Some(Images { kind: "ImageCatalog", name: name.to_owned() }),
        (None, Some(name)) => Some(Images { kind: "ClusterImageCatalog", name: name.clone() }),
        (None, None) => Some(Images { kind: "ClusterImageCatalog", name: place.facts()?.catalogs.first()?.name.clone() }),
    }
}

/// What would be applied, as YAML. Verifiers are left out. `uid`: that of the Cluster; none: not known.
pub fn preview(place: &Place, cluster: &Cluster, uid: Option<&str>) -> String {
    let namespace = place.namespace(cluster);
    let object = build::cluster(cluster, &namespace, &catalog(place).unwrap_or_default());
    let mut all = if place.monitors() { vec![object.monitored(), build::monitor(cluster, &namespace, uid)] } else { vec![object] };
    if has_roles(place) {
        let (groups, users) = build::roles(cluster, &namespace, |group| marked(group, None));
        all.extend(groups);
        for (name, role) in users {
            all.extend([build::secret(cluster, &namespace, &name, "(not shown)"), role]);
        }
        all.extend(build::databases(cluster, &namespace).into_values());
    }
    all.iter_mut().filter(|wanted| wanted.kind == SECRET).for_each(|secret| secret.body["data"]["password"] = "(not shown)".into());
    all.iter().map(|wanted| yaml::print(&wanted.body)).collect::<Vec<_>>().join("---\n")
}

/// Gathers what parts of a pass come to: the first block and the first wait are told, and neither stops the other parts.
#[derive(Default)]
pub(super) struct Outcome {
    moved: Option<Reason>,
    waits: Option<Reason>,
    pub(super) blocked: Option<Reason>,
}

impl Outcome {
    pub(super) fn wait(&mut self, code: &str, message: impl Into<String>) {
        self.waits.get_or_insert_with(|| Reason::new(code, message));
    }

    pub(super) fn moved(&mut self, what: String) {
        self.moved.get_or_insert(Reason::new("Applied", what));
    }

    /// What is settled otherwise may still be blocked here.
    fn ended(self, landed: Progress) -> Progress {
        match (self.moved, self.blocked, self.waits, landed) {
            (Some(reason), ..) => Progress::Moved(reason),
            (None, Some(reason), ..) | (None, None, _, Progress::Blocked(reason)) => Progress::Blocked(reason),
            (None, None, _, Progress::Working(reason) | Progress::Moved(reason)) => Progress::Working(reason),
            (None, None, Some(reason), Progress::Settled) => Progress::Working(reason),
            (None, None, None, Progress::Settled) => Progress::Settled,
        }
    }
}

impl Cnpg {
    /// One pass towards the wish.
    pub(super) async fn converged(&self, cluster: &Cluster, verifiers: &Verifiers) -> Result<Progress, EngineError> {
        let namespace = self.place.namespace(cluster);
        let world = self.eyes.look(cluster).await?;
        let facts = self.place.facts();
        let Some(catalog) = catalog(&self.place) else { return no_catalog(facts.as_deref()) };
        if let Some(reason) = refuse::refused(cluster, &catalog.name, facts.as_deref(), world.own(cluster).map(|object| &object.body)) {
            return Ok(Progress::Blocked(reason));
        }
        if world.cluster.is_none() && was_there(cluster) {
            let message = "Its Cluster object is not at the place any more: it was deleted there, and its volumes with it, or the place was restored from before \
                           it was made. It is not made anew by itself, since that would be an empty one. Delete this cluster here and create it again, or \
                           restore the object there.";
            return Ok(Progress::Blocked(Reason::new("Vanished", message)));
        }
        if let Some(object) = world.own(cluster).filter(|object| object.meta.deleting.is_some()) {
            let message = format!("Its Cluster object is being deleted at the place{}.", waits_for(&object.meta));
            return Ok(Progress::Blocked(Reason::new("Vanished", message)));
        }
        let mut outcome = Outcome::default();
        let object = build::cluster(cluster, &namespace, &catalog);
        let marked = self.mark(cluster, &namespace, &world, &mut outcome).await;
        self.apply_cluster(cluster, &namespace, &if marked { object.monitored() } else { object }, &world, &mut outcome).await?;
        // Nobody carries them out while no primary serves, and then they would be tried again only half a minute after one does.
        if has_roles(&self.place) && outcome.blocked.is_none() && cluster.spec.power == Power::On && world.serves(cluster) {
            self.apply_inside(cluster, &namespace, &world, verifiers, &mut outcome).await?;
        }
        let Some(object) = world.own(cluster) else { return Ok(outcome.ended(Progress::Settled)) };
        self.monitor(cluster, &namespace, object, &world, &mut outcome).await;
        if outcome.moved.is_none() {
            self.act(cluster, &namespace, object, &world, &mut outcome).await?;
        }
        let mut landed = landed::progress(cluster, object, &world);
        if landed != Progress::Settled {
            self.memory.note_unrest(cluster.id);
        } else if outcome.moved.is_none() && cluster.spec.power == Power::On && cluster.status.generation < cluster.generation {
            let lacking = self.lacking(cluster).await;
            let doubted = if let Some(Some(_)) = lacking { self.memory.doubted(cluster) } else { Duration::ZERO };
            if let Some(reason) = proof::awaited(lacking, doubted, self.memory.is_fresh(cluster.id)) {
                outcome.wait(&reason.code.clone(), reason.message);
            }
            landed = self.volumes(cluster, &namespace).await?;
        }
        Ok(outcome.ended(landed))
    }

    async fn apply_cluster(&self, cluster: &Cluster, namespace: &str, wanted: &Wanted, world: &World, outcome: &mut Outcome) -> Result<(), EngineError> {
        let live = world.cluster.as_deref().map(|object| (&object.meta, &*object.body.spec));
        match self.apply(cluster, namespace, wanted, live).await {
            Ok(false) => Ok(()),
            Ok(true) => {
                if live.is_some() {
                    self.memory.note_change(cluster.id);
                } else {
                    self.mark_new(cluster, namespace).await?;
                }
                outcome.moved("The Cluster object was written.".into());
                Ok(())
            }
            Err(EngineError::Blocked(reason)) if reason.code == "NamespaceMissing" && self.place.target().namespace.contains("{project}") => {
                let kind = Kind::core("Namespace", "namespaces");
                let mut body = DynamicObject::new(namespace, &kind.resource());
                body.metadata.labels = Some(BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "howdah".to_owned())]));
                self.place.create(&kind, None, body).await?;
                outcome.moved(format!("The namespace {namespace} was created."));
                Ok(())
            }
            Err(EngineError::Blocked(reason)) => {
                outcome.blocked = Some(reason);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A cluster that is made just now has nothing to restart or to switch.
    async fn mark_new(&self, cluster: &Cluster, namespace: &str) -> Result<(), EngineError> {
        let serial = cluster.spec.switchover.map_or(0, |switchover| switchover.serial);
        if cluster.spec.restarts == 0 && serial == 0 {
            return Ok(());
        }
        let annotations = json!({ build::RESTARTS: cluster.spec.restarts.to_string(), build::SWITCHOVER: serial.to_string() });
        self.put(
            &crd::CLUSTER,
            self.place.merge(&crd::CLUSTER, Some(namespace), cluster.name.as_str(), &json!({ "metadata": { "annotations": annotations } })).await?,
        );
        Ok(())
    }

    /// Writes an object if it needs to be; whether that changed it.
    pub(super) async fn apply(&self, cluster: &Cluster, namespace: &str, wanted: &Wanted, live: Option<(&Meta, &str)>) -> Result<bool, EngineError> {
        let need = need(cluster, wanted, live).map_err(EngineError::Blocked)?;
        let mut body = wanted.body.clone();
        // An apply makes what is not there, and what was seen may be gone by now, with its data: only of this very object more is wished for.
        if let Some((meta, _)) = live {
            body["metadata"]["uid"] = meta.uid.as_str().into();
        }
        let written = match need {
            Need::Nothing => return Ok(false),
            Need::Apply => self.place.apply(&wanted.kind, Some(namespace), &body).await,
            Need::TakeOver => self.place.take_over(&wanted.kind, Some(namespace), &body).await,
        };
        let written = self.or_forget(&wanted.kind, namespace, &wanted.name, written)?;
        // Who fills in or leaves out values in a way of its own must not keep us at it for ever.
        let changed = live.is_none_or(|(meta, _)| written.metadata.resource_version.as_ref() != Some(&meta.version));
        self.put(&wanted.kind, written);
        Ok(changed)
    }

    fn put(&self, kind: &Kind, object: DynamicObject) {
        self.eyes.put(kind, object);
    }

    /// A merge patch of this very object and of none that has its name by now.
    pub(super) async fn merge(&self, kind: &Kind, namespace: &str, meta: &Meta, mut patch: Value) -> Result<DynamicObject, EngineError> {
        patch["metadata"]["uid"] = meta.uid.as_str().into();
        let written = self.place.merge(kind, Some(namespace), &meta.name, &patch).await;
        Ok(self.or_forget(kind, namespace, &meta.name, written)?)
    }

    /// What a write came to. If it was based on what is old, that is not relied on any more, although nothing else has told yet.
    fn or_forget(&self, kind: &Kind, namespace: &str, name: &str, written: Result<DynamicObject, Failure>) -> Result<DynamicObject, Failure> {
        if let Err(Failure::Stale(_)) = &written {
            self.eyes.forget(kind, namespace, name);
        }
        written
    }

    async fn act(&self, cluster: &Cluster, namespace: &str, object: &Object<crd::Cluster>, world: &World, outcome: &mut Outcome) -> Result<(), EngineError> {
        let name = cluster.name.as_str();
        match act::next(cluster, object, world) {
            act::Next::Nothing => {}
            act::Next::Wait(reason) => outcome.wait(&reason.code.clone(), reason.message),
            act::Next::Refuse(reason) => outcome.blocked = Some(reason),
            act::Next::Annotate(annotations, what) => {
                let written = self.merge(&crd::CLUSTER, namespace, &object.meta, json!({ "metadata": { "annotations": annotations } })).await?;
                self.put(&crd::CLUSTER, written);
                self.memory.note_change(cluster.id);
                outcome.moved(what);
            }
            act::Next::Switch(status, annotations, what) => {
                let written = match self.place.merge_status(&crd::CLUSTER, Some(namespace), name, &status).await {
                    Err(Failure::Stale(_)) => {
                        outcome.wait("SwitchoverWaits", "The operator was faster: the cluster is looked at again first.");
                        return Ok(());
                    }
                    written => written?,
                };
                self.put(&crd::CLUSTER, written);
                let written = self.merge(&crd::CLUSTER, namespace, &object.meta, json!({ "metadata": { "annotations": annotations } })).await?;
                self.put(&crd::CLUSTER, written);
                outcome.moved(what);
            }
        }
        Ok(())
    }

    /// Whether every volume is as large as wished for. Read only while a wish is on its way.
    async fn volumes(&self, cluster: &Cluster, namespace: &str) -> Result<Progress, EngineError> {
        let volumes = match self.place.list::<crd::Volume>(Some(namespace), &format!("{OWNER}={},cnpg.io/pvcRole=PG_DATA", cluster.id)).await {
            Ok(volumes) => volumes,
            // Without that right the operator's word has to do.
            Err(Failure::Blocked(_)) => return Ok(Progress::Settled),
            Err(failure) => return Err(failure.into()),
        };
        let small = volumes.iter().find(|volume| {
            let capacity = volume.body.status.capacity.get("storage").and_then(|text| text.parse::<Bytes>().ok());
            capacity.is_some_and(|capacity| capacity < cluster.spec.storage)
        });
        Ok(match small {
            Some(volume) => Progress::Working(Reason::new(
                "VolumesGrow",
                format!(
                    "{} is not {} large yet. A storage class that cannot grow volumes in use needs its pod restarted, or cannot do it at all.",
                    volume.meta.name, cluster.spec.storage
                ),
            )),
            None => Progress::Settled,
        })
    }
}

/// Whether its Cluster object was ever there: also one that never came to all that was wished for may hold data. Endpoints are those of an object that was
/// seen, and are kept from then on.
fn was_there(cluster: &Cluster) -> bool {
    cluster.status.generation > 0 || !cluster.status.endpoints.is_empty()
}

/// Why there is nothing to take images from. Not having read any is no proof.
fn no_catalog(facts: Option<&Facts>) -> Result<Progress, EngineError> {
    if let Some(facts) = facts.filter(|facts| facts.uncertain || !facts.groups.contains(CNPG)) {
        let why = facts.no_catalogs.clone().unwrap_or_else(|| "CloudNativePG's kinds are not served there".into());
        return Err(anyhow::anyhow!("image catalogs could not be read: {}", why.trim_end_matches('.')).into());
    }
    let message = match facts.and_then(|facts| facts.no_catalogs.as_ref()) {
        Some(why) => format!("Image catalogs cannot be read: {why}"),
        None => "There is no ClusterImageCatalog at this place to take images from. Create one, or name one for the place.".into(),
    };
    Ok(Progress::Blocked(Reason::new("NoCatalog", message)))
}

/// What the deletion of an object waits for, as the end of a clause.
pub fn waits_for(meta: &Meta) -> String {
    // Kubernetes' own goes by itself with what the object owns.
    let others: Vec<_> = meta.finalizers.iter().map(String::as_str).filter(|name| *name != "foregroundDeletion").collect();
    if others.is_empty() { String::new() } else { format!("; it waits for {}", others.join(", ")) }
}
