//! How one change folds into a wish.

use super::{Power, Spec, Switchover};
use crate::Timestamp;
use crate::{
    command::{Change, Confirm},
    database::Database,
    error::{Conflict, Error},
    name::{DatabaseName, RoleName},
    topology::Topology,
    user::User,
};
use std::collections::BTreeSet;

pub(super) fn fold(mut spec: Spec, change: Change, now: Timestamp) -> Result<Spec, Error> {
    match change {
        Change::Describe { title, description, labels } => {
            spec.title = title.unwrap_or(spec.title);
            spec.description = description.unwrap_or(spec.description);
            spec.labels = labels.unwrap_or(spec.labels);
        }
        Change::Scale { instances } => {
            spec.instances = instances;
            if instances > 1 {
                spec.topology = Topology::Replicated;
            }
        }
        Change::Resize { size } => spec.size = size,
        Change::Grow { storage } if storage < spec.storage => {
            return Err(Error::invalid("storage", format!("A volume only grows: it has {} now.", spec.storage)));
        }
        Change::Grow { storage } => spec.storage = storage,
        Change::SetQuorum { quorum } => spec.quorum = quorum,
        Change::SetPower { power } => spec.power = power,
        Change::Switchover { to } => {
            if spec.instances < 2 {
                return Err(Error::invalid("primary", "There is no replica to switch to."));
            }
            if spec.power == Power::Off {
                return Err(Error::invalid("primary", "The cluster is paused: resume it first."));
            }
            spec.switchover = Some(Switchover { to, serial: spec.switchover.map_or(0, |s| s.serial) + 1 });
        }
        Change::Restart => spec.restarts += 1,
        Change::TakeOver => spec.takeovers += 1,
        Change::SetExternal { external } => spec.external = external,
        Change::SetParameters { parameters } => spec.parameters = parameters,
        Change::AddUser { id, name, replication, description } => {
            free_user(&spec, &name, id)?;
            spec.users.insert(name, User { id, replication, password_version: 1, description, created_at: now, updated_at: now });
        }
        Change::SetUser { name, replication, description } => {
            let user = user(&mut spec, &name)?;
            user.replication = replication.unwrap_or(user.replication);
            user.description = description.unwrap_or(user.description.clone());
            user.updated_at = now;
        }
        Change::RotatePassword { name } => {
            let user = user(&mut spec, &name)?;
            user.password_version += 1;
            user.updated_at = now;
        }
        Change::RemoveUser { name } => remove_user(&mut spec, &name)?,
        Change::AddDatabase { id, name, owner, roles, extensions, description } => {
            if spec.databases.contains_key(&name) {
                return Err(Conflict::NameTaken(format!("database {name}")).into());
            }
            if spec.databases.values().any(|database| database.id == id) {
                return Err(Conflict::NameTaken(format!("database with the uuid {id}")).into());
            }
            spec.databases.insert(name, Database { id, owner, roles, extensions, description, created_at: now, updated_at: now });
        }
        Change::SetDatabase { name, owner, roles, extensions, description } => {
            let database = spec.databases.get_mut(&name).ok_or(Error::NotFound)?;
            database.owner = owner.or(database.owner.take());
            database.roles = roles.unwrap_or(std::mem::take(&mut database.roles));
            database.extensions = extensions.unwrap_or(std::mem::take(&mut database.extensions));
            database.description = description.unwrap_or(std::mem::take(&mut database.description));
            database.updated_at = now;
        }
        Change::RemoveDatabase { name, confirm } => remove_database(&mut spec, &name, &confirm)?,
        Change::Replace { spec: next, allow_drop } => return replace(spec, *next, &allow_drop, now),
    }
    Ok(spec)
}

fn user<'a>(spec: &'a mut Spec, name: &RoleName) -> Result<&'a mut User, Error> {
    spec.users.get_mut(name).ok_or(Error::NotFound)
}

fn free_user(spec: &Spec, name: &RoleName, id: uuid::Uuid) -> Result<(), Error> {
    if spec.users.contains_key(name) {
        return Err(Conflict::NameTaken(format!("user {name}")).into());
    }
    if spec.users.values().any(|user| user.id == id) {
        return Err(Conflict::NameTaken(format!("user with the uuid {id}")).into());
    }
    Ok(())
}

fn remove_user(spec: &mut Spec, name: &RoleName) -> Result<(), Error> {
    user(spec, name)?;
    if let Some((database, _)) = spec.databases.iter().find(|(_, database)| database.owner.as_ref() == Some(name)) {
        return Err(Conflict::InUse(format!("{name} owns the database {database}: give it another owner first.")).into());
    }
    spec.users.remove(name);
    for database in spec.databases.values_mut() {
        database.roles.admin.remove(name);
        database.roles.readonly.remove(name);
    }
    Ok(())
}

fn remove_database(spec: &mut Spec, name: &DatabaseName, confirm: &Confirm) -> Result<(), Error> {
    if !spec.databases.contains_key(name) {
        return Err(Error::NotFound);
    }
    if !confirm.holds(name.as_str()) {
        return Err(Error::invalid("confirm", format!("Type {name} to delete it and its data.")));
    }
    spec.databases.remove(name);
    Ok(())
}

/// A document says the whole wish anew; what it cannot say (ids, times, power, counters) is kept from the old one.
fn replace(old: Spec, mut next: Spec, allow_drop: &BTreeSet<DatabaseName>, now: Timestamp) -> Result<Spec, Error> {
    let fixed = [
        (old.version != next.version, "version", format!("The major version cannot be changed here: it is {}.", old.version)),
        (old.storage_class != next.storage_class, "storageClass", "The storage class is fixed after creation.".into()),
        (next.storage < old.storage, "size", format!("A volume only grows: it has {} now.", old.storage)),
    ];
    if let Some((_, field, message)) = fixed.into_iter().find(|(broken, ..)| *broken) {
        return Err(Error::invalid(field, message));
    }
    if let Some(name) = old.databases.keys().find(|name| !next.databases.contains_key(*name) && !allow_drop.contains(*name)) {
        let how = format!("The document leaves out the database {name}, which would drop its data. To mean it, annotate howdah.dev/allow-drop: \"{name}\".");
        return Err(Error::invalid("databases", how));
    }
    for (name, user) in &mut next.users {
        // A password in the document is a new one only if the service found it to differ; it then sends RotatePassword beside this.
        match old.users.get(name) {
            Some(before) => *user = kept_user(before, user, now),
            None => (user.password_version, user.created_at, user.updated_at) = (1, now, now),
        }
    }
    for (name, database) in &mut next.databases {
        let before = old.databases.get(name);
        database.id = before.map_or(database.id, |b| b.id);
        database.description = before.map_or(std::mem::take(&mut database.description), |b| b.description.clone());
        database.created_at = before.map_or(now, |b| b.created_at);
        database.updated_at = before.map_or(now, |b| b.updated_at);
        if before.is_some_and(|b| b != database) {
            database.updated_at = now;
        }
    }
    let topology = if next.instances > 1 || old.topology == Topology::Replicated { Topology::Replicated } else { next.topology };
    Ok(Spec { topology, switchover: old.switchover, restarts: old.restarts, takeovers: old.takeovers, ..next })
}

fn kept_user(before: &User, wish: &User, now: Timestamp) -> User {
    let updated_at = if before.replication == wish.replication { before.updated_at } else { now };
    User { replication: wish.replication, updated_at, ..before.clone() }
}
