//! Who asks, whether a browser was tricked into asking, and whether they ask too much. Handlers find an `Option<Actor>` in the request.

use super::{Shell, is_rest, outer::refuse, problem::Problem};
use async_trait::async_trait;
use axum::{
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderMap, Method, StatusCode,
        header::{AUTHORIZATION, HOST, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Actor, Error};
use std::{net::SocketAddr, time::Duration};
use tokio::time::timeout;
use tower_sessions::Session;

/// Longest wait for an answer to "who is it".
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells who asks.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Who holds this API token; none: nobody does.
    async fn bearer(&self, token: &str) -> Result<Option<Actor>, Error>;

    /// Who is signed in; none: nobody is.
    async fn session(&self, session: &Session) -> Result<Option<Actor>, Error>;

    /// Uses up a link and signs its bearer in, under a new session id; none: the link is used, too old, or never was.
    async fn sign_in(&self, session: &Session, link: &str) -> Result<Option<Actor>, Error>;

    /// Ends the session.
    async fn sign_out(&self, session: &Session) -> Result<(), Error>;
}

/// In requests of which nobody can tell who sent them, since the portal's own database does not answer.
#[derive(Debug, Clone, Copy)]
pub struct StoreAway;

/// How somebody showed who they are.
enum Shown {
    Nothing,
    Cookie,
    Bearer(String),
}

/// Finds out who asks, and refuses what must not go on.
pub async fn guard(State(shell): State<Shell>, session: Session, mut request: Request, next: Next) -> Response {
    let rest = is_rest(request.uri().path());
    let from = address(&request);
    let shown = shown(request.headers(), &session);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !matches!(shown, Shown::Bearer(_)) && !same_origin(request.headers(), shell.public_url.as_deref(), matches!(shown, Shown::Cookie)) {
        let sentence = "This request came from another site.";
        return refuse(rest, Error::Forbidden(sentence.into()).into(), StatusCode::FORBIDDEN, sentence);
    }
    let actor = match who(&shell, &shown, &session).await {
        Ok(actor) => actor,
        // People go on reading what is known; programs are told to try again.
        Err(Error::Unavailable) if !rest && !changes && request.uri().path() != "/events" => {
            request.extensions_mut().insert(StoreAway);
            shell.remembered.stale(session.id())
        }
        Err(error) => {
            let status = if error == Error::Unavailable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
            let sentence = error.to_string();
            return refuse(rest, error.into(), status, &sentence);
        }
    };
    let taken = match (&actor, &shown) {
        (Some(actor), _) => shell.limits.requests.take(&actor.id),
        (None, Shown::Bearer(_)) => shell.limits.failures.take(&from),
        (None, Shown::Cookie | Shown::Nothing) => Ok(()),
    };
    if let Err(seconds) = taken {
        return too_many(rest, seconds);
    }
    request.extensions_mut().insert(actor);
    next.run(request).await
}

async fn who(shell: &Shell, shown: &Shown, session: &Session) -> Result<Option<Actor>, Error> {
    let found = match shown {
        Shown::Nothing => return Ok(None),
        Shown::Bearer(token) => timeout(PATIENCE, shell.auth.bearer(token)).await,
        Shown::Cookie => {
            if let Some(actor) = shell.remembered.fresh(session.id()) {
                return Ok(Some(actor));
            }
            timeout(PATIENCE, shell.auth.session(session)).await
        }
    };
    let found = found.unwrap_or(Err(Error::Unavailable))?;
    if let (Shown::Cookie, Some(id), Some(actor)) = (shown, session.id(), &found) {
        shell.remembered.keep(id, actor.clone());
    }
    Ok(found)
}

/// Sends people without a session from pages to the sign-in page, and back to where they were going after it.
pub async fn signed_in(request: Request, next: Next) -> Response {
    let actor = request.extensions().get::<Option<Actor>>().is_some_and(Option::is_some);
    let path = request.uri().path();
    let away = request.extensions().get::<StoreAway>().is_some();
    if actor || away || path == "/sign-in" || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let wanted = request.uri().path_and_query().map_or(path, |p| p.as_str());
    let to = if wanted == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", quoted(wanted)) };
    Redirect::to(&to).into_response()
}

/// 429 with the seconds to wait.
pub(super) fn too_many(rest: bool, seconds: u32) -> Response {
    let problem = Problem::too_many(seconds);
    if rest {
        return problem.into_response();
    }
    let sentence = format!("Too many requests: try again in {seconds} s.\n");
    (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], sentence).into_response()
}

/// From where a request came, as a key for counting.
pub(super) fn address(request: &Request) -> String {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map_or_else(|| "unknown".into(), |ConnectInfo(address)| address.ip().to_string())
}

fn shown(headers: &HeaderMap, session: &Session) -> Shown {
    let bearer = headers.get(AUTHORIZATION).map(|v| v.to_str().unwrap_or_default().split_once(' '));
    match bearer {
        Some(Some((scheme, token))) if scheme.eq_ignore_ascii_case("bearer") => Shown::Bearer(token.trim().to_owned()),
        // A wish to be somebody that cannot be read is not a wish to be whoever the cookie says.
        Some(_) => Shown::Bearer(String::new()),
        None if session.id().is_some() => Shown::Cookie,
        None => Shown::Nothing,
    }
}

/// Whether a browser says that the request comes from a page of ours. Without a word of any browser the answer is no where a cookie could be abused.
fn same_origin(headers: &HeaderMap, public_url: Option<&str>, cookie: bool) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some("same-origin" | "none"), _) => true,
        (Some("cross-site"), _) => false,
        (_, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            let public = public_url.is_some_and(|url| url.trim_end_matches('/') == origin);
            public || (host.is_some() && host == text(HOST.as_str()))
        }
        (_, None) => !cookie,
    }
}

/// A path as the value of a query parameter.
fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_change_things_with_a_cookie() {
        let check = |pairs: &[(&'static str, &'static str)], cookie: bool, expect: bool| {
            let headers: HeaderMap = pairs.iter().map(|(n, v)| (n.parse().expect("a name"), v.parse().expect("a value"))).collect();
            assert_eq!(same_origin(&headers, Some("https://db.example.org/"), cookie), expect, "{pairs:?}");
        };
        check(&[("sec-fetch-site", "same-origin")], true, true);
        check(&[("sec-fetch-site", "cross-site")], false, false);
        check(&[("sec-fetch-site", "same-site"), ("origin", "https://evil.example.org"), ("host", "db.example.org")], true, false);
        check(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true, true);
        check(&[("origin", "https://db.example.org"), ("host", "inner:8080")], true, true);
        check(&[("origin", "null"), ("host", "127.0.0.1:8080")], true, false);
        check(&[("host", "127.0.0.1:8080")], true, false);
        check(&[("host", "127.0.0.1:8080")], false, true);
    }

    #[test]
    fn a_path_survives_the_query() {
        assert_eq!(quoted("/clusters?q=a&b=ä"), "/clusters%3Fq%3Da%26b%3D%C3%A4");
    }
}
