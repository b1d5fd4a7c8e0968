//! What the bench holds the portal against: the least that axum and sqlx can do to answer the same requests from the same rows. No session, no guard, no
//! limits, no measurements, no rendering.
//!
//! `bare DATA` serves the portal's database of that data folder and prints where. A token is looked up as the portal does it, and believed as long, so both
//! sides read one row a request for JSON. The page reads the cluster and its newest events, as the portal's does, and is filled up to the portal's size.

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use server::{config, private::Database, secret};
use sqlx::{PgPool, Row, types::Json};
use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// As long as the portal believes a token without asking again.
const BELIEVED: Duration = Duration::from_secs(5);
const CLUSTER: &str = "select id, project_id, name, spec, generation, status, revision, created_at::text, updated_at::text from clusters where id = $1";
const EVENTS: &str = "select id, at::text, kind, title, text, actor from events where cluster_id = $1 order by id desc limit 20";

/// Tokens that were looked up lately, by hash: when, and whose project.
type Believed = HashMap<[u8; 32], (Instant, Uuid)>;

#[derive(Clone)]
struct Bare {
    pool: PgPool,
    tokens: Arc<Mutex<Believed>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("the data folder of a portal")?;
    let state = config::State { data: Some(folder.into()), database_url: None, postgres: std::env::var_os("HOWDAH_POSTGRES"), run_as: None };
    let database = Database::open(&state).await?;
    let bare = Bare { pool: database.store.pool().clone(), tokens: Arc::default() };
    let router = Router::new().route("/instances/{id}", get(instance)).route("/page/{id}", get(page)).with_state(bare);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("ready http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

/// Anything that fails, without a word.
struct Failed;

impl From<sqlx::Error> for Failed {
    fn from(_: sqlx::Error) -> Self {
        Self
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// The project of the bearer.
async fn project(bare: &Bare, headers: &HeaderMap) -> Result<Option<Uuid>, sqlx::Error> {
    let Some(token) = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer ")) else { return Ok(None) };
    let hash = secret::hash_token(token);
    let seen = || bare.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, project)) = seen().get(&hash).filter(|(at, _)| at.elapsed() < BELIEVED) {
        return Ok(Some(*project));
    }
    let row = sqlx::query("select project_id from tokens where hash = $1").bind(&hash[..]).fetch_optional(&bare.pool).await?;
    let found: Option<Uuid> = row.map(|row| row.get(0));
    if let Some(project) = found {
        seen().insert(hash, (Instant::now(), project));
    }
    Ok(found)
}

async fn instance(State(bare): State<Bare>, Path(id): Path<Uuid>, headers: HeaderMap) -> Result<Response, Failed> {
    let Some(project) = project(&bare, &headers).await? else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    let cluster = cluster(&bare, id).await?;
    if cluster["project_id"] != project.to_string() {
        return Ok(StatusCode::NOT_FOUND.into_response());
    }
    Ok(axum::Json(cluster).into_response())
}

async fn cluster(bare: &Bare, id: Uuid) -> Result<serde_json::Value, Failed> {
    let row = sqlx::query(CLUSTER).bind(id).fetch_one(&bare.pool).await?;
    let (spec, status): (Json<serde_json::Value>, Json<serde_json::Value>) = (row.get("spec"), row.get("status"));
    Ok(serde_json::json!({
        "uuid": row.get::<Uuid, _>("id"),
        "project_id": row.get::<Uuid, _>("project_id"),
        "name": row.get::<&str, _>("name"),
        "spec": spec.0,
        "generation": row.get::<i64, _>("generation"),
        "status": status.0,
        "revision": row.get::<i64, _>("revision"),
        "created_at": row.get::<&str, _>("created_at"),
        "updated_at": row.get::<&str, _>("updated_at"),
    }))
}

/// How large the page is to be.
#[derive(serde::Deserialize)]
struct Size {
    bytes: usize,
}

async fn page(State(bare): State<Bare>, Path(id): Path<Uuid>, Query(size): Query<Size>) -> Result<Html<String>, Failed> {
    let cluster = cluster(&bare, id).await?;
    let events = sqlx::query(EVENTS).bind(id).fetch_all(&bare.pool).await?;
    let mut html = format!("<!DOCTYPE html><title>{}</title><h1>{0}</h1><p>{}</p><ul>", cluster["name"], cluster["status"]["phase"]);
    for event in &events {
        let _ = write!(html, "<li><b>{}</b> {}</li>", event.get::<&str, _>("title"), event.get::<&str, _>("text"));
    }
    html.push_str("</ul>");
    while html.len() < size.bytes {
        html.push_str("<section class=\"card\"><p>As much as the portal's page has.</p></section>\n");
    }
    Ok(Html(html))
}
