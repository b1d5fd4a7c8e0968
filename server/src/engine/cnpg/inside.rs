//! Roles and databases as objects: what others need first, and what nobody wishes for any more last.

use super::{
    Cnpg,
    apply::{Outcome, waits_for},
    build::{self, Wanted},
    crd::{self, SECRET},
    memory::Held,
    world::World,
};
use crate::{
    engine::{
        EngineError, Verifiers,
        kube::object::{Kind, Meta, OWNER, Object},
    },
    postgres::facts::marked,
};
use domain::{Cluster, RoleName, status::Reason};
use kube::api::PropagationPolicy;
use serde_json::json;
use std::{collections::BTreeSet, sync::PoisonError};

/// Changed to have an object looked at again.
const AGAIN: &str = "howdah.dev/looked-at-again";

impl Cnpg {
    /// One pass over them.
    pub(super) async fn apply_inside(
        &self,
        cluster: &Cluster,
        namespace: &str,
        world: &World,
        verifiers: &Verifiers,
        outcome: &mut Outcome,
    ) -> Result<(), EngineError> {
        let (groups, users) = build::roles(cluster, namespace, |group| marked(group, None));
        let mut groups_pending = false;
        for wanted in &groups {
            groups_pending |= self.role(cluster, namespace, wanted, world, outcome).await?;
        }
        let mut pending = BTreeSet::new();
        for (user, wanted) in &users {
            let Some(verifier) = verifiers.get(user) else { continue };
            let live = world.roles.iter().find(|role| role.meta.name == wanted.name);
            if let Err(failure) = self.secret(cluster, namespace, user, &verifier.scram, live.map(AsRef::as_ref)).await {
                note(outcome, failure)?;
                continue;
            }
            // A role that is put into a group which is not there yet fails, and is tried again only half a minute later.
            if groups_pending || self.role(cluster, namespace, wanted, world, outcome).await? {
                pending.insert(user);
            }
        }
        for (name, wanted) in build::databases(cluster, namespace) {
            let owner = cluster.spec.databases.get(&name).and_then(|database| database.owner.as_ref());
            if groups_pending || owner.is_some_and(|owner| pending.contains(owner)) {
                outcome.wait("RolesFirst", "Databases follow when their roles are there.");
                continue;
            }
            let live = world.databases.iter().find(|database| database.meta.name == wanted.name);
            match self.apply(cluster, namespace, &wanted, live.map(|object| (&object.meta, &*object.body.spec))).await {
                Ok(true) => outcome.moved(format!("The Database object {} was written.", wanted.name)),
                Ok(false) => {}
                Err(error) => note(outcome, error)?,
            }
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
        let Some(role) = live else { return Ok(true) };
        let status = &role.body.status;
        // An instance may look for a Secret before the operator has allowed it to.
        let early = status.applied == Some(false) && status.message.contains("is forbidden");
        if early {
            self.touch(&crd::ROLE, namespace, &role.meta).await?;
        }
        // One that the operator refuses must not hold up the others for ever.
        Ok(early || status.applied.is_none() || (status.applied == Some(true) && status.observed_generation != role.meta.generation))
    }

    /// Has an object looked at again at once which the operator would come back to only half a minute later. A few times: then it has its reasons.
    async fn touch(&self, kind: &Kind, namespace: &str, meta: &Meta) -> Result<(), EngineError> {
        if self.memory.may_touch(&meta.uid) {
            let annotations = json!({ AGAIN: domain::Timestamp::now().to_string() });
            self.merge(kind, namespace, meta, json!({ "metadata": { "annotations": annotations } })).await?;
        }
        Ok(())
    }

    /// The Secret of a user's password: looked into once by each process, and again when the operator says that it saw another.
    async fn secret(&self, cluster: &Cluster, namespace: &str, user: &RoleName, scram: &str, role: Option<&Object<crd::Role>>) -> Result<(), EngineError> {
        let key = (cluster.id, user.clone());
        let seen = role.map(|role| role.body.status.secret_resource_version.clone()).unwrap_or_default();
        let refused = role.is_some_and(|role| role.body.status.applied == Some(false));
        let known = self.memory.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let returns = self.place.returns();
        if let Some(held) = known
            && held.scram == scram
            && held.returns == returns
            && !refused
            && is_old(&seen, &held.version)
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
        let held = Held { scram: scram.to_owned(), version: version.unwrap_or_default(), returns };
        self.memory.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(key, held);
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
            // It could not go while it owned something, which SQL has given away meanwhile.
            self.touch(kind, namespace, meta).await?;
            outcome.wait("Leaving", format!("{} {} is being deleted{}.", kind.kind, meta.name, waits_for(meta)));
            return Ok(());
        }
        self.merge(kind, namespace, meta, json!({ "spec": { policy: "delete" } })).await?;
        self.place.delete(kind, Some(namespace), &meta.name, &meta.uid, PropagationPolicy::Background).await?;
        outcome.moved(format!("{} {} was deleted.", kind.kind, meta.name));
        Ok(())
    }

    /// Deletes a Secret if it is ours.
    pub(super) async fn remove_secret(&self, cluster: &Cluster, namespace: &str, name: &str) -> Result<(), EngineError> {
        let Some(secret) = self.place.get_raw(&SECRET, Some(namespace), name).await? else { return Ok(()) };
        if secret.metadata.labels.as_ref().and_then(|labels| labels.get(OWNER)) == Some(&cluster.id.to_string()) {
            let uid = secret.metadata.uid.unwrap_or_default();
            self.place.delete(&SECRET, Some(namespace), name, &uid, PropagationPolicy::Background).await?;
        }
        Ok(())
    }
}

/// Whether the operator saw nothing newer than what we found. Versions grow with every write.
fn is_old(seen: &str, found: &str) -> bool {
    match (seen.parse::<u64>(), found.parse::<u64>()) {
        (Ok(seen), Ok(found)) => seen <= found,
        _ => seen.is_empty() || seen == found,
    }
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

/// The Secret that a role has its password from.
pub fn secret_of(role: &crd::Role) -> Option<String> {
    let spec: serde_json::Value = serde_json::from_str(&role.spec).ok()?;
    spec["passwordSecret"]["name"].as_str().map(str::to_owned)
}
