//! The pages of one cluster, rendered whole: each state, each role, and every form as a browser without script sends it.

use app::{
    api::form,
    fake::{FakePortal, sample},
    portal::SharedPortal,
    shell,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    routing::any,
};
use domain::{
    Actor, Cluster, ProjectId, Role,
    status::{Endpoint, EndpointKind},
};
use leptos::prelude::provide_context;
use std::sync::{Arc, Once};
use tower::ServiceExt;

const PAGES: [&str; 4] = ["/clusters/orders", "/clusters/orders/data", "/clusters/orders/settings", "/clusters/orders/yaml"];

/// An answer as a browser sees it.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    #[track_caller]
    fn has(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "{text:?} is missing in {}", self.body);
        self
    }

    #[track_caller]
    fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text:?} is there in {}", self.body);
        self
    }

    #[track_caller]
    fn is(&self, status: StatusCode) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

/// A portal with one cluster, its events and a measurement, as `role` sees it.
struct Site {
    portal: SharedPortal,
    role: Role,
}

fn site(cluster: Cluster) -> Site {
    let mut portal = FakePortal::with(vec![cluster]);
    (portal.events, portal.vitals) = (sample::events(), Some(sample::vitals()));
    Site { portal: Arc::new(portal), role: Role::Admin }
}

impl Site {
    fn router(&self) -> Router {
        static EXECUTOR: Once = Once::new();
        EXECUTOR.call_once(|| drop(leptos_axum::generate_route_list(app::App)));
        let (portal, role) = (self.portal.clone(), self.role);
        let context = move || {
            provide_context(portal.clone());
            provide_context(Some(Actor { id: "test".into(), name: "Ada".into(), role, project: ProjectId::DEFAULT }));
        };
        let (pages, functions, again) = (context.clone(), context.clone(), context);
        Router::new()
            .route("/api/{*endpoint}", any(move |request: Request| leptos_axum::handle_server_fns_with_context(functions.clone(), request)))
            .fallback(move |request: Request| leptos_axum::render_app_async_with_context(pages.clone(), shell)(request))
            .layer(from_fn(move |request: Request, next: Next| form::give_back(again.clone(), request, next)))
    }

    async fn send(&self, request: Request) -> Answer {
        let response = self.router().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 22).await.expect("a whole body");
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).header(header::ACCEPT, "text/html").body(Body::empty()).expect("a request")).await
    }

    /// A form without script, sent from the page `page`.
    async fn post(&self, endpoint: &str, page: &str, fields: &[(&str, &str)]) -> Answer {
        let id = sample::ready().id.to_string();
        let all = [("_page", page), ("cluster", id.as_str())].into_iter().chain(fields.iter().copied());
        let body: Vec<String> = all.map(|(name, value)| format!("{}={}", app::draft::percent(name), app::draft::percent(value))).collect();
        let request = Request::post(endpoint).header(header::ACCEPT, "text/html").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body.join("&"))).expect("a request")).await
    }
}

#[tokio::test]
async fn every_page_is_whole_without_script() {
    let site = site(sample::ready());
    for page in PAGES {
        let answer = site.get(page).await;
        answer.is(StatusCode::OK).has("<h1>orders</h1>").has("Healthy").lacks("could not be loaded").lacks("Saved, not reached yet");
    }
}

#[tokio::test]
async fn what_a_page_fetches_is_fetched_and_sent_once() {
    let answer = site(sample::ready()).get(PAGES[0]).await;
    let pending = answer.body.split_once("__PENDING_RESOURCES=[").and_then(|(_, rest)| rest.split_once(']')).map(|(all, _)| all);
    // What the server knew, the cluster with its events, and the way to it; number 2 and 4 are places that wait for them.
    assert_eq!(pending, Some("0,1,3,"));
}

#[tokio::test]
async fn an_unknown_lag_is_a_word_and_never_zero() {
    let with = site(sample::ready()).get(PAGES[0]).await;
    with.has("0.1 s").has("48 KiB behind").has("Lag unknown");
    let portal = FakePortal::with(vec![sample::ready()]);
    let without = Site { portal: Arc::new(portal), role: Role::Admin }.get(PAGES[0]).await;
    without.has("unknown").lacks("0.0 s").lacks("0 B behind").lacks("Nothing behind");
}

