//! Every page rendered to string over a fake portal: loading never shows, empty, full, error, viewer, and what was typed.

use app::{AssetPaths, api::form, fake::FakePortal, portal::SharedPortal, shell};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
    middleware::from_fn,
    routing::any,
};
use domain::{
    Actor, Cluster, ClusterId, ClusterName, Error, Phase, ProjectId, Role, Spec, Timestamp, Uuid,
    status::{Condition, Reason, kinds},
    topology::Topology,
    version::Major,
};
use leptos::prelude::provide_context;
use std::sync::{Arc, Once};
use tower::ServiceExt;

static EXECUTOR: Once = Once::new();

/// What a browser without JavaScript gets.
struct Answer {
    status: StatusCode,
    location: Option<String>,
    html: String,
}

impl Answer {
    fn says(&self, text: &str) -> &Self {
        assert!(self.html.contains(text), "{text:?} is not in\n{}", self.page());
        self
    }

    /// Without the symbols, which are always the same.
    fn page(&self) -> &str {
        self.html.split("<symbol").next().unwrap_or_default()
    }

    fn never_says(&self, text: &str) -> &Self {
        assert!(!self.html.contains(text), "{text:?} is in\n{}", self.page());
        self
    }
}

struct Site {
    portal: SharedPortal,
    actor: Option<Actor>,
}

impl Site {
    fn of(portal: FakePortal) -> Self {
        Self { portal: Arc::new(portal), actor: Some(somebody(Role::Admin)) }
    }

    fn seen_by(self, role: Role) -> Self {
        Self { actor: Some(somebody(role)), ..self }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).expect("a request")).await
    }

    async fn send(&self, mut request: Request<Body>) -> Answer {
        EXECUTOR.call_once(|| drop(leptos_axum::generate_route_list(app::App)));
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("text/html"));
        let (portal, actor) = (self.portal.clone(), self.actor.clone());
        let context = move || {
            provide_context(portal.clone());
            provide_context(actor.clone());
            provide_context(AssetPaths { css: "/assets/style.css".into(), ..AssetPaths::default() });
        };
        let (pages, functions, refused) = (context.clone(), context.clone(), context);
        let router = Router::new()
            .route("/api/{*endpoint}", any(move |request| leptos_axum::handle_server_fns_with_context(functions.clone(), request)))
            .fallback(move |request| leptos_axum::render_app_async_with_context(pages.clone(), shell)(request))
            .layer(from_fn(move |request, next| form::give_back(refused.clone(), request, next)));
        let response = router.oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let location = parts.headers.get(header::LOCATION).map(|value| value.to_str().expect("a path").to_owned());
        let html = String::from_utf8(to_bytes(body, usize::MAX).await.expect("a body").to_vec()).expect("text");
        Answer { status: parts.status, location, html }
    }
}

fn somebody(role: Role) -> Actor {
    Actor { id: "test".into(), name: "Camille Roux".into(), role, project: ProjectId::DEFAULT }
}

fn cluster(name: &str, phase: Phase) -> Cluster {
    let name: ClusterName = name.parse().expect("a name");
    let mut spec = Spec::new(&name, Major::V17);
    (spec.instances, spec.topology) = (3, Topology::Replicated);
    let id = ClusterId(Uuid::from_u128(name.as_str().len() as u128));
    let mut cluster = Cluster::create(id, ProjectId::DEFAULT, domain::PlaceName::local(), name, spec, Timestamp::UNIX_EPOCH).expect("a cluster");
    (cluster.status.phase, cluster.status.generation) = (phase, u64::from(phase == Phase::Ready));
    cluster
}

fn full() -> Site {
    Site::of(FakePortal::with(vec![cluster("orders", Phase::Ready), cluster("payments", Phase::Degraded), cluster("crm", Phase::Paused)]))
}

#[tokio::test]
async fn without_clusters_the_list_offers_the_first_step() {
    let site = Site::of(FakePortal::default());
    site.get("/").await.says("Create your first PostgreSQL cluster").says("href=\"/clusters/new\"").never_says("<table");
    let viewer = site.seen_by(Role::Viewer);
    viewer.get("/clusters").await.says("needs the role admin").never_says("href=\"/clusters/new\"");
}

