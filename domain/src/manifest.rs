//! The `Postgres` resource: the declarative face of a cluster. Same document in, same document out.

use crate::{
    Change, Cluster, ClusterName, Command, DatabaseName, Error, PlaceName, ProjectId, Spec,
    error::FieldError,
    name::{Description, RoleName, Title},
    spec::Power,
    topology::Topology,
    version::Major,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

mod print;
#[cfg(feature = "yaml")]
mod read;
#[cfg(feature = "yaml")]
mod value;

pub use print::{print, print_in, print_spec};

/// `apiVersion` of the resource.
pub const API_VERSION: &str = "apps.cozystack.io/v1alpha1";
/// `kind` of the resource.
pub const KIND: &str = "Postgres";

/// Annotations by which a document says what the resource has no field for.
pub mod annotation {
    /// Databases that may be dropped with their data: names, separated by commas.
    pub const ALLOW_DROP: &str = "howdah.dev/allow-drop";
    /// What people call the cluster, where that is not its name.
    pub const TITLE: &str = "howdah.dev/title";
    /// Free text about the cluster.
    pub const DESCRIPTION: &str = "howdah.dev/description";
    /// `standalone` or `replicated`, where the number of instances does not tell.
    pub const TOPOLOGY: &str = "howdah.dev/topology";
    /// `required`: writes wait for the quorum. Else it heals itself.
    pub const DURABILITY: &str = "howdah.dev/durability";
    /// `on` or `off`.
    pub const POWER: &str = "howdah.dev/power";
    /// Followed by a database's name: the user that owns it.
    pub const OWNER: &str = "howdah.dev/owner.";
    /// Where the cluster runs, where that is not `local`.
    pub const PLACE: &str = "howdah.dev/place";
}

/// A document that was read and understood.
#[derive(Clone, PartialEq)]
pub struct Document {
    /// `metadata.name`.
    pub name: ClusterName,
    /// `howdah.dev/place`: where a new cluster is made.
    pub place: Option<PlaceName>,
    /// The wish. Its ids are nil until [`Document::command`] gives them.
    pub spec: Spec,
    /// What the document leaves open, and the cluster that is there decides.
    pub open: Open,
    /// `howdah.dev/allow-drop`.
    pub allow_drop: BTreeSet<DatabaseName>,
    /// Passwords in clear, by user. The caller turns them into verifiers and drops them.
    pub passwords: BTreeMap<RoleName, String>,
}

/// Which parts a document does not speak of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// No `spec.version`: the newest, or the one that is there.
    pub version: bool,
    /// No `metadata.labels`.
    pub labels: bool,
    /// The title, if given.
    pub title: Option<Title>,
    /// The description, if given.
    pub description: Option<Description>,
    /// The power, if given.
    pub power: Option<Power>,
    /// The topology, if given.
    pub topology: Option<Topology>,
    /// Owners of databases, as far as given.
    pub owners: BTreeMap<DatabaseName, RoleName>,
}

/// Reads a document, YAML or JSON. Errors are placed at the field (`spec.quorum.maxSyncReplicas`, with its line in the message), or at `line N`.
#[cfg(feature = "yaml")]
pub fn parse(text: &str) -> Result<Document, Error> {
    read::document(text)
}

