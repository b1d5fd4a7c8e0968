//! What stands before every handler: who asks, from where, how much; over the whole router and a portal in memory.
#![allow(clippy::unwrap_used)]

use app::fake::FakePortal;
use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use domain::{Actor, Error, ProjectId, Role};
use metrics_exporter_prometheus::PrometheusBuilder;
use server::http::{
    Shell,
    guard::Authenticate,
    limit::{Buckets, Limits},
    router,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tower::ServiceExt;
use tower_sessions::{
    Session, SessionManagerLayer, SessionStore,
    session::{Id, Record},
    session_store,
};

#[derive(Debug, Default, Clone)]
struct Memory(Arc<Mutex<HashMap<Id, Record>>>);

#[async_trait]
impl SessionStore for Memory {
    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.0.lock().unwrap().insert(record.id, record.clone());
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        Ok(self.0.lock().unwrap().get(id).cloned())
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.0.lock().unwrap().remove(id);
        Ok(())
    }
}

#[derive(Default)]
struct Doors {
    away: AtomicBool,
}

fn ada() -> Actor {
    Actor { id: "session:ada".into(), name: "Ada".into(), role: Role::Admin, project: ProjectId::DEFAULT }
}

#[async_trait]
impl Authenticate for Doors {
    async fn bearer(&self, token: &str) -> Result<Option<Actor>, Error> {
        assert_ne!(token, "panic", "as told");
        if self.away.load(Ordering::Relaxed) { Err(Error::Unavailable) } else { Ok((token == "good").then(ada)) }
    }

    async fn session(&self, session: &Session) -> Result<Option<Actor>, Error> {
        if self.away.load(Ordering::Relaxed) { Err(Error::Unavailable) } else { Ok(session.get("actor").await.unwrap()) }
    }

    async fn sign_in(&self, session: &Session, link: &str) -> Result<Option<Actor>, Error> {
        if link != "fresh" {
            return Ok(None);
        }
        session.cycle_id().await.unwrap();
        session.insert("actor", ada()).await.unwrap();
        Ok(Some(ada()))
    }

    async fn sign_out(&self, session: &Session) -> Result<(), Error> {
        session.flush().await.unwrap();
        Ok(())
    }
}

struct World {
    router: Router,
    doors: Arc<Doors>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl World {
    fn new() -> Self {
        let doors = Arc::new(Doors::default());
        let shell = Shell {
            portal: Arc::new(FakePortal::default()),
            auth: doors.clone(),
            ready: Arc::new(|| Box::pin(async { Err("It sleeps.".to_owned()) })),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            public_url: None,
            stop: Default::default(),
            limits: Arc::new(Limits { requests: Buckets::new(0.1, 10.0), failures: Buckets::new(0.1, 3.0) }),
            remembered: Arc::default(),
            reachable: Arc::new(AtomicBool::new(true)),
        };
        Self { router: router(shell, SessionManagerLayer::new(Memory::default()).with_name("howdah").with_secure(false)), doors }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "portal.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = tokio::time::timeout(Duration::from_secs(5), to_bytes(body, 1 << 20)).await.expect("the answer ends").unwrap();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").await
    }

    async fn form(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let all: Vec<_> = [("content-type", "application/x-www-form-urlencoded")].into_iter().chain(headers.iter().copied()).collect();
        self.send("POST", path, &all, body).await
    }

