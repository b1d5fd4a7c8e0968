//! Addresses of things: how they are answered, and what a client may write instead of one.

use super::PREFIXES;
use domain::{ClusterId, Spec, name::RoleName, version::Major};
use uuid::Uuid;

/// The address of a version.
pub fn version(major: Major) -> String {
    format!("{}/versions/{}", PREFIXES[1], major.uuid())
}

/// The address of a cluster.
pub fn instance(id: ClusterId) -> String {
    format!("{}/instances/{id}", PREFIXES[0])
}

/// The address of a user.
pub fn user(id: ClusterId, user: Uuid) -> String {
    format!("{}/users/{user}", instance(id))
}

/// The address of a database.
pub fn database(id: ClusterId, database: Uuid) -> String {
    format!("{}/databases/{database}", instance(id))
}

/// An id as it is written in addresses: 36 characters with hyphens. Other spellings could be taken for names.
pub fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// The version that a client means by an address, an id or a name.
pub fn find_version(text: &str) -> Option<Major> {
    let id = match tail(text) {
        Some(tail) => uuid(tail.strip_prefix("versions/")?),
        None => uuid(text),
    };
    match id {
        Some(id) => Major::ALL.into_iter().find(|major| major.uuid() == id),
        None => text.parse().ok(),
    }
}

/// The user of this cluster that a client means by an address, an id or a name.
pub fn find_user<'a>(id: ClusterId, spec: &'a Spec, text: &str) -> Option<&'a RoleName> {
    let wanted = match tail(text) {
        Some(tail) => {
            let (instance, user) = tail.strip_prefix("instances/")?.split_once("/users/")?;
            Some(uuid(user).filter(|_| uuid(instance) == Some(id.0))?)
        }
        None => uuid(text),
    };
    match wanted {
        Some(wanted) => spec.users.iter().find(|(_, user)| user.id == wanted).map(|(name, _)| name),
        None => spec.users.keys().find(|name| name.as_str() == text),
    }
}

/// What follows the prefix in an address, without a slash at its end; none: this is no address of ours.
fn tail(text: &str) -> Option<&str> {
    let path = match text.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => text,
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)?.strip_prefix('/'))
}