impl Document {
    /// The command that makes `found` (or a new cluster) what the document says, and what that costs in words. `newest` is the version meant when none
    /// is given; `fresh` makes ids.
    pub fn command(
        &self,
        found: Option<&Cluster>,
        project: ProjectId,
        expected: Option<u64>,
        newest: Major,
        mut fresh: impl FnMut() -> Uuid,
    ) -> Result<(Command, Vec<String>), Error> {
        let mut spec = self.wish(found.map(|cluster| &cluster.spec), newest);
        spec.users.values_mut().for_each(|user| user.id = fresh());
        spec.databases.values_mut().for_each(|database| database.id = fresh());
        let errors: Vec<_> = spec.check().into_iter().map(in_document).collect();
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let Some(cluster) = found else {
            let id = crate::ClusterId(fresh());
            let made_up = self.made_up(None);
            return Ok((Command::Create { id, project, place: self.place.clone(), name: self.name.clone(), spec: Box::new(spec) }, made_up));
        };
        if cluster.name != self.name {
            return Err(Error::invalid("metadata.name", format!("This cluster is {}; a cluster's name never changes.", cluster.name)));
        }
        if let Some(place) = self.place.as_ref().filter(|place| **place != cluster.place) {
            let message = format!("This cluster is in {}, and a cluster never moves: {place} would be another cluster.", cluster.place);
            return Err(Error::invalid("metadata.annotations.howdah.dev/place", message));
        }
        let change = Change::Replace { spec: Box::new(spec), allow_drop: self.allow_drop.clone() };
        let next = cluster.change(expected, vec![change.clone()], cluster.updated_at).map_err(|error| match error {
            Error::Invalid(errors) => Error::Invalid(errors.into_iter().map(in_document).collect()),
            other => other,
        })?;
        let costs = cluster.spec.cost(&next.spec).into_iter().chain(self.made_up(Some(&cluster.spec))).collect();
        Ok((Command::Change { id: cluster.id, expected, changes: vec![change] }, costs))
    }

    /// What is to be known of passwords that nobody will see.
    fn made_up(&self, before: Option<&Spec>) -> Vec<String> {
        let new = |user: &&RoleName| !self.passwords.contains_key(*user) && before.is_none_or(|b| !b.users.contains_key(*user));
        let users: Vec<_> = self.spec.users.keys().filter(new).map(RoleName::as_str).collect();
        let told = || format!("Makes up a password that is shown to nobody for {}: give a new one to whoever is to sign in.", users.join(", "));
        (!users.is_empty()).then(told).into_iter().collect()
    }

    /// The wish, with what the document leaves open taken from the one before.
    fn wish(&self, before: Option<&Spec>, newest: Major) -> Spec {
        let mut spec = self.spec.clone();
        let open = &self.open;
        if open.version {
            spec.version = before.map_or(newest, |b| b.version);
        }
        if open.labels {
            spec.labels = before.map(|b| b.labels.clone()).unwrap_or_default();
        }
        spec.title = open.title.clone().or(before.map(|b| b.title.clone())).unwrap_or(self.name.clone().into());
        spec.description = open.description.clone().or(before.map(|b| b.description.clone())).unwrap_or_default();
        spec.power = open.power.or(before.map(|b| b.power)).unwrap_or_default();
        spec.topology = open.topology.unwrap_or(Topology::for_instances(spec.instances));
        for (name, database) in &mut spec.databases {
            let kept = before.and_then(|b| b.databases.get(name)).and_then(|b| b.owner.clone());
            database.owner = open.owners.get(name).cloned().or(kept.filter(|owner| spec.users.contains_key(owner)));
        }
        spec
    }
}

/// The same error, at the field of the document that the rule of the wish is about.
pub fn in_document(error: FieldError) -> FieldError {
    let field = match error.field.as_str() {
        "instances" => "spec.replicas".into(),
        "name" => "metadata.name".into(),
        "storage" | "size" => "spec.size".into(),
        "cpu" | "memory" => format!("spec.resources.{}", error.field),
        "storage_class" | "storageClass" => "spec.storageClass".into(),
        "quorum.min" => "spec.quorum.minSyncReplicas".into(),
        "quorum.max" | "sync_replica_number" => "spec.quorum.maxSyncReplicas".into(),
        field if field.starts_with("labels") => format!("metadata.{field}"),
        field if field.starts_with("parameters") => format!("spec.postgresql.{field}"),
        field if field.starts_with("spec.") || field.starts_with("metadata.") => field.into(),
        field => format!("spec.{field}"),
    };
    FieldError { field, ..error }
}
