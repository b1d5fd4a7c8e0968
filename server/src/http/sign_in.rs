//! Signing in by link, signing out, and the one preference that works without a session: the theme. Plain forms, no script needed.

use super::{Shell, guard};
use app::link::is_local;
use axum::{
    Form, Router,
    extract::{FromRequest, Path, Request, State},
    http::{
        HeaderMap, Method,
        header::{HOST, REFERER, SET_COOKIE},
    },
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use domain::Error;
use serde::Deserialize;
use tower_sessions::Session;

/// Seconds that a chosen theme is kept.
const YEAR: u32 = 31_536_000;

pub(super) fn router() -> Router<Shell> {
    Router::new().route("/sign-in/{link}", get(by_link)).route("/sign-in", post(by_form)).route("/sign-out", post(sign_out)).route("/theme", post(theme))
}

async fn by_link(State(shell): State<Shell>, session: Session, Path(link): Path<String>, request: Request) -> Response {
    // Programs that preview links must not use them up.
    if *request.method() == Method::HEAD {
        return ().into_response();
    }
    enter(&shell, &session, &link, "/", &guard::address(&request)).await
}

/// What somebody pasted.
#[derive(Deserialize)]
struct Pasted {
    /// The link, or the code at its end.
    #[serde(alias = "code")]
    link: String,
    /// Where they were going.
    #[serde(default, alias = "back")]
    next: String,
}

async fn by_form(State(shell): State<Shell>, session: Session, request: Request) -> Response {
    let address = guard::address(&request);
    let Ok(Form(pasted)) = Form::<Pasted>::from_request(request, &()).await else {
        return Redirect::to("/sign-in?error=expired").into_response();
    };
    let next = if is_local(&pasted.next) { pasted.next.as_str() } else { "/" };
    let code = pasted.link.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    enter(&shell, &session, code, next, &address).await
}

async fn enter(shell: &Shell, session: &Session, code: &str, next: &str, address: &str) -> Response {
    match shell.auth.sign_in(session, code).await {
        Ok(Some(_)) => Redirect::to(next).into_response(),
        Ok(None) => match shell.limits.failures.take(address) {
            Ok(()) => Redirect::to("/sign-in?error=expired").into_response(),
            Err(seconds) => guard::too_many(false, seconds),
        },
        Err(Error::Unavailable) => Redirect::to("/sign-in?error=unavailable").into_response(),
        Err(_) => Redirect::to("/sign-in?error=failed").into_response(),
    }
}

async fn sign_out(State(shell): State<Shell>, session: Session) -> Response {
    shell.remembered.forget(session.id());
    match shell.auth.sign_out(&session).await {
        Ok(()) => Redirect::to("/sign-in").into_response(),
        Err(error) => super::outer::refuse(false, error.clone().into(), axum::http::StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// A chosen look.
#[derive(Deserialize)]
struct Look {
    #[serde(default)]
    theme: String,
    /// Where they were.
    #[serde(default)]
    back: String,
}

async fn theme(headers: HeaderMap, Form(look): Form<Look>) -> Response {
    let cookie = match look.theme.as_str() {
        "light" | "dark" | "auto" => format!("theme={}; Path=/; Max-Age={YEAR}; SameSite=Lax", look.theme),
        _ => "theme=; Path=/; Max-Age=0; SameSite=Lax".into(),
    };
    let back = if is_local(&look.back) { look.back.clone() } else { came_from(&headers).unwrap_or_else(|| "/".into()) };
    ([(SET_COOKIE, cookie)], Redirect::to(&back)).into_response()
}

/// The path of the page of ours that a form was on.
fn came_from(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let (_, rest) = text(REFERER)?.split_once("://")?;
    let (host, _) = rest.split_once('/')?;
    let path = &rest[host.len()..];
    (Some(host) == text(HOST) && is_local(path)).then(|| path.to_owned())
}
