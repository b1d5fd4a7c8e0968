//! Kubernetes objects as the portal reads them: what names and dates them, and the few fields that somebody asks for.

use domain::{ClusterId, Timestamp};
use kube::{
    api::{ApiResource, DynamicObject, GroupVersionKind},
    core::ObjectMeta,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// The label that names the cluster that an object belongs to, by its id.
pub const OWNER: &str = "howdah.dev/cluster";
/// The name under which the portal manages fields.
pub const MANAGER: &str = "howdah";
/// How the portal's own labels and annotations begin.
const OURS: &str = "howdah.dev/";
/// Longest annotation of others that is kept: tools keep whole objects in theirs.
const ANNOTATION: usize = 256;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Version, as in `v1`.
    pub version: &'static str,
    /// As in `Cluster`.
    pub kind: &'static str,
    /// As in `clusters`.
    pub plural: &'static str,
}

impl Kind {
    /// A kind of the core group.
    pub const fn core(kind: &'static str, plural: &'static str) -> Self {
        Self { group: "", version: "v1", kind, plural }
    }

    /// As in `postgresql.cnpg.io/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// As the client wants it.
    pub fn resource(&self) -> ApiResource {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(self.group, self.version, self.kind), self.plural)
    }
}

/// What names and dates an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Its name.
    pub name: String,
    /// Its namespace; empty for kinds without one.
    pub namespace: String,
    /// Never used twice.
    pub uid: String,
    /// Changes with every write.
    pub version: String,
    /// Grows with every change of the wish.
    pub generation: i64,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations, but for those in which tools keep whole objects.
    pub annotations: BTreeMap<String, String>,
    /// Its deletion was asked for at that time.
    pub deleting: Option<Timestamp>,
    /// What its deletion waits for.
    pub finalizers: Vec<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
}

impl Meta {
    /// The cluster that it says to belong to.
    pub fn owner(&self) -> Option<ClusterId> {
        self.labels.get(OWNER)?.parse().ok()
    }

    /// The annotation of that name.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    /// Whether it was written after the other; an API server gives its versions in growing order.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        match (self.version.parse::<u64>(), other.version.parse::<u64>()) {
            (Ok(mine), Ok(theirs)) => mine > theirs,
            _ => self.version != other.version,
        }
    }

    fn read(meta: ObjectMeta) -> Self {
        let mut annotations = meta.annotations.unwrap_or_default();
        // Ours are the portal's memory, which has no length: half of it would be taken for none.
        annotations.retain(|name, value| name.starts_with(OURS) || value.len() <= ANNOTATION);
        Self {
            name: meta.name.unwrap_or_default(),
            namespace: meta.namespace.unwrap_or_default(),
            uid: meta.uid.unwrap_or_default(),
            version: meta.resource_version.unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            labels: meta.labels.unwrap_or_default(),
            annotations,
            deleting: meta.deletion_timestamp.map(|time| time.0),
            finalizers: meta.finalizers.unwrap_or_default(),
            created: meta.creation_timestamp.map(|time| time.0),
        }
    }
}

/// A kind of object that is read, and kept while it is watched.
pub trait Readable: DeserializeOwned + PartialEq + Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;
    /// Takes from the whole object what serde cannot.
    fn complete(&mut self, _whole: &Value) {}
}

/// An object as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<T> {
    /// What names and dates it.
    pub meta: Meta,
    /// The fields that somebody asks for.
    pub body: T,
}

impl<T: Readable> Object<T> {
    /// Reads one; an error says which is not understood.
    pub fn read(mut object: DynamicObject) -> Result<Self, String> {
        let meta = Meta::read(object.metadata);
        strip(&mut object.data);
        let mut body: T = T::deserialize(&object.data).map_err(|error| format!("{} {} is not understood ({error})", T::KIND.kind, meta.name))?;
        body.complete(&object.data);
        Ok(Self { meta, body })
    }
}

/// Takes out what is null: it says no more than what is missing, and fits no type.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether everything that `wish` says is so in `live`: more keys are allowed in maps, lists must have the same length.
pub fn is_within(wish: &Value, live: &Value) -> bool {
    match (wish, live) {
        (Value::Object(wish), Value::Object(live)) => wish.iter().all(|(key, value)| live.get(key).is_some_and(|there| is_within(value, there))),
        (Value::Array(wish), Value::Array(live)) => wish.len() == live.len() && wish.iter().zip(live).all(|(wish, live)| is_within(wish, live)),
        (wish, live) => wish == live,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_of_others_do_not_count_and_a_changed_value_does() {
        let wish = json!({"instances": 3, "parameters": {"work_mem": "8MB"}, "extensions": [{"name": "hstore"}]});
        let live = json!({"instances": 3, "parameters": {"work_mem": "8MB", "wal_level": "logical"}, "extensions": [{"name": "hstore", "ensure": "present"}]});
        assert!(is_within(&wish, &live));
        assert!(!is_within(&live, &wish));
        assert!(!is_within(&json!({"instances": 2}), &live));
        assert!(!is_within(&json!({"extensions": []}), &live), "a list is one value");
    }
}
