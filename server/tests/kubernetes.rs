//! What holds on a real Kubernetes API server with the true CRDs. `./dev test kubernetes` builds what this needs; without it, it says so and passes.
#![allow(clippy::unwrap_used)]

#[path = "kubernetes/chart.rs"]
mod chart;
#[path = "kubernetes/life.rs"]
mod life;
#[path = "kubernetes/rights.rs"]
mod rights;
#[path = "kubernetes/support.rs"]
mod support;