#[tokio::test]
async fn the_list_shows_every_cluster_and_what_needs_somebody() {
    let page = full().get("/clusters").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says("href=\"/clusters/orders\"").says("Healthy").says("Degraded").says("Paused").says("One cluster needs you").never_says("aria-busy");
}

#[tokio::test]
async fn the_address_filters_the_list() {
    let site = full();
    site.get("/clusters?q=ord").await.says("1 of 3 clusters").says("value=\"ord\"");
    site.get("/clusters?s=paused").await.says("1 of 3 clusters");
    site.get("/clusters?q=zzz").await.says("No cluster matches \"zzz\"").says("Clear filters");
    site.get("/clusters?q=%22%3E%3Cscript%3Ealert(1)").await.never_says("<script>alert");
}

#[tokio::test]
async fn a_portal_without_its_database_says_so_and_keeps_the_frame() {
    let site = Site::of(FakePortal::unreachable());
    for path in ["/clusters", "/clusters/orders"] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        page.says("cannot reach its own database").says("class=\"side\"").says("Try again");
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_with_a_way_on() {
    let site = full();
    for path in ["/clusters/nothing", "/clusters/Not_A_Name", "/nowhere", "/clusters/nothing/settings"] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        page.says("Nothing is here").says("See all clusters");
    }
}

#[tokio::test]
async fn strangers_are_sent_to_the_sign_in_page_and_back() {
    let site = Site { actor: None, ..full() };
    let page = site.get("/clusters/orders").await;
    assert_eq!((page.status, page.location.as_deref()), (StatusCode::FOUND, Some("/sign-in?next=/clusters/orders")));
    site.get("/sign-in?error=expired&next=/clusters/orders")
        .await
        .says("used before")
        .says("name=\"link\"")
        .says("value=\"/clusters/orders\"")
        .says("howdah link");
    site.get("/sign-in?next=//evil.example").await.never_says("evil.example");
}

#[tokio::test]
async fn the_form_for_a_cluster_shows_what_it_will_use_and_its_resource() {
    let page = full().get("/clusters/new").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says("kind: Postgres").says("3 CPU, 1.5 GiB").says("30 GiB").says("value=\"2xlarge\"").says("name=\"id\"").says("15.1");
    full().get("/clusters/new?instances=1").await.says("nobody to wait for").says("replicas: 1");
}

