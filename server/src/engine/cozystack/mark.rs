//! What the portal must remember of a cluster, kept on the object itself: whose it is, which users and databases it put there, and when it last wrote.
//!
//! Without it nobody could tell a database that was taken off the wish from one that somebody added by hand, and the chart drops at once, with its data,
//! whatever is missing from the map.

use super::crd::Postgres;
use crate::engine::kube::object::{Meta, OWNER, Object, Readable};
use domain::{Cluster, Timestamp, status::Reason};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const USERS: &str = "howdah.dev/users";
const DATABASES: &str = "howdah.dev/databases";
/// The annotation that dates the last write.
pub const WRITTEN: &str = "howdah.dev/written";

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Users that the portal put there, with the version of the password; those that left the wish stay here, locked.
    pub users: BTreeMap<String, u32>,
    /// Databases that the portal put there.
    pub databases: BTreeSet<String>,
    /// The last write; none: not known.
    pub written: Option<Written>,
}

/// A write, and what the object said before it: until a later release than `after` is there, what the object says of itself is about the time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The number of the release that was there then, or of the one that was on its way; 0: none.
    pub after: u32,
    /// When.
    pub at: Timestamp,
}

impl Mark {
    /// Reads it. What is missing or not understood is as if nothing had been put there: then nothing is taken away either.
    pub fn read(meta: &Meta) -> Self {
        fn part<T: for<'a> Deserialize<'a>>(meta: &Meta, name: &str) -> Option<T> {
            serde_json::from_str(meta.annotation(name)?).ok()
        }
        Self { users: part(meta, USERS).unwrap_or_default(), databases: part(meta, DATABASES).unwrap_or_default(), written: part(meta, WRITTEN) }
    }

    /// As annotations; a part that is not known is left out.
    pub fn annotations(&self) -> Map<String, Value> {
        let text = |value: Value| Value::String(value.to_string());
        let mut all = Map::new();
        all.insert(USERS.into(), text(self.users.iter().map(|(name, version)| (name.clone(), Value::from(*version))).collect::<Map<_, _>>().into()));
        all.insert(DATABASES.into(), text(self.databases.iter().cloned().map(Value::String).collect()));
        if let Some(written) = &self.written {
            all.insert(WRITTEN.into(), text(written.value()));
        }
        all
    }
}

impl Written {
    fn value(self) -> Value {
        serde_json::json!({"after": self.after, "at": self.at.to_string()})
    }
}

/// The object bears marks of a portal, but no label that says of which cluster.
pub const UNLABELED: &str = "OwnerUnknown";

/// Whether an object is the cluster's, as far as anybody can tell.
pub fn is_ours(cluster: &Cluster, there: &Object<Postgres>) -> bool {
    not_ours(cluster, there).is_none_or(|reason| reason.code == UNLABELED)
}

/// Why an object is not for us to touch.
pub fn not_ours(cluster: &Cluster, there: &Object<Postgres>) -> Option<Reason> {
    let (name, namespace) = (&there.meta.name, &there.meta.namespace);
    let words = match there.meta.owner() {
        Some(owner) if owner == cluster.id => return None,
        Some(_) => "belongs to another cluster of a portal",
        None if Mark::read(&there.meta) != Mark::default() => {
            let put = format!("kubectl label {}.{} {name} -n {namespace} {OWNER}={}", Postgres::KIND.plural, Postgres::KIND.group, cluster.id);
            let words =
                format!("The Postgres object {name} in {namespace} has lost the label that says whose it is. It is left alone until that is put back: {put}");
            return Some(Reason::new(UNLABELED, words));
        }
        None => "was not made by this portal",
    };
    let help = "It is left alone. Delete this cluster and choose another name";
    Some(Reason::new("NameTaken", format!("The Postgres object {name} in {namespace} {words}. {help}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mark = Mark {
            users: [("alice".to_owned(), 3)].into(),
            databases: ["shop".to_owned()].into(),
            written: Some(Written { after: 2, at: Timestamp::UNIX_EPOCH }),
        };
        let annotations = mark.annotations().into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned())).collect();
        assert_eq!(Mark::read(&Meta { annotations, ..Meta::default() }), mark);
    }

    #[test]
    fn a_mark_that_was_edited_by_hand_takes_nothing_away() {
        let annotations = [(DATABASES.to_owned(), "shop, more".to_owned()), (USERS.to_owned(), "[]".to_owned())].into();
        assert_eq!(Mark::read(&Meta { annotations, ..Meta::default() }), Mark::default());
    }
}