    /// The cookie of somebody who signed in.
    async fn cookie(&self) -> String {
        let answer = self.get("/sign-in/fresh", &[]).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"));
        let cookie = answer.header("set-cookie");
        assert!(cookie.contains("HttpOnly"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

const HTML: (&str, &str) = ("accept", "text/html");
const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");

#[tokio::test]
async fn people_without_a_session_are_sent_to_sign_in_and_back() {
    let world = World::new();
    let check = async |path: &str, to: &str| {
        let answer = world.get(path, &[HTML]).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, to), "{path}");
    };
    check("/", "/sign-in").await;
    check("/clusters/orders?tab=a", "/sign-in?next=/clusters/orders%3Ftab%3Da").await;
    let page = world.get("/sign-in", &[HTML]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.header("content-security-policy").contains("'nonce-"));
}

#[tokio::test]
async fn programs_without_a_token_get_401() {
    let world = World::new();
    for (path, headers) in [
        ("/v1/postgres/instances", vec![]),
        ("/v1/postgres/instances", vec![("authorization", "Bearer bad")]),
        ("/v1/postgres/instances", vec![("authorization", "Basic Z29vZA==")]),
        ("/events", vec![]),
    ] {
        let answer = world.get(path, &headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.text.contains("\"code\":401"), "{}", answer.text);
    }
    assert_eq!(world.get("/v1/postgres/instances", &[("authorization", "bearer good")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_link_signs_in_once_and_signing_out_ends_it() {
    let world = World::new();
    let cookie = world.cookie().await;
    let signed_in = [HTML, ("cookie", cookie.as_str())];
    assert_eq!(world.get("/clusters", &signed_in).await.status, StatusCode::OK);
    assert_eq!(world.get("/sign-in/used", &[]).await.header("location"), "/sign-in?error=expired");
    assert_eq!(world.send("HEAD", "/sign-in/fresh", &[], "").await.header("set-cookie"), "");
    let pasted = world.form("/sign-in", &[OURS], "link=http%3A%2F%2Fportal.test%2Fsign-in%2Ffresh&next=%2Fclusters%2Forders").await;
    assert_eq!(pasted.header("location"), "/clusters/orders");
    let elsewhere = world.form("/sign-in", &[OURS], "link=fresh&next=%2F%2Fevil.test").await;
    assert_eq!(elsewhere.header("location"), "/");
    assert_eq!(world.form("/sign-out", &[OURS, ("cookie", cookie.as_str())], "").await.header("location"), "/sign-in");
    assert_eq!(world.get("/clusters", &signed_in).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn other_sites_change_nothing_with_our_cookie() {
    let world = World::new();
    let cookie = world.cookie().await;
    let check = async |headers: &[(&str, &str)], expect: StatusCode| {
        let answer = world.form("/theme", &[headers, &[("cookie", cookie.as_str())]].concat(), "theme=dark").await;
        assert_eq!(answer.status, expect, "{headers:?}");
    };
    check(&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN).await;
    check(&[("origin", "https://evil.test")], StatusCode::FORBIDDEN).await;
    check(&[], StatusCode::FORBIDDEN).await;
    check(&[OURS], StatusCode::SEE_OTHER).await;
    check(&[("origin", "http://portal.test")], StatusCode::SEE_OTHER).await;
    let rest = world.send("DELETE", "/v1/postgres/instances/x", &[("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")], "").await;
    assert_eq!(rest.status, StatusCode::FORBIDDEN);
    assert!(rest.text.contains("\"code\":403"));
    let bearer = world.send("DELETE", "/v1/postgres/instances/x", &[("authorization", "Bearer good"), ("sec-fetch-site", "cross-site")], "").await;
    assert_ne!(bearer.status, StatusCode::FORBIDDEN, "a token is no cookie");
}

#[tokio::test]
async fn a_theme_is_kept_and_leads_nowhere_else() {
    let world = World::new();
    let check = async |body: &str, referer: &str, cookie: &str, to: &str| {
        let answer = world.form("/theme", &[OURS, ("referer", referer)], body).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, to), "{body}");
        assert!(answer.header("set-cookie").starts_with(cookie), "{}", answer.header("set-cookie"));
    };
    check("theme=dark&back=%2Fclusters", "", "theme=dark;", "/clusters").await;
    check("theme=light&back=https%3A%2F%2Fevil.test", "", "theme=light;", "/").await;
    check("theme=dark&back=%2F%2Fevil.test", "http://portal.test/clusters/new", "theme=dark;", "/clusters/new").await;
    check("theme=evil", "https://evil.test/clusters", "theme=;", "/").await;
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let world = World::new();
    let large = "x".repeat(2 << 20);
    let answer = world.send("POST", "/v1/postgres/instances", &[("authorization", "Bearer good"), ("content-length", "2097152")], &large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text.contains("\"code\":413"), "{}", answer.text);
    for _ in 0..10 {
        world.get("/v1/postgres/instances", &[("authorization", "Bearer good")]).await;
    }
    let answer = world.get("/v1/postgres/instances", &[("authorization", "Bearer good")]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.text.contains("\"code\":429"), "{}", answer.text);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|s| s >= 1));
    for _ in 0..3 {
        assert_eq!(world.get("/v1/postgres/instances", &[("authorization", "Bearer bad")]).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.get("/v1/postgres/instances", &[("authorization", "Bearer bad")]).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_form_that_cannot_be_read_is_refused_in_words() {
    let world = World::new();
    let cookie = world.cookie().await;
    for (name, body) in [("not text", b"name=\xff&cluster=\xfe".as_slice()), ("no form", b"%%%"), ("nothing", b"")] {
        let request = Request::builder().method("POST").uri("/api/users/add").header("host", "portal.test").header(OURS.0, OURS.1);
        let request = request.header("cookie", &cookie).header("content-type", "application/x-www-form-urlencoded").body(Body::from(body.to_vec()));
        let answer = world.router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = answer.status();
        let text = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        assert!(!status.is_server_error(), "{name}: {status} {}", String::from_utf8_lossy(&text));
    }
}

#[tokio::test]
async fn while_the_database_is_away_pages_say_so_and_programs_are_told_to_try_again() {
    let world = World::new();
    let cookie = world.cookie().await;
    world.doors.away.store(true, Ordering::Relaxed);
    let rest = world.get("/v1/postgres/instances", &[("authorization", "Bearer good")]).await;
    assert_eq!(rest.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(rest.text.contains("\"code\":503"));
    let page = world.get("/clusters", &[HTML, ("cookie", cookie.as_str())]).await;
    assert!(page.text.contains("cannot reach its own database"), "{} {}", page.status, page.text);
}

#[tokio::test]
async fn a_panic_is_an_incident_with_a_number() {
    let world = World::new();
    let answer = world.get("/v1/postgres/instances", &[("authorization", "Bearer panic")]).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.text.contains(answer.header("x-request-id")), "{}", answer.text);
}

#[tokio::test]
async fn those_who_run_the_portal_need_no_session() {
    let world = World::new();
    assert_eq!(world.get("/healthz", &[]).await.status, StatusCode::OK);
    let ready = world.get("/readyz", &[]).await;
    assert_eq!((ready.status, ready.text.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "It sleeps.\n"));
    assert_eq!(world.get("/metrics", &[]).await.status, StatusCode::OK);
    assert_eq!(world.get("/assets/none.js", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_language_of_the_asker() {
    let world = World::new();
    let cookie = world.cookie().await;
    let page = world.get("/nowhere", &[HTML, ("cookie", cookie.as_str())]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.starts_with("<!DOCTYPE html>"), "{}", page.text);
    let rest = world.get("/v1/nowhere", &[("authorization", "Bearer good")]).await;
    assert_eq!(rest.status, StatusCode::NOT_FOUND);
    assert!(rest.text.contains("\"code\":404"), "{}", rest.text);
    let method = world.send("PATCH", "/v1/postgres/instances", &[("authorization", "Bearer good")], "").await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(method.header("allow").contains("POST"));
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do() {
    let world = World::new();
    for path in ["/sign-in", "/v1/openapi.json", "/healthz"] {
        let answer = world.get(path, &[HTML]).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
}
