//! CloudNativePG as it is, on the Kubernetes cluster that `HOWDAH_TEST_KUBECONFIG` names: an operator, a ClusterImageCatalog and a default storage class are
//! needed. Each test has a namespace of its own, and takes it away.
#![allow(clippy::unwrap_used)]

#[path = "cnpg/faults.rs"]
mod faults;
#[path = "cnpg/life.rs"]
mod life;
#[path = "cnpg/support.rs"]
mod support;
