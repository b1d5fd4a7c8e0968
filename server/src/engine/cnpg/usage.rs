//! What instances use, as the metrics API says where there is one.

use super::observe::ordinal;
use crate::engine::kube::{
    object::{Kind, Object, Readable},
    place::Place,
};
use domain::{Cluster, quantity::Bytes, vitals::Usage};
use serde::Deserialize;
use std::collections::BTreeMap;

const GROUP: &str = "metrics.k8s.io";

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct PodMetrics {
    containers: Vec<ContainerMetrics>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct ContainerMetrics {
    name: String,
    usage: BTreeMap<String, String>,
}

impl Readable for PodMetrics {
    const KIND: Kind = Kind { group: GROUP, version: "v1beta1", kind: "PodMetrics", plural: "pods" };
}

/// One entry for each instance that is measured; empty: nobody measures there.
pub async fn measure(place: &Place, cluster: &Cluster) -> Vec<Usage> {
    if !place.facts().is_some_and(|facts| facts.groups.contains(GROUP)) {
        return Vec::new();
    }
    let namespace = place.namespace(cluster);
    let pods = place.list::<PodMetrics>(Some(&namespace), &format!("cnpg.io/cluster={},cnpg.io/podRole=instance", cluster.name)).await;
    pods.unwrap_or_default().iter().filter_map(|pod| usage(cluster, pod)).collect()
}

fn usage(cluster: &Cluster, pod: &Object<PodMetrics>) -> Option<Usage> {
    let container = pod.body.containers.iter().find(|container| container.name == "postgres")?;
    let memory = container.usage.get("memory").and_then(|text| text.parse::<Bytes>().ok()).map(Bytes::get);
    Some(Usage { ordinal: ordinal(cluster, &pod.meta.name)?, cpu: container.usage.get("cpu").and_then(|text| cores(text)), memory, disk: None })
}

/// From `125m`, `2`, `3141592n` to cores.
fn cores(text: &str) -> Option<f64> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'n') => (&text[..at], 1e-9),
        (at, 'u') => (&text[..at], 1e-6),
        (at, 'm') => (&text[..at], 1e-3),
        _ => (text, 1.0),
    };
    digits.parse::<f64>().ok().map(|n| n * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_in_every_unit() {
        assert_eq!(cores("250m"), Some(0.25));
        assert_eq!(cores("2"), Some(2.0));
        assert!(cores("3141592n").is_some_and(|cores| (cores - 0.003_141_592).abs() < 1e-9));
        assert_eq!(cores("much"), None);
    }
}
