//! What holds on a real Kubernetes API server with the true CRDs. `./dev test kubernetes` builds what this needs; without it, it says so and passes.
#![allow(clippy::unwrap_used)]

#[path = "kubernetes/chart.rs"]
mod chart;
#[path = "support/mod.rs"]
mod database;
#[path = "kubernetes/denied.rs"]
mod denied;
#[path = "kubernetes/exporter.rs"]
mod exporter;
#[path = "kubernetes/front.rs"]
mod front;
#[path = "kubernetes/hands.rs"]
mod hands;
#[path = "kubernetes/life.rs"]
mod life;
#[path = "kubernetes/many.rs"]
mod many;
#[path = "kubernetes/monitors.rs"]
mod monitors;
#[path = "kubernetes/moods.rs"]
mod moods;
#[path = "kubernetes/older.rs"]
mod older;
#[path = "kubernetes/operator.rs"]
mod operator;
#[path = "kubernetes/outage.rs"]
mod outage;
#[path = "kubernetes/place.rs"]
mod place;
#[path = "kubernetes/rights.rs"]
mod rights;
#[path = "kubernetes/support.rs"]
mod support;
#[path = "kubernetes/tenant.rs"]
mod tenant;
#[path = "kubernetes/unseen.rs"]
mod unseen;
#[path = "kubernetes/wire.rs"]
mod wire;
