//! Commands: each is one transaction that locks the row, lets `domain` decide, and writes the wish, its verifiers, the audit and the history together.

use super::{Service, offered, passwords, words};
use crate::store::{Store, StoreError, audit, clusters, credentials, events};
use app::portal::{Passwords, Submitted};
use domain::{Accepted, Actor, Cluster, ClusterId, ClusterName, Command, Conflict, Error, PlaceName, ProjectId, Spec, Timestamp, Uuid, event::Kind};
use sqlx::PgConnection;

/// Saves a wish of an actor whose right to it has been checked, with passwords that keep the rule of the way they came in by.
pub(super) async fn submit(service: &Service, actor: &Actor, command: Command, sent: Passwords) -> Result<Submitted, Error> {
    match &command {
        Command::Create { id, project, place, name, spec } => {
            if *project != actor.project {
                return Err(Error::Forbidden("Clusters can be made in your own project only.".into()));
            }
            create(service, actor, &command, (*id, *project, place.as_ref(), name, spec), sent).await
        }
        Command::Change { id, expected, changes } => {
            let mut transaction = service.store.begin().await?;
            let before = clusters::lock(&mut transaction, actor.project, *id).await?;
            let now = clusters::now(&mut transaction).await?;
            let after = before.change(*expected, changes.clone(), now)?;
            if after.generation == before.generation {
                return Ok(nothing(&before));
            }
            offered::check(&service.places, Some(&before), &after)?;
            clusters::save(&mut transaction, &after).await?;
            let generated = passwords::save(&mut transaction, Some(&before.spec), &after, sent).await?;
            credentials::retain(&mut transaction, after.id, &after.spec).await?;
            note(&mut transaction, actor, &after, &command).await?;
            transaction.commit().await.map_err(StoreError::from)?;
            Ok(Submitted { accepted: Accepted { id: after.id, generation: after.generation }, generated })
        }
        Command::Delete { id, confirm } => {
            let mut transaction = service.store.begin().await?;
            let before = clusters::lock(&mut transaction, actor.project, *id).await?;
            let now = clusters::now(&mut transaction).await?;
            let after = before.delete(confirm, now)?;
            if after.generation == before.generation {
                return Ok(nothing(&before));
            }
            clusters::save(&mut transaction, &after).await?;
            note(&mut transaction, actor, &after, &command).await?;
            transaction.commit().await.map_err(StoreError::from)?;
            Ok(nothing(&after))
        }
    }
}

/// The answer when no password was made up.
fn nothing(cluster: &Cluster) -> Submitted {
    Submitted { accepted: Accepted { id: cluster.id, generation: cluster.generation }, generated: Passwords::new() }
}

/// Who did what, for the auditor and for the page.
async fn note(connection: &mut PgConnection, actor: &Actor, cluster: &Cluster, command: &Command) -> Result<(), StoreError> {
    audit::add(connection, actor, cluster, command).await?;
    let asked = events::NewEvent { kind: Kind::Asked, title: words::asked(command), text: String::new(), actor: Some(actor.name.clone()) };
    events::add(connection, cluster.id, &[asked]).await
}

type Wanted<'a> = (ClusterId, ProjectId, Option<&'a PlaceName>, &'a ClusterName, &'a Spec);

async fn create(service: &Service, actor: &Actor, command: &Command, wanted: Wanted<'_>, sent: Passwords) -> Result<Submitted, Error> {
    let (id, project, place, name, spec) = wanted;
    let place = service.places.get(place)?;
    let mut transaction = service.store.begin().await?;
    let now = clusters::now(&mut transaction).await?;
    let cluster = Cluster::create(id, project, place.name, name.clone(), fresh(spec, now), now)?;
    offered::check(&service.places, None, &cluster)?;
    if !clusters::insert(&mut transaction, &cluster).await? {
        transaction.rollback().await.map_err(StoreError::from)?;
        return again(&service.store, wanted).await.map(|found| nothing(&found));
    }
    let generated = passwords::save(&mut transaction, None, &cluster, sent).await?;
    note(&mut transaction, actor, &cluster, command).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Submitted { accepted: Accepted { id, generation: 1 }, generated })
}

/// What the sender cannot know: times, first password, and ids that it left open.
fn fresh(spec: &Spec, now: Timestamp) -> Spec {
    let given = |id: Uuid| if id.is_nil() { Uuid::new_v4() } else { id };
    let mut spec = spec.clone();
    for user in spec.users.values_mut() {
        (user.id, user.password_version, user.created_at, user.updated_at) = (given(user.id), 1, now, now);
    }
    for database in spec.databases.values_mut() {
        (database.id, database.created_at, database.updated_at) = (given(database.id), now, now);
    }
    spec
}

/// The id or the name is taken: by this very wish, sent twice, or by another one.
async fn again(store: &Store, (id, project, place, name, spec): Wanted<'_>) -> Result<Cluster, Error> {
    match clusters::get(store, id).await {
        Ok(found) if found.project != project || found.name != *name || place.is_some_and(|place| found.place != *place) || !same_wish(&found.spec, spec) => {
            Err(Conflict::NameTaken(format!("cluster with the uuid {id}")).into())
        }
        Ok(found) if found.deleted_at.is_some() => Err(Conflict::Deleting.into()),
        Ok(found) => Ok(found),
        Err(StoreError::NotFound) => match clusters::named(store, project, name).await {
            Ok(found) if found.deleted_at.is_some() => {
                Err(Conflict::InUse(format!("The cluster {name} before is still being deleted: try again in a moment, or choose another name.")).into())
            }
            Ok(_) => Err(Conflict::NameTaken(format!("cluster {name}")).into()),
            // Deleted between the two looks.
            Err(StoreError::NotFound) => Err(Conflict::InUse(format!("The cluster {name} before was deleted just now: try again.")).into()),
            Err(other) => Err(other.into()),
        },
        Err(other) => Err(other.into()),
    }
}

/// Equal but for what a sender makes anew each time.
fn same_wish(one: &Spec, other: &Spec) -> bool {
    let plain = |spec: &Spec| {
        let mut spec = fresh(spec, Timestamp::UNIX_EPOCH);
        spec.users.values_mut().for_each(|user| user.id = Uuid::nil());
        spec.databases.values_mut().for_each(|database| database.id = Uuid::nil());
        spec
    };
    plain(one) == plain(other)
}
