//! The OpenAPI document, a page to try it, and the certificate authority: for everybody, also without a token.
use super::Answer;
use app::portal::SharedPortal;
use axum::{extract::State, http::StatusCode};
pub async fn openapi() -> Answer {
    super::json(StatusCode::OK, &1)
}
pub async fn page() -> Answer {
    super::json(StatusCode::OK, &1)
}
pub async fn ca(State(_portal): State<SharedPortal>) -> Answer {
    super::json(StatusCode::OK, &1)
}
