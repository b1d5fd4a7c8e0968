//! Parameters of a cluster where an operator writes the configuration: the same at every place on Kubernetes. Pure.

use domain::Spec;
use std::collections::BTreeMap;

/// What was wished for, and what follows from the size where nobody said otherwise.
pub fn parameters(spec: &Spec) -> BTreeMap<&str, String> {
    let memory = spec.size.memory().as_mib().max(1);
    let mb = |n: u64| format!("{n}MB");
    let sized = [
        ("shared_buffers", mb((memory / 4).max(16))),
        ("effective_cache_size", mb((memory * 3 / 4).max(32))),
        ("maintenance_work_mem", mb((memory / 20).clamp(16, 1024))),
        ("work_mem", mb((memory / u64::from(spec.max_connections()) / 4).max(1))),
    ];
    let mut all = BTreeMap::from(sized);
    all.extend(spec.parameters.0.iter().map(|(name, value)| (name.as_str(), value.clone())));
    all
}
