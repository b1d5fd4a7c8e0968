//! Whether an object has to be written: pure. An idle look finds nothing to do, whoever filled in defaults meanwhile.

use super::build::{APPLIED, TAKEOVERS, Wanted};
use crate::engine::kube::object::{Kind, Meta, OWNER, is_within};
use domain::{Cluster, status::Reason};
use serde_json::Value;

/// What to do about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It is as it shall be.
    Nothing,
    /// Apply it; what others manage is told.
    Apply,
    /// Apply it, and take from others what they manage of it: asked for, and not done yet.
    TakeOver,
}

/// Code of the reason that [`relabel`] is told with.
pub const LABEL_LOST: &str = "LabelLost";

/// The command that gives an object of ours its label back, if it has lost it.
pub fn relabel(cluster: &Cluster, kind: &Kind, meta: &Meta) -> Option<String> {
    // Only ours have the one, and only somebody's hand takes off the other.
    let lost = meta.owner().is_none() && meta.annotation(APPLIED).is_some();
    lost.then(|| format!("kubectl --namespace {} label {}.{} {} {OWNER}={}", meta.namespace, kind.plural, kind.group, meta.name, cluster.id))
}

/// That an object is not known to be this cluster's, and what can be done.
pub fn stranger(cluster: &Cluster, kind: &Kind, meta: &Meta) -> Option<Reason> {
    if meta.owner() == Some(cluster.id) {
        return None;
    }
    let (what, name) = (kind.kind, &meta.name);
    if let Some(label) = relabel(cluster, kind, meta) {
        let message = format!("The {what} {name} has lost the label by which the portal knows it, and is left alone until it is put back: {label}");
        return Some(Reason::new(LABEL_LOST, message));
    }
    let message = format!("There is a {what} named {name} that this portal did not make for this cluster. Delete or rename one of the two.");
    Some(Reason::new("NameTaken", message))
}

/// `live`: its metadata and its spec as JSON text; none: it is not there. An error: it is somebody else's.
pub fn need(cluster: &Cluster, wanted: &Wanted, live: Option<(&Meta, &str)>) -> Result<Need, Reason> {
    let Some((meta, spec)) = live else { return Ok(Need::Apply) };
    if let Some(reason) = stranger(cluster, &wanted.kind, meta) {
        return Err(reason);
    }
    let done: u32 = meta.annotation(TAKEOVERS).and_then(|count| count.parse().ok()).unwrap_or(0);
    if done < cluster.spec.takeovers {
        return Ok(Need::TakeOver);
    }
    let noted = |what: &str, there: &std::collections::BTreeMap<String, String>| {
        let wanted = wanted.body["metadata"][what].as_object().into_iter().flatten();
        wanted.into_iter().all(|(key, value)| there.get(key).map(String::as_str) == value.as_str())
    };
    let live: Value = serde_json::from_str(spec).unwrap_or_default();
    let same = noted("labels", &meta.labels) && noted("annotations", &meta.annotations) && is_within(&wanted.body["spec"], &live);
    Ok(if same { Need::Nothing } else { Need::Apply })
}
