//! One pass: looks, applies what differs, acts, and says what is still waited for. Writes nothing when nothing differs.

use super::{
    Cnpg, act,
    build::{self, Wanted},
    crd::{self, SECRET},
    has_roles, landed,
    need::{Need, need},
    world::World,
};
use crate::{
    engine::{
        EngineError, Verifiers,
        kube::{
            failure::Failure,
            object::{Kind, Meta, OWNER, Object},
            place::Place,
            yaml,
        },
    },
    postgres::facts::marked,
};
use domain::{Cluster, ClusterId, RoleName, observed::Progress, quantity::Bytes, spec::Power, status::Reason};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a change of parameters is waited for before a healthy phase is believed.
const SETTLING: Duration = Duration::from_secs(15);

/// What this process remembers; losing it costs a few reads and no write.
#[derive(Default)]
pub struct Memory {
    /// The verifier that was found in a user's Secret, and the version of that Secret.
    secrets: Mutex<HashMap<(ClusterId, RoleName), (String, String)>>,
    /// When a Cluster was last changed by us, until another phase than the healthy one was seen.
    changed: Mutex<HashMap<ClusterId, Instant>>,
}

impl Memory {
    pub(super) fn forget(&self, id: ClusterId) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| *of != id);
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Whether a change is so fresh that the operator may not have seen it.
    fn is_fresh(&self, id: ClusterId) -> bool {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = changed.get(&id).is_some_and(|at| at.elapsed() < SETTLING);
        if !fresh {
            changed.remove(&id);
        }
        fresh
    }

    fn note_change(&self, id: ClusterId) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Instant::now());
    }

    fn note_unrest(&self, id: ClusterId) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// The image catalog to take images from: the one that was named, else the first.
pub fn catalog(place: &Place) -> Option<String> {
    let named = place.target().catalog.clone();
    named.or_else(|| place.facts()?.catalogs.first().map(|catalog| catalog.name.clone()))
}