#[tokio::test]
async fn a_viewer_sees_the_form_but_cannot_use_it() {
    let page = full().seen_by(Role::Viewer).get("/clusters/new").await;
    page.says("<fieldset disabled").says("needs the role admin");
    let refused = full().seen_by(Role::Viewer).post("/api/clusters/create", &form_with("name=shop")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    refused.says("This needs the role admin");
}

fn form_with(rest: &str) -> String {
    let id = Uuid::from_u128(7);
    format!("_page=/clusters/new&id={id}&version=v16&instances=2&quorum_min=0&quorum_max=1&preset=large&cpu=2&memory=4Gi&storage=20&{rest}")
}

#[tokio::test]
async fn an_accepted_form_makes_one_cluster_however_often_it_is_sent() {
    let site = full();
    for _ in 0..2 {
        let answer = site.post("/api/clusters/create", &form_with("name=shop")).await;
        assert_eq!((answer.status, answer.location.as_deref()), (StatusCode::FOUND, Some("/clusters/shop")), "{}", answer.page());
    }
    let all = site.portal.clusters(&somebody(Role::Admin)).await.expect("clusters");
    let shop = all.iter().find(|c| c.name.as_str() == "shop").expect("the cluster");
    assert_eq!((all.len(), shop.spec.instances, shop.spec.version), (4, 2, Major::V16));
}

#[tokio::test]
async fn a_refused_form_keeps_every_typed_word_and_names_each_field() {
    let answer = full()
        .post("/api/clusters/create", &form_with("name=Shop_1%22&strict=true&storage=0").replace("&storage=20", "").replace("quorum_max=1", "quorum_max=2"))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    answer
        .says("value=\"Shop_1&quot;\"")
        .says("value=\"v16\" checked")
        .says("value=\"large\" checked")
        .says("value=\"0\"")
        .says("value=\"true\" name=\"strict\" checked");
    answer.says("A name starts with a lower-case letter.").says("From 1Gi to 1024Gi.").says("Writes would wait for ever").says("3 fields to fix");
    answer.says("aria-invalid=\"true\"").says("content=\"/clusters/new\"").says(&Uuid::from_u128(7).to_string());
}

#[tokio::test]
async fn a_taken_name_is_said_beside_the_name() {
    let answer = full().post("/api/clusters/create", &form_with("name=orders")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    answer.says("id=\"name-e\"").says("There is already a cluster orders");
}

#[tokio::test]
async fn no_form_makes_the_server_fail() {
    let site = full();
    for body in ["", "name=%FF%FE", "instances=999999&storage=-5&name=x", "text=%00", "_page=//evil.example&name=x", "id=not-a-uuid&name=fine"] {
        for endpoint in ["/api/clusters/create", "/api/clusters/import"] {
            let answer = site.post(endpoint, body).await;
            assert!(answer.status.is_client_error(), "{endpoint} {body}: {}", answer.status);
            answer.never_says("evil.example");
        }
    }
}

#[tokio::test]
async fn a_document_is_imported_or_given_back_with_the_place_of_the_error() {
    let site = full();
    site.get("/clusters/new?mode=yaml").await.says("<textarea").says("kind: Postgres");
    let good = "apiVersion: apps.cozystack.io/v1alpha1%0Akind: Postgres%0Ametadata:%0A  name: shop%0Aspec:%0A  replicas: 2%0A";
    for _ in 0..2 {
        let answer = site.post("/api/clusters/import", &format!("_page=/clusters/new?mode=yaml&text={good}")).await;
        assert_eq!(answer.location.as_deref(), Some("/clusters/shop"), "{}", answer.page());
    }
    let taken = site.post("/api/clusters/import", &format!("_page=/clusters/new?mode=yaml&text={}", good.replace("shop", "orders"))).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let wrong =
        site.post("/api/clusters/import", &format!("_page=/clusters/new?mode=yaml%26dialog=x&text={}", good.replace("replicas: 2", "replicas: 99"))).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    wrong.says("replicas: 99").says("spec.replicas").says("From 1 to 16");
}

#[tokio::test]
async fn a_new_cluster_shows_its_steps_first_and_the_overview_after() {
    let mut stuck = cluster("stuck", Phase::Creating);
    let reason = Reason::new("NoPort", "No port is free; end what holds them.");
    stuck.status.conditions = vec![Condition { kind: kinds::BLOCKED.into(), holds: Some(true), reason, since: Timestamp::UNIX_EPOCH }];
    let site = Site::of(FakePortal::with(vec![cluster("fresh-one", Phase::New), stuck, cluster("done", Phase::Ready)]));
    site.get("/clusters/fresh-one").await.says("Primary initialised").says("Accepting connections").says("Cancel creation");
    site.get("/clusters/stuck").await.says("No port is free; end what holds them.").says("data-s=\"bad\"");
    site.get("/clusters/done").await.never_says("Primary initialised");
}

#[tokio::test]
async fn dialogs_open_by_their_address() {
    let site = full();
    site.get("/clusters?dialog=keys").await.says("Keyboard shortcuts").says("aria-labelledby=\"keys-t\" open");
    site.get("/clusters").await.never_says("\" open class=");
}

#[tokio::test]
async fn the_theme_of_the_cookie_is_on_the_document() {
    let site = full();
    let request = Request::get("/clusters").header(header::COOKIE, "a=b; theme=dark").body(Body::empty()).expect("a request");
    site.send(request).await.says("data-theme=\"dark\"").says("Theme: dark");
    site.get("/clusters").await.never_says("data-theme");
}

#[test]
fn errors_keep_their_meaning_as_status() {
    let expect = [
        (Error::Unauthenticated, 401),
        (Error::Forbidden(String::new()), 403),
        (Error::NotFound, 404),
        (Error::Unavailable, 503),
        (Error::invalid("a", "b"), 400),
    ];
    for (error, status) in expect {
        assert_eq!(app::api::status(&error).as_u16(), status);
    }
}
