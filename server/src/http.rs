//! Everything that listens: which address is answered by what, and what every request goes through first.
//!
//! It decides nothing about clusters: handlers ask the [`app::portal::Portal`].

use crate::assets;
use app::portal::SharedPortal;
use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tower_http::compression::{
    CompressionLayer, CompressionLevel,
    predicate::{NotForContentType, Predicate, SizeAbove},
};
use tower_sessions::{SessionManagerLayer, SessionStore};

pub mod events;
pub mod guard;
pub mod headers;
pub mod health;
pub mod limit;
pub mod outer;
pub mod pages;
pub mod problem;
pub mod remembered;
pub mod rest;
pub mod sign_in;

/// Largest body that is read.
pub const MAX_BODY: usize = 1024 * 1024;
/// Longest answer. The event stream answers at once and then goes on.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Shell {
    /// What people may ask.
    pub portal: SharedPortal,
    /// Tells who asks.
    pub auth: Arc<dyn guard::Authenticate>,
    /// Whether the portal can work.
    pub ready: health::Ready,
    /// The portal's own measurements.
    pub metrics: PrometheusHandle,
    /// Where browsers find the portal, if that is not where it listens.
    pub public_url: Option<String>,
    /// Ends event streams when the portal stops.
    pub stop: CancellationToken,
    /// How much each asker may ask.
    pub limits: Arc<limit::Limits>,
    /// Who was signed in a moment ago.
    pub remembered: Arc<remembered::Remembered>,
    /// Whether the portal's own database answered lately.
    pub reachable: Arc<AtomicBool>,
}

/// The whole of the portal over HTTP.
pub fn router<S: SessionStore + Clone>(shell: Shell, sessions: SessionManagerLayer<S>) -> Router {
    let guarded = Router::new()
        .route("/events", get(events::stream))
        .merge(sign_in::router())
        .with_state(shell.clone())
        .merge(rest::router(shell.portal.clone()))
        .merge(pages::router(&shell))
        .layer(middleware::from_fn_with_state(shell.clone(), guard::guard))
        .layer(sessions);
    let open = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .with_state(shell)
        .route(assets::ROUTE, get(assets::serve));
    // Assets are compressed when they are built; streams and small answers gain nothing.
    let worth_it = SizeAbove::new(512).and(NotForContentType::SSE).and(NotForContentType::IMAGES);
    guarded
        .merge(open)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it))
        .layer(middleware::from_fn(headers::security))
        .layer(middleware::from_fn(outer::bounds))
        .layer(middleware::from_fn(outer::observed))
}

/// Whether the address belongs to the REST interface, whose errors are JSON.
fn is_rest(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}