#[tokio::test]
async fn the_overview_shows_how_to_connect() {
    let path = "/clusters/orders?user=app&db=orders&ep=ro&lang=Python";
    let own = site(sample::ready()).get(path).await;
    own.has("postgresql://app@127.0.0.1:15101/orders?sslmode=require").has("psycopg.connect").lacks("/v1/ca.pem");
    let mut portal = FakePortal::with(vec![sample::ready()]);
    portal.ca = Some("an authority".to_owned());
    Site { portal: Arc::new(portal), role: Role::Admin }.get(path).await.has("psycopg.connect").has("/v1/ca.pem");
}

#[tokio::test]
async fn a_client_checks_what_can_be_checked() {
    let site = |own: Option<&str>, ca: Option<&str>| {
        let mut cluster = sample::ready();
        let end = Endpoint { kind: EndpointKind::External, name: "orders-external".into(), host: "db.example.com".into(), port: 5432 };
        cluster.status.endpoints.push(end);
        let mut portal = FakePortal::with(vec![cluster]);
        (portal.own_ca, portal.ca) = (own.map(str::to_owned), ca.map(str::to_owned));
        Site { portal: Arc::new(portal), role: Role::Admin }
    };
    let (inside, outside) = ("/clusters/orders?ep=rw", "/clusters/orders?ep=ext");
    let settings = "/clusters/orders/settings";
    let own = site(Some("PEM"), None);
    own.get(inside).await.has("sslmode=verify-full").has("application/x-pem-file;charset=utf-8,PEM");
    own.get(outside).await.has("@db.example.com:5432/").has("sslmode=verify-ca").lacks("verify-full").has("not the name");
    own.get(settings).await.lacks("/v1/ca.pem").has("/clusters/orders#connect");
    let unknown = site(None, None);
    unknown.get(outside).await.lacks("verify-").lacks("CA certificate</a>").has("does not check the server");
    unknown.get(settings).await.lacks("/v1/ca.pem");
    let shared = site(None, Some("PEM"));
    shared.get(inside).await.has("sslmode=verify-full").has("/v1/ca.pem");
    shared.get(settings).await.has("/v1/ca.pem");
}

#[tokio::test]
async fn a_wish_that_is_not_reached_says_so_on_every_page() {
    let site = site(sample::changing());
    for page in PAGES {
        site.get(page).await.has("Saved, not reached yet").has("orders-4 is copied from orders-1.");
    }
    site.get(PAGES[1]).await.has("The role is a superuser made by hand.");
}

#[tokio::test]
async fn what_waits_for_a_person_stands_first() {
    let site = site(sample::degraded());
    for page in PAGES {
        site.get(page).await.has("Waits for you").has("The disk under orders-3 is full.");
    }
    site.get(PAGES[0]).await.has("Failed: the disk is full.").has("Limits of processor and memory are not enforced on this machine.");
}

#[tokio::test]
async fn a_paused_cluster_is_resumed_not_mourned() {
    let site = site(sample::paused());
    site.get(PAGES[0]).await.has("Paused").has("dialog=resume").has("stopped").lacks("Nothing accepts writes");
    site.get("/clusters/orders?dialog=resume").await.has("action=\"/api/settings/resume\"");
}

#[tokio::test]
async fn an_empty_cluster_offers_the_first_step() {
    let site = site(sample::bare());
    site.get(PAGES[0]).await.has("a user and a database are needed");
    site.get(PAGES[1]).await.has("No users yet").has("No databases yet").has("dialog=add-user");
}

#[tokio::test]
async fn what_was_made_by_hand_is_shown_and_left_alone() {
    site(sample::ready()).get(PAGES[1]).await.has("by_hand").has("scratch").has("made by hand").lacks("Actions for by_hand").lacks("Actions for scratch");
}

#[tokio::test]
async fn a_portal_without_its_database_says_so() {
    let mut portal = FakePortal::with(vec![sample::ready()]);
    portal.down = true;
    let site = Site { portal: Arc::new(portal), role: Role::Admin };
    for page in PAGES {
        site.get(page).await.has("The portal cannot reach its own database just now").has("Try again");
    }
}

