//! What cannot come about, told before anything is written: what the operator's webhook would refuse, since it may not be there to ask, and what the place
//! has not got. Pure.

use super::crd;
use crate::engine::kube::{parameters, probe::Facts};
use domain::{Cluster, FieldError, quantity::Bytes, status::Reason};
use serde_json::Value;

/// Why the wish is refused, if it is. `live`: the Cluster as it is; none: it is to be created.
pub fn refused(cluster: &Cluster, catalog: &str, facts: Option<&Facts>, live: Option<&crd::Cluster>) -> Option<Reason> {
    let spec = &cluster.spec;
    let storage = spec.storage;
    if let Some(error) = amounts(cluster) {
        return Some(Reason::new("Refused", error.message));
    }
    let facts = facts?;
    let class = facts.classes.iter().flatten().find(|class| if spec.storage_class.is_empty() { class.default } else { class.name == spec.storage_class });
    match live {
        None => {
            if let Some(found) = facts.catalogs.iter().find(|found| found.name == catalog)
                && !found.images.iter().any(|(major, _)| *major == spec.version.number())
            {
                return Some(Reason::new(
                    "NoImage",
                    format!("The image catalog {catalog} has no PostgreSQL {}. Choose a version that it has, or have it added.", spec.version.number()),
                ));
            }
            let known = facts.classes.is_some();
            match (known && class.is_none(), spec.storage_class.as_str()) {
                (true, "") => Some(Reason::new("NoStorageClass", "The place has no default storage class. Create the cluster with one of its classes.")),
                (true, name) => Some(Reason::new("NoStorageClass", format!("The place has no storage class {name}. Create the cluster with one that it has."))),
                (false, _) => None,
            }
        }
        Some(live) => {
            let before = size(live)?;
            if storage < before {
                return Some(Reason::new("Refused", format!("Volumes are {before} large already, and a volume never shrinks. Wish for at least that much.")));
            }
            let stiff = class.filter(|class| !class.grows && storage > before)?;
            Some(Reason::new("CannotGrow", format!("Volumes of the storage class {} cannot grow: they stay at {before}. Go back to that size.", stiff.name)))
        }
    }
}

/// Which parameter cannot be had, if one cannot: known from the wish alone.
pub fn amounts(cluster: &Cluster) -> Option<FieldError> {
    parameters::refused(&cluster.spec).map(|(name, why)| FieldError::new(format!("parameters.{name}"), why))
}

/// The size that volumes were asked for.
fn size(live: &crd::Cluster) -> Option<Bytes> {
    let spec: Value = serde_json::from_str(&live.spec).ok()?;
    spec["storage"]["size"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kube::probe::{Catalog, Class};
    use domain::{ClusterId, ProjectId, Spec, Timestamp, Uuid, version::Major};

    fn wish(change: impl FnOnce(&mut Spec)) -> Cluster {
        let name: domain::ClusterName = "orders".parse().expect("valid");
        let mut spec = Spec::new(&name, Major::V17);
        change(&mut spec);
        let place = "east".parse().expect("valid");
        Cluster::create(ClusterId(Uuid::nil()), ProjectId::DEFAULT, place, name, spec, Timestamp::UNIX_EPOCH).expect("a wish")
    }

    #[test]
    fn what_cannot_come_about_is_said_before() {
        let class = |name: &str, default, grows| Class { name: name.into(), default, grows };
        let facts = Facts {
            catalogs: vec![Catalog { name: "postgresql".into(), images: vec![(17, "postgresql:17".into())] }],
            classes: Some(vec![class("fast", true, true), class("stiff", false, false)]),
            ..Facts::default()
        };
        let live = crd::Cluster { spec: r#"{"storage": {"size": "20Gi"}}"#.into(), ..crd::Cluster::default() };
        let code = |wish: &Cluster, live: Option<&crd::Cluster>| refused(wish, "postgresql", Some(&facts), live).map(|reason| reason.code);
        assert_eq!(code(&wish(|_| ()), None), None);
        assert_eq!(code(&wish(|spec| spec.version = Major::V15), None), Some("NoImage".into()));
        assert_eq!(code(&wish(|spec| spec.storage_class = "slow".into()), None), Some("NoStorageClass".into()));
        assert_eq!(code(&wish(|_| ()), Some(&live)), Some("Refused".into()), "10Gi after 20Gi");
        let grown = |class: &str| wish(|spec| (spec.storage, spec.storage_class) = (Bytes::gib(30), class.into()));
        assert_eq!(code(&grown(""), Some(&live)), None);
        assert_eq!(code(&grown("stiff"), Some(&live)), Some("CannotGrow".into()));
        let buffers = |value: &str| wish(|spec| drop(spec.parameters.0.insert("shared_buffers".into(), value.into())));
        assert_eq!(code(&buffers("1GB"), None), Some("Refused".into()));
        assert_eq!(code(&buffers("64MB"), None), None);
        assert_eq!(code(&buffers("16384"), None), Some("Refused".into()), "without a unit, the webhook reads MB");
    }
}
