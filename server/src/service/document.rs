//! `Postgres` documents: read, compared with what is stored, tried or saved as one command.

use super::{Service, authorize, clusters, offered};
use crate::{
    secret,
    store::{credentials, incident},
};
use app::portal::{Applied, Intent, Passwords, Portal, TRIES, Target};
use domain::{
    Accepted, Actor, Change, Cluster, Command, Conflict, Error, RoleName, Timestamp, Uuid,
    manifest::{self, Document},
    version::Major,
};
use secrecy::SecretString;

pub(super) async fn apply(service: &Service, actor: &Actor, target: Target, text: &str, expected: Option<u64>, intent: Intent) -> Result<Applied, Error> {
    let document = manifest::parse(text)?;
    let mut tries = 1;
    loop {
        match once(service, actor, target, &document, expected, intent).await {
            Err(Error::Conflict(Conflict::Stale { .. } | Conflict::NameTaken(_))) if expected.is_none() && tries < TRIES => tries += 1,
            // Rules speak of the wish's fields; who sent a document looks for its own.
            Err(Error::Invalid(errors)) => return Err(Error::Invalid(errors.into_iter().map(manifest::in_document).collect())),
            outcome => return outcome,
        }
    }
}

async fn once(service: &Service, actor: &Actor, target: Target, document: &Document, expected: Option<u64>, intent: Intent) -> Result<Applied, Error> {
    let found = match target {
        Target::Cluster(id) => Some(service.cluster(actor, id).await?),
        Target::Named => match service.named(actor, &document.name).await {
            Ok(cluster) => Some(cluster),
            Err(Error::NotFound) => None,
            Err(other) => return Err(other),
        },
    };
    if found.is_none() && expected.is_some() {
        // The sender saw a cluster that is gone; making another one is not what was meant.
        return Err(Error::NotFound);
    }
    // What was compared must be what is saved over, or the comparison of passwords would be about another wish.
    let seen = expected.or(found.as_ref().map(|found| found.generation));
    let place = found.as_ref().map(|found| &found.place).or(document.place.as_ref());
    let newest = service.places.get(place)?.offer.releases.first().map_or(Major::ALL[0], |release| release.major);
    let (mut command, mut costs) = document.command(found.as_ref(), actor.project, seen, newest, Uuid::new_v4)?;
    authorize(actor, command.action())?;

    let mut sent: Passwords = document.passwords.iter().map(|(user, password)| (user.clone(), SecretString::from(password.as_str()))).collect();
    if let (Some(found), Command::Change { changes, .. }) = (&found, &mut command) {
        for user in keep_new(service, found, &mut sent).await? {
            costs.push(format!("Changes the password of {user}: clients need the new one."));
            changes.push(Change::RotatePassword { name: user });
        }
    }
    match (intent, found) {
        (Intent::Trial, found) => tried(service, command, found, costs),
        (Intent::Save, found) => {
            let before = found.as_ref().map(|found| found.generation);
            let submitted = clusters::submit(service, actor, command, sent).await?;
            let changed = before != Some(submitted.accepted.generation);
            Ok(Applied { accepted: Some(submitted.accepted), created: found.is_none(), changed, costs })
        }
    }
}

/// Takes out of `sent` the passwords that users have already, and names the users of the cluster for whom one is left: theirs changes.
async fn keep_new(service: &Service, found: &Cluster, sent: &mut Passwords) -> Result<Vec<RoleName>, Error> {
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let stored = credentials::verifiers(&service.store, found.id).await?;
    let all = std::mem::take(sent);
    let same = move |user: &RoleName, password: &SecretString| stored.get(user).is_some_and(|v| secret::verifies(password, &v.scram));
    let differ = move || all.into_iter().filter(|(user, password)| !same(user, password)).collect::<Passwords>();
    *sent = tokio::task::spawn_blocking(differ).await.map_err(|e| incident(&e))?;
    Ok(sent.keys().filter(|user| found.spec.users.contains_key(*user)).cloned().collect())
}

/// What saving would do; nothing is saved.
fn tried(service: &Service, command: Command, found: Option<Cluster>, costs: Vec<String>) -> Result<Applied, Error> {
    let now = Timestamp::now();
    match (command, found) {
        (Command::Change { expected, changes, .. }, Some(found)) => {
            let after = found.change(expected, changes, now)?;
            offered::check(&service.places, Some(&found), &after)?;
            let accepted = Accepted { id: found.id, generation: found.generation };
            Ok(Applied { accepted: Some(accepted), created: false, changed: after.generation != found.generation, costs })
        }
        (Command::Create { id, project, place, name, spec }, _) => {
            let place = service.places.get(place.as_ref())?;
            let cluster = Cluster::create(id, project, place.name, name, *spec, now)?;
            offered::check(&service.places, None, &cluster)?;
            Ok(Applied { accepted: None, created: true, changed: true, costs })
        }
        // A document never deletes, and changes only what was found.
        (Command::Change { .. } | Command::Delete { .. }, _) => Err(Error::NotFound),
    }
}
