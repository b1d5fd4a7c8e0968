//! The pages with made-up clusters, for whoever works on their looks: `cargo run -p app --features ssr --example preview`.
//!
//! Serves style from `style/`, and scripts from the folder in `HOWDAH_SITE` (as `start.js`) if there is one. `?as=viewer` on any page changes who is
//! signed in; `HOWDAH_PREVIEW=empty` starts without clusters, `HOWDAH_PREVIEW=down` with a portal that cannot reach its database.

use app::{
    AssetPaths,
    api::form,
    fake::{FakePortal, sample},
    portal::SharedPortal,
    shell,
};
use axum::{
    Form, Router,
    body::Body,
    extract::{Path, Request},
    http::{StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Redirect, Response, Sse, sse},
    routing::{any, get, post},
};
use domain::{
    Actor, Cluster, ClusterId, ClusterName, Phase, ProjectId, Role, Spec, Timestamp, Uuid,
    quorum::Quorum,
    size::{Preset, Size},
    status::{Endpoint, EndpointKind, InstanceRole, InstanceState, InstanceStatus, Reason},
    topology::Topology,
    update::Update,
    version::Major,
    vitals::{Lag, Sync, Vitals},
};
use futures::{Stream, StreamExt, stream};
use leptos::prelude::provide_context;
use std::{collections::HashMap, convert::Infallible, path::PathBuf, sync::Arc, time::Duration};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Listing the routes also starts what runs the pages' futures.
    drop(leptos_axum::generate_route_list(app::App));
    let mode = std::env::var("HOWDAH_PREVIEW").unwrap_or_default();
    let portal: SharedPortal = match mode.as_str() {
        "empty" => Arc::new(FakePortal::default()),
        "down" => Arc::new(FakePortal::unreachable()),
        "cluster" => Arc::new(one_cluster()),
        _ => Arc::new(FakePortal::with(made_up()?)),
    };
    let pages = {
        let portal = portal.clone();
        move |request: Request| {
            let context = context(portal.clone(), &request);
            leptos_axum::render_app_async_with_context(context, shell)(request)
        }
    };
    let functions = {
        let portal = portal.clone();
        move |request: Request| {
            let context = context(portal.clone(), &request);
            leptos_axum::handle_server_fns_with_context(context, request)
        }
    };
    let refused = {
        let portal = portal.clone();
        move |request: Request, next: Next| {
            let context = context(portal.clone(), &request);
            form::give_back(context, request, next)
        }
    };
    let router = Router::new()
        .route("/api/{*endpoint}", any(functions))
        .route("/events", get(move || async move { Sse::new(events(portal)).keep_alive(sse::KeepAlive::default()) }))
        .route("/theme", post(theme))
        .route("/sign-in", post(|| async { Redirect::to("/") }).get(pages.clone()))
        .route("/sign-out", post(|| async { Redirect::to("/sign-in?as=nobody") }))
        .route("/assets/{*file}", get(asset))
        .fallback(pages)
        .layer(from_fn(refused));
    let listen = std::env::var("HOWDAH_LISTEN").unwrap_or_else(|_| "127.0.0.1:8090".into());
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("ready http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

/// What a page finds in its context.
fn context(portal: SharedPortal, request: &Request) -> impl Fn() + Clone + Send + std::marker::Sync + 'static + use<> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let role = |role| Actor { id: "preview".into(), name: "Camille Roux".into(), role, project: ProjectId::DEFAULT };
    let actor = match query.split('&').find_map(|pair| pair.strip_prefix("as=")) {
        Some("nobody") => None,
        Some("viewer") => Some(role(Role::Viewer)),
        Some("operator") => Some(role(Role::Operator)),
        _ => Some(role(Role::Admin)),
    };
    let file = |name: &str| format!("/assets/{name}");
    let has_script = site().join("start.js").exists();
    let assets = AssetPaths {
        css: file("style.css"),
        js: has_script.then(|| file("start.js")),
        modules: if has_script { vec![file("frontend.js")] } else { Vec::new() },
        wasm: has_script.then(|| file("frontend_bg.wasm")),
        favicon: Some(file("favicon.svg")),
    };
    move || {
        provide_context(portal.clone());
        provide_context(actor.clone());
        provide_context(assets.clone());
    }
}

async fn theme(Form(form): Form<HashMap<String, String>>) -> Response {
    let theme = form.get("theme").cloned().unwrap_or_default();
    let back = form.get("back").filter(|path| app::link::is_local(path)).cloned().unwrap_or_else(|| "/".into());
    ([(header::SET_COOKIE, format!("theme={theme}; Path=/; SameSite=Lax"))], Redirect::to(&back)).into_response()
}

fn site() -> PathBuf {
    std::env::var_os("HOWDAH_SITE").map_or_else(|| PathBuf::from("target/site"), PathBuf::from)
}

