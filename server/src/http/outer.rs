//! What every request goes through first: a number, a line in the log, a count, a bound on time and size, and a net under panics.

use super::{MAX_BODY, MAX_WAIT, is_rest, problem::Problem};
use axum::{
    extract::Request,
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::Error;
use futures::FutureExt;
use std::{panic::AssertUnwindSafe, time::Instant};
use tracing::{Instrument, debug, error, info_span};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Numbers, counts and logs a request, and turns a panic into a 500 with the number to quote. Never logs queries or headers: they may hold secrets.
pub async fn observed(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().simple().to_string();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let rest = is_rest(&path);
    let span = info_span!("request", id, %method, path = shown(&path));
    let started = Instant::now();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let _entered = span.enter();
    let mut response = answer.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        error!(incident = id, panic = message, "a request panicked");
        refuse(rest, Error::Internal(id.clone()).into(), StatusCode::INTERNAL_SERVER_ERROR, &Error::Internal(id.clone()).to_string())
    });
    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    metrics::counter!("howdah_http_requests_total", "method" => word(&method), "status" => status.to_string()).increment(1);
    metrics::histogram!("howdah_http_request_duration_seconds").record(elapsed.as_secs_f64());
    debug!(status, duration_ms = elapsed.as_millis() as u64, "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Refuses bodies that are too large and ends what takes too long. Errors of the REST interface that no handler saw get its shape here.
pub async fn bounds(request: Request, next: Next) -> Response {
    let rest = is_rest(request.uri().path());
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY) {
        return refuse(rest, Problem::too_large(), StatusCode::PAYLOAD_TOO_LARGE, "A body has at most 1 MiB.");
    }
    match tokio::time::timeout(MAX_WAIT, next.run(request)).await {
        Ok(response) if rest => shaped(response),
        Ok(response) => response,
        Err(_) => refuse(rest, Error::Unavailable.into(), StatusCode::SERVICE_UNAVAILABLE, "This took too long. Try again in a moment."),
    }
}

/// An answer other than success in the shape that the asker reads.
pub(super) fn refuse(rest: bool, problem: Problem, status: StatusCode, sentence: &str) -> Response {
    if rest { problem.into_response() } else { (status, format!("{sentence}\n")).into_response() }
}

/// Plain errors of the framework below `/v1` as JSON.
fn shaped(response: Response) -> Response {
    let json = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("json"));
    if json || !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let problem = match response.status() {
        StatusCode::NOT_FOUND => Error::NotFound.into(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::method(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Problem::malformed("The request cannot be read."),
        _ => return response,
    };
    let mut shaped = problem.into_response();
    if let Some(allow) = response.headers().get(ALLOW) {
        shaped.headers_mut().insert(ALLOW, allow.clone());
    }
    shaped
}

/// The path as it may be logged: a sign-in link is a secret.
fn shown(path: &str) -> &str {
    if path.starts_with("/sign-in/") { "/sign-in/…" } else { path }
}

/// Bounded, unlike what clients may send.
fn word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        _ => "other",
    }
}