#[tokio::test]
async fn a_viewer_sees_everything_and_can_send_nothing() {
    let site = Site { role: Role::Viewer, ..site(sample::ready()) };
    for page in PAGES {
        site.get(page).await.is(StatusCode::OK).has("<h1>orders</h1>").lacks("action=\"/api/").lacks("dialog=add-user").lacks("dialog=delete");
    }
    site.get(PAGES[1]).await.has("needs the role operator");
    site.get(PAGES[3]).await.has("needs the role admin");
    for dialog in ["restart", "delete", "switch"] {
        site.get(&format!("/clusters/orders?dialog={dialog}")).await.has("needs the role").lacks("action=\"/api/");
    }
    site.post("/api/settings/restart", PAGES[0], &[("expected", "1")]).await.is(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_operator_runs_but_does_not_resize() {
    let site = Site { role: Role::Operator, ..site(sample::ready()) };
    site.get(PAGES[1]).await.has("dialog=add-user").lacks("dialog=remove-user-app").lacks("dialog=remove-database-orders");
    site.get(PAGES[2]).await.has("needs the role admin").has("dialog=restart").lacks("Review change").lacks("dialog=delete");
}

#[tokio::test]
async fn a_refused_user_comes_back_with_what_was_typed_but_the_password() {
    let page = "/clusters/orders/data?dialog=add-user";
    let fields =
        [("name", "pg_admin"), ("description", "Shop back end"), ("password", "correct horse"), ("access[orders]", "readonly"), ("replication", "true")];
    let answer = site(sample::ready()).post("/api/users/add", page, &fields).await;
    answer.is(StatusCode::BAD_REQUEST).has("are reserved").has("value=\"pg_admin\"").has("value=\"Shop back end\"").lacks("correct horse");
    answer.has(" id=\"add-user\" aria-labelledby=\"add-user-t\" open");
}

#[tokio::test]
async fn a_made_up_password_is_shown_once() {
    let site = site(sample::ready());
    let added = site.post("/api/users/add", PAGES[1], &[("name", "billing"), ("access[orders]", "admin")]).await;
    added.is(StatusCode::FOUND).lacks("made-up-for-billing");
    let to = added.headers[header::LOCATION].to_str().expect("text");
    assert_eq!(to, "/clusters/orders/data?dialog=password");
    let cookie = added.headers[header::SET_COOKIE].to_str().expect("text");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Max-Age=120"), "{cookie}");
    let sent = cookie.split(';').next().unwrap_or_default().to_owned();
    let shown = site.send(Request::get(to).header(header::COOKIE, sent).body(Body::empty()).expect("a request")).await;
    shown.has("made-up-for-billing").has("cannot be shown again");
    assert!(shown.headers.get_all(header::SET_COOKIE).iter().any(|set| set.to_str().is_ok_and(|set| set.contains("Max-Age=0"))), "{:?}", shown.headers);
    assert_eq!(shown.headers[header::CACHE_CONTROL], "no-store");
    site.get(to).await.has("shown once and not kept").lacks("made-up-for-billing");
    site.get(PAGES[1]).await.has("billing").lacks("made-up-for");
}

#[tokio::test]
async fn a_chosen_password_is_never_shown() {
    let site = site(sample::ready());
    let answer = site.post("/api/users/password", PAGES[1], &[("user", "app"), ("password", "correct horse battery")]).await;
    answer.is(StatusCode::FOUND).lacks("correct horse");
    assert!(answer.headers.get(header::SET_COOKIE).is_none());
    assert_eq!(answer.headers[header::LOCATION], "/clusters/orders/data");
}

#[tokio::test]
async fn a_draft_is_reviewed_before_it_is_applied() {
    let site = site(sample::ready());
    let draft = "/clusters/orders/settings?dialog=review-size&preset=xlarge&instances=5&storage=100Gi&min=1&max=2&durability=preferred&cpu=&memory=";
    site.get(draft).await.has("Review 2 changes").has("memory settings follow the size").has("Adds 2 replicas").has("name=\"shape[instances]\" value=\"5\"");
    let fields = [("expected", "1"), ("shape[preset]", "xlarge"), ("shape[instances]", "5")];
    site.post("/api/settings/shape", draft, &fields).await.is(StatusCode::FOUND);
    site.get(PAGES[0]).await.has("5 instances").has("Saved, not reached yet");
}

#[tokio::test]
async fn a_refused_draft_stands_beside_its_fields() {
    let draft = "/clusters/orders/settings?dialog=review-size&preset=xlarge&instances=5&storage=50Gi&min=1&max=7&durability=preferred&cpu=&memory=";
    let answer = site(sample::ready()).get(draft).await;
    answer.has("A volume only grows: it has 100Gi now.").has("value=\"50Gi\"").lacks("Review 1 change");
}

#[tokio::test]
async fn parameters_are_reviewed_row_by_row() {
    let site = site(sample::ready());
    let page = "/clusters/orders/settings?dialog=review-parameters&n0=max_connections&v0=300&n1=work_mem&v1=";
    site.get(page).await.has("Review 2 changes").has("max_connections takes effect only then").has("name=\"table[names][0]\"");
    let fields = [("expected", "1"), ("table[names][0]", "max_connections"), ("table[values][0]", "300")];
    site.post("/api/settings/parameters", page, &fields).await.is(StatusCode::FOUND);
    site.get("/clusters/orders/settings?dialog=review-parameters&n0=fsync&v0=off").await.has("fsync is not open to change").lacks("Review 1");
}

#[tokio::test]
async fn the_later_of_two_people_is_told_who_came_first() {
    let site = site(sample::ready());
    let page = "/clusters/orders/data?dialog=edit-user-app";
    let fields = [("expected", "7"), ("user", "app"), ("description", "My words"), ("access[orders]", "admin")];
    let answer = site.post("/api/users/set", page, &fields).await;
    answer
        .is(StatusCode::CONFLICT)
        .has("Somebody changed this cluster")
        .has("ada")
        .has("User reporting added")
        .has("value=\"My words\"")
        .has("name=\"expected\" value=\"1\"");
}

#[tokio::test]
async fn what_destroys_wants_the_name_typed() {
    let site = site(sample::ready());
    let page = "/clusters/orders/settings?dialog=delete";
    site.get(page).await.has("Type orders to confirm").has("pause the cluster").has("There is no copy.");
    site.post("/api/settings/delete", page, &[("confirm", "order")]).await.is(StatusCode::BAD_REQUEST).has("Type orders to delete").has("value=\"order\"");
    let page = "/clusters/orders/data?dialog=remove-database-orders";
    let fields = [("database", "orders"), ("confirm", "no")];
    site.post("/api/databases/remove", page, &fields).await.is(StatusCode::BAD_REQUEST).has("Type orders to delete it and its data.");
    site.post("/api/settings/delete", page, &[("confirm", "orders")]).await.is(StatusCode::FOUND);
    site.get(PAGES[0]).await.has("Deleting");
}

#[tokio::test]
async fn switching_shows_the_lag_of_each_replica() {
    let answer = site(sample::ready()).get("/clusters/orders?dialog=switch").await;
    answer.has("0.1 s and 48 KiB behind").has("lag unknown").has("half a second");
}

#[tokio::test]
async fn a_document_is_reviewed_and_applied_without_script() {
    let site = site(sample::ready());
    site.get(PAGES[3]).await.has("kind: Postgres").has("howdah apply -f orders.yaml");
    let text = domain::manifest::print(&sample::ready()).replace("max_connections", "max_worker_processes");
    let answer = site.post("/api/document/apply", PAGES[3], &[("expected", "1"), ("text", &text), ("intent", "review")]).await;
    answer.is(StatusCode::OK).has("max_worker_processes").has("value=\"save\"").has("What would change");
    site.post("/api/document/apply", PAGES[3], &[("expected", "1"), ("text", &text), ("intent", "save")]).await.is(StatusCode::FOUND);
    site.get(PAGES[0]).await.has("Saved, not reached yet");
}

#[tokio::test]
async fn a_document_that_is_not_understood_comes_back_whole() {
    let text = "kind: Postgres\nmetadata: {name: orders}\nspec: {replicas: many}";
    let answer = site(sample::ready()).post("/api/document/apply", PAGES[3], &[("expected", "1"), ("text", text), ("intent", "review")]).await;
    answer.is(StatusCode::BAD_REQUEST).has("replicas: many").has("role=\"alert\"").lacks("value=\"save\"");
}

#[tokio::test]
async fn no_input_of_a_form_is_a_fault_of_ours() {
    let site = site(sample::ready());
    let endpoints = ["users/add", "users/set", "databases/set", "settings/shape", "settings/primary", "settings/parameters", "document/apply"];
    for endpoint in endpoints {
        let answer = site.post(&format!("/api/{endpoint}"), PAGES[1], &[("expected", "x"), ("table[names][a]", "1")]).await;
        assert!(answer.status.is_client_error(), "{endpoint}: {} {}", answer.status, answer.body);
    }
}