async fn asset(Path(file): Path<String>) -> Response {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let kind = match file.rsplit('.').next() {
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let bytes = match file.as_str() {
        "style.css" => Ok(["tokens", "base", "layout", "components", "data"]
            .map(|part| std::fs::read_to_string(root.join(format!("style/{part}.css"))).unwrap_or_default())
            .concat()
            .into_bytes()),
        "favicon.svg" => std::fs::read(root.join("public/favicon.svg")),
        other => std::fs::read(site().join(other.replace("..", ""))),
    };
    bytes.map_or(StatusCode::NOT_FOUND.into_response(), |bytes| ([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response())
}

/// The portal's stream, then lag that moves.
fn events(portal: SharedPortal) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let actor = Actor { id: "preview".into(), name: "Camille Roux".into(), role: Role::Admin, project: ProjectId::DEFAULT };
    let first = portal.updates(&actor).take(1);
    let lag = stream::unfold(0u64, |beat| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let bytes = (beat * 37 % 11) * 4096;
        let replica =
            |ordinal: u8, bytes: u64| Lag { ordinal, bytes, seconds: bytes as f64 / 1e5, silent: Some(0.1), state: "streaming".into(), sync: Sync::Quorum };
        let vitals = Vitals {
            cluster: ClusterId(Uuid::from_u128(1)),
            at: Timestamp::now(),
            primary: Some(1),
            replicas: vec![replica(2, bytes), replica(3, bytes * 3)],
            connections: Some((74, 200)),
            transactions: Some(1240.0),
            wal: Some(3.4e6),
            usage: Vec::new(),
        };
        Some((Update::Vitals(vitals), beat + 1))
    });
    first.chain(lag).map(|update| Ok(sse::Event::default().event("update").data(serde_json::to_string(&update).unwrap_or_default())))
}

/// One cluster in every state, with events and a measurement.
fn one_cluster() -> FakePortal {
    let states = [
        ("orders-new", sample::new()),
        ("orders-changing", sample::changing()),
        ("orders-degraded", sample::degraded()),
        ("orders-paused", sample::paused()),
        ("orders-bare", sample::bare()),
    ];
    let others = states.into_iter().zip(101..).map(|((name, cluster), n)| sample::named(cluster, name, n));
    let all = std::iter::once(sample::ready()).chain(others).collect();
    let mut portal = FakePortal::with(all);
    portal.events = sample::events();
    portal.vitals = Some(Vitals { at: Timestamp::now(), ..sample::vitals() });
    portal
}

fn made_up() -> Result<Vec<Cluster>, Box<dyn std::error::Error>> {
    let shapes = [
        ("orders-prod", Phase::Ready, 3, Preset::Large),
        ("payments-prod", Phase::Degraded, 3, Preset::Xlarge),
        ("reporting-dr", Phase::Creating, 3, Preset::Medium),
        ("sessions-staging", Phase::Ready, 1, Preset::Micro),
        ("legacy-crm", Phase::Paused, 1, Preset::Small),
        ("analytics", Phase::Down, 1, Preset::Xlarge),
    ];
    shapes.into_iter().enumerate().map(|(at, (name, phase, instances, preset))| one(at as u128 + 1, name, phase, instances, preset)).collect()
}

fn one(id: u128, name: &str, phase: Phase, instances: u8, preset: Preset) -> Result<Cluster, Box<dyn std::error::Error>> {
    let now = Timestamp::now();
    let name: ClusterName = name.parse()?;
    let mut spec = Spec::new(&name, Major::V17);
    spec.instances = instances;
    spec.topology = Topology::for_instances(instances);
    spec.size = Size { preset, ..Size::default() };
    spec.quorum = if instances > 1 { Quorum::healing(1, 2) } else { Quorum::default() };
    let mut cluster = Cluster::create(ClusterId(Uuid::from_u128(id)), ProjectId::DEFAULT, domain::PlaceName::local(), name.clone(), spec, now)?;
    let state = |ordinal: u8| match phase {
        Phase::Ready => InstanceState::Ready,
        Phase::Degraded | Phase::Creating if ordinal < 3 => InstanceState::Ready,
        Phase::Degraded => InstanceState::NotStreaming,
        Phase::Creating => InstanceState::Creating,
        Phase::Paused => InstanceState::Stopped,
        _ => InstanceState::Failed("The postmaster ended with status 1.".into()),
    };
    let instance = |ordinal: u8| InstanceStatus {
        ordinal,
        name: format!("{name}-{ordinal}"),
        role: if ordinal == 1 { InstanceRole::Primary } else { InstanceRole::Replica },
        state: state(ordinal),
        host: "127.0.0.1".into(),
        port: 15000 + u16::from(ordinal),
        sync: Sync::Quorum,
        started_at: Some(now),
    };
    cluster.status.phase = phase;
    cluster.status.since = Some(now);
    cluster.status.generation = u64::from(phase != Phase::Creating);
    cluster.status.instances = (1..=instances).map(instance).collect();
    let endpoint = |kind, suffix: &str, port| Endpoint { kind, name: format!("{name}-{suffix}"), host: "127.0.0.1".into(), port };
    cluster.status.endpoints = vec![endpoint(EndpointKind::Rw, "rw", 15100), endpoint(EndpointKind::Ro, "ro", 15101)];
    cluster.status.reason = match phase {
        Phase::Degraded => Some(Reason::new("NotStreaming", format!("{name}-3 does not follow the primary yet."))),
        Phase::Down => Some(Reason::new("InstanceNotReady", format!("{name}-1: the postmaster ended with status 1; it is started again."))),
        _ => None,
    };
    Ok(cluster)
}
