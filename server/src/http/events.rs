//! The event stream of a tab: each update as one message, until the reader lags, leaves, or the portal stops.

use super::{Shell, problem::Problem};
use axum::{
    Extension,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use domain::{Actor, Error};
use futures::StreamExt;
use std::time::Duration;

/// Shorter than the patience of proxies.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// `GET /events`.
pub async fn stream(State(shell): State<Shell>, Extension(actor): Extension<Option<Actor>>) -> Response {
    let Some(actor) = actor else { return Problem::from(Error::Unauthenticated).into_response() };
    let updates = shell.portal.updates(&actor).map(|update| Event::default().event("update").json_data(update));
    let until_stop = updates.take_until(shell.stop.clone().cancelled_owned());
    let sse = Sse::new(until_stop).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    // A proxy that buffers would turn live into late.
    ([("x-accel-buffering", "no")], sse).into_response()
}
