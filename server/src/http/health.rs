//! The portal about itself, for those who run it. Not for people, and without sign-in.

use super::Shell;
use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use futures::future::BoxFuture;
use std::sync::Arc;

/// Whether the portal can work just now; else why not, as a sentence.
pub type Ready = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// `GET /healthz`: the process answers. It says nothing of the database, since a restart would not bring that back.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: requests can be served.
pub async fn readyz(State(shell): State<Shell>) -> impl IntoResponse {
    match (shell.ready)().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(shell): State<Shell>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shell.metrics.render())
}