/// What would be applied, as YAML. Verifiers are left out.
pub fn preview(place: &Place, cluster: &Cluster) -> String {
    let namespace = place.namespace(cluster);
    let mut all = vec![build::cluster(cluster, &namespace, &catalog(place).unwrap_or_default())];
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
struct Outcome {
    moved: Option<Reason>,
    waits: Option<Reason>,
    blocked: Option<Reason>,
}

impl Outcome {
    fn wait(&mut self, code: &str, message: impl Into<String>) {
        self.waits.get_or_insert_with(|| Reason::new(code, message));
    }

    fn moved(&mut self, what: String) {
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
        let Some(catalog) = catalog(&self.place) else {
            let message = "There is no ClusterImageCatalog at this place to take images from. Create one, or name one for the place.";
            return Ok(Progress::Blocked(Reason::new("NoCatalog", message)));
        };
        if let Some(reason) = refused(cluster) {
            return Ok(Progress::Blocked(reason));
        }
        let world = self.eyes.look(cluster).await?;
        if world.cluster.is_none() && cluster.status.generation > 0 {
            let message = "Its Cluster object was deleted at the place, and with it its volumes. It is not made anew by itself, since that would be an empty \
                           one. Delete this cluster here and create it again, or restore the object there.";
            return Ok(Progress::Blocked(Reason::new("Vanished", message)));
        }
        if let Some(object) = world.own(cluster).filter(|object| object.meta.deleting.is_some()) {
            let message = format!("Its Cluster object is being deleted at the place{}.", waits_for(&object.meta));
            return Ok(Progress::Blocked(Reason::new("Vanished", message)));
        }
        let mut outcome = Outcome::default();
        self.apply_cluster(cluster, &namespace, &catalog, &world, &mut outcome).await?;
        if has_roles(&self.place) && outcome.blocked.is_none() {
            self.apply_inside(cluster, &namespace, &world, verifiers, &mut outcome).await?;
        }
        let Some(object) = world.own(cluster) else { return Ok(outcome.ended(Progress::Settled)) };
        if outcome.moved.is_none() {
            self.act(cluster, &namespace, object, &world, &mut outcome).await?;
        }
        let mut landed = landed::progress(cluster, &object.body, &world);
        match landed {
            Progress::Settled if self.memory.is_fresh(cluster.id) => outcome.wait("Applied", "The operator takes up the change."),
            Progress::Settled => {}
            _ => self.memory.note_unrest(cluster.id),
        }
        if landed == Progress::Settled && cluster.status.generation < cluster.generation && cluster.spec.power == Power::On {
            landed = self.volumes(cluster, &namespace).await?;
        }
        Ok(outcome.ended(landed))
    }

    async fn apply_cluster(&self, cluster: &Cluster, namespace: &str, catalog: &str, world: &World, outcome: &mut Outcome) -> Result<(), EngineError> {
        let wanted = build::cluster(cluster, namespace, catalog);
        let live = world.cluster.as_deref().map(|object| (&object.meta, &*object.body.spec));
        match self.apply(cluster, namespace, &wanted, live).await {
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
                let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace, "labels": { "app.kubernetes.io/managed-by": "howdah" } } });
                self.place.apply(&Kind::core("Namespace", "namespaces"), None, &body).await?;
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

    /// Writes an object if it needs to be; whether it did.
    async fn apply(&self, cluster: &Cluster, namespace: &str, wanted: &Wanted, live: Option<(&Meta, &str)>) -> Result<bool, EngineError> {
        let written = match need(cluster, wanted, live).map_err(EngineError::Blocked)? {
            Need::Nothing => return Ok(false),
            Need::Apply => self.place.apply(&wanted.kind, Some(namespace), &wanted.body).await?,
            Need::TakeOver => self.place.take_over(&wanted.kind, Some(namespace), &wanted.body).await?,
        };
        self.put(&wanted.kind, written);
        Ok(true)
    }

    fn put(&self, kind: &Kind, object: kube::api::DynamicObject) {
        self.eyes.put(kind, object);
    }

    /// Roles and databases: what others need first, and what nobody wishes for any more last.
    async fn apply_inside(&self, cluster: &Cluster, namespace: &str, world: &World, verifiers: &Verifiers, outcome: &mut Outcome) -> Result<(), EngineError> {
        let (groups, users) = build::roles(cluster, namespace, |group| marked(group, None));
        let mut pending = false;
        for wanted in &groups {
            pending |= self.role(cluster, namespace, wanted, world, outcome).await?;
        }
        for (user, wanted) in &users {
            let Some(verifier) = verifiers.get(user) else { continue };
            let live = world.roles.iter().find(|role| role.meta.name == wanted.name);
            if let Err(failure) = self.secret(cluster, namespace, user, &verifier.scram, live.map(AsRef::as_ref)).await {
                note(outcome, failure)?;
                continue;
            }
            // A role that is put into a group which is not there yet fails, and is tried again only half a minute later.
            if !pending {
                pending |= self.role(cluster, namespace, wanted, world, outcome).await?;
            }
        }
        for wanted in build::databases(cluster, namespace).into_values().filter(|_| !pending) {
            let live = world.databases.iter().find(|database| database.meta.name == wanted.name);
            match self.apply(cluster, namespace, &wanted, live.map(|object| (&object.meta, &*object.body.spec))).await {
                Ok(true) => outcome.moved(format!("The Database object {} was written.", wanted.name)),
                Ok(false) => {}
                Err(error) => note(outcome, error)?,
            }
        }
        if pending {
            outcome.wait("RolesFirst", "Databases follow when their roles are there.");
        }
        self.leaving(cluster, namespace, world, outcome).await
    }

    /// Whether the role is still on its way.
    async fn role(&self, cluster: &Cluster, namespace: &str, wanted: &Wanted, world: &World, outcome: &mut Outcome) -> Result<bool, EngineError> {
        let live = world.roles.iter().find(|role| role.meta.name == wanted.name);
        match self.apply(cluster, namespace, wanted, live.map(|object| (&object.meta, &*object.body.spec))).await {
            Ok(true) => outcome.moved(format!("The DatabaseRole object {} was written.", wanted.name)),
            Ok(false) => {}
            Err(error) => note(outcome, error)?,
        }
        // One that the operator refuses must not hold up the others for ever.
        Ok(live.is_none_or(|role| role.body.status.applied.is_none() || role.body.status.observed_generation != role.meta.generation))
    }

    /// The Secret of a user's password: looked into once by each process, and again when the operator says that it saw another.
    async fn secret(&self, cluster: &Cluster, namespace: &str, user: &RoleName, scram: &str, role: Option<&Object<crd::Role>>) -> Result<(), EngineError> {
        let key = (cluster.id, user.clone());
        let seen = role.map(|role| role.body.status.secret_resource_version.clone()).unwrap_or_default();
        let refused = role.is_some_and(|role| role.body.status.applied == Some(false));
        let known = self.memory.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some((held, version)) = known
            && held == scram
            && !refused
            && (seen.is_empty() || seen <= version)
        {
            return Ok(());
        }
        let wanted = build::secret(cluster, namespace, user, scram);
        let live = self.place.get_raw(&SECRET, Some(namespace), &wanted.name).await?;
        let version = match live {
            Some(live) if live.metadata.labels.as_ref().and_then(|labels| labels.get(OWNER)) != Some(&cluster.id.to_string()) => {
                let message = format!("There is a Secret named {} that this portal did not make for this cluster. Delete it or rename the user.", wanted.name);
                return Err(EngineError::Blocked(Reason::new("NameTaken", message)));
            }
            Some(live) if live.data["data"] == wanted.body["data"] => live.metadata.resource_version,
            // A password is the portal's alone: whoever changed it by hand is overruled, as in PostgreSQL itself.
            Some(_) => self.place.take_over(&SECRET, Some(namespace), &wanted.body).await?.metadata.resource_version,
            None => self.place.apply(&SECRET, Some(namespace), &wanted.body).await?.metadata.resource_version,
        };
        self.memory.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (scram.to_owned(), version.unwrap_or_default()));
        Ok(())
    }

    /// Objects of users and databases that nobody wishes for any more: their removal was confirmed when the wish was changed.
    async fn leaving(&self, cluster: &Cluster, namespace: &str, world: &World, outcome: &mut Outcome) -> Result<(), EngineError> {
        let (groups, users) = build::roles(cluster, namespace, |_| String::new());
        let roles: Vec<_> = groups.into_iter().chain(users.into_values()).map(|wanted| wanted.name).collect();
        let databases: Vec<_> = build::databases(cluster, namespace).into_values().map(|wanted| wanted.name).collect();
        for object in world.databases.iter().filter(|object| !databases.contains(&object.meta.name)) {
            self.leave(&crd::DATABASE, namespace, &object.meta, "databaseReclaimPolicy", outcome).await?;
        }
        for object in world.roles.iter().filter(|object| !roles.contains(&object.meta.name)) {
            if object.meta.deleting.is_none()
                && let Some(secret) = secret_of(&object.body)
            {
                self.remove_secret(cluster, namespace, &secret).await?;
            }
            self.leave(&crd::ROLE, namespace, &object.meta, "databaseRoleReclaimPolicy", outcome).await?;
        }
        Ok(())
    }

    /// Says first that what the object stands for goes with it: deleted as it was, the data would stay.
    async fn leave(&self, kind: &Kind, namespace: &str, meta: &Meta, policy: &str, outcome: &mut Outcome) -> Result<(), EngineError> {
        if meta.deleting.is_some() {
            outcome.wait("Leaving", format!("{} {} is being deleted{}.", kind.kind, meta.name, waits_for(meta)));
            return Ok(());
        }
        self.place.merge(kind, Some(namespace), &meta.name, &json!({ "spec": { policy: "delete" } })).await?;
        self.place.delete(kind, Some(namespace), &meta.name, &meta.uid, kube::api::PropagationPolicy::Background).await?;
        outcome.moved(format!("{} {} was deleted.", kind.kind, meta.name));
        Ok(())
    }

    /// Deletes a Secret if it is ours.
    pub(super) async fn remove_secret(&self, cluster: &Cluster, namespace: &str, name: &str) -> Result<(), EngineError> {
        let Some(secret) = self.place.get_raw(&SECRET, Some(namespace), name).await? else { return Ok(()) };
        if secret.metadata.labels.as_ref().and_then(|labels| labels.get(OWNER)) == Some(&cluster.id.to_string()) {
            let uid = secret.metadata.uid.unwrap_or_default();
            self.place.delete(&SECRET, Some(namespace), name, &uid, kube::api::PropagationPolicy::Background).await?;
        }
        Ok(())
    }

    async fn act(&self, cluster: &Cluster, namespace: &str, object: &Object<crd::Cluster>, world: &World, outcome: &mut Outcome) -> Result<(), EngineError> {
        let name = cluster.name.as_str();
        match act::next(cluster, object, world) {
            act::Next::Nothing => {}
            act::Next::Wait(reason) => outcome.wait(&reason.code.clone(), reason.message),
            act::Next::Refuse(reason) => outcome.blocked = Some(reason),
            act::Next::Annotate(annotations, what) => {
                let written = self.place.merge(&crd::CLUSTER, Some(namespace), name, &json!({ "metadata": { "annotations": annotations } })).await?;
                self.put(&crd::CLUSTER, written);
                self.memory.note_change(cluster.id);
                outcome.moved(what);
            }
            act::Next::Switch(status, annotations, what) => {
                let written = self.place.merge_status(&crd::CLUSTER, Some(namespace), name, &status).await?;
                self.put(&crd::CLUSTER, written);
                let written = self.place.merge(&crd::CLUSTER, Some(namespace), name, &json!({ "metadata": { "annotations": annotations } })).await?;
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

/// What the operator's webhook would refuse, told by us, since it may not be there to ask.
fn refused(cluster: &Cluster) -> Option<Reason> {
    let parameters = &cluster.spec.parameters.0;
    let bytes = |name: &str| {
        parameters.get(name).and_then(|value| {
            value.to_ascii_uppercase().trim_end_matches('B').replace('K', "Ki").replace('M', "Mi").replace('G', "Gi").replace('T', "Ti").parse::<Bytes>().ok()
        })
    };
    let memory = cluster.spec.size.memory();
    if let Some(buffers) = bytes("shared_buffers").filter(|buffers| *buffers > memory) {
        return Some(Reason::new("Refused", format!("shared_buffers = {buffers} does not fit into {memory} of memory. Set it lower or choose a larger size.")));
    }
    if let Some(wal) = bytes("max_wal_size").filter(|wal| *wal >= cluster.spec.storage) {
        return Some(Reason::new(
            "Refused",
            format!("max_wal_size = {wal} does not fit onto a volume of {}. Set it lower or grow the volume.", cluster.spec.storage),
        ));
    }
    None
}

/// Other parts go on: a block is told, anything else ends the pass.
fn note(outcome: &mut Outcome, error: EngineError) -> Result<(), EngineError> {
    match error {
        EngineError::Blocked(reason) => {
            outcome.blocked.get_or_insert(reason);
            Ok(())
        }
        error => Err(error),
    }
}

/// What the deletion of an object waits for, as the end of a clause.
pub fn waits_for(meta: &Meta) -> String {
    if meta.finalizers.is_empty() { String::new() } else { format!("; it waits for {}", meta.finalizers.join(", ")) }
}

/// The Secret that a role has its password from.
pub fn secret_of(role: &crd::Role) -> Option<String> {
    let spec: serde_json::Value = serde_json::from_str(&role.spec).ok()?;
    spec["passwordSecret"]["name"].as_str().map(str::to_owned)
}
