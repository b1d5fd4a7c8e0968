//! Pages and server functions, mounted with what they find in their context: the portal, who asks, and where style and script are.

use super::{Shell, guard, headers::page_policy};
use crate::assets;
use app::{
    AssetPaths,
    api::{boot::StoreUnreachable, form},
    portal::SharedPortal,
};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{ACCEPT, CONTENT_SECURITY_POLICY},
        request::Parts,
    },
    middleware,
    response::{IntoResponse, Response},
    routing::any,
};
use domain::Actor;
use leptos::{
    config::LeptosOptions,
    context::{provide_context, use_context},
    nonce::use_nonce,
    server_fn::axum::server_fn_paths,
};
use leptos_axum::{AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list_with_exclusions_and_ssg_and_context};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// Everything of `app`.
pub(super) fn router(shell: &Shell) -> Router {
    let options = LeptosOptions::builder().output_name("howdah").build();
    let given = Given { portal: shell.portal.clone(), reachable: shell.reachable.clone() };
    let paths = paths(&given);
    let (here, call, back, miss) = (given.clone(), given.clone(), given.clone(), given);
    // A plain form that was refused is answered with its page again.
    let refused = move |request, next| {
        let given = back.clone();
        form::give_back(move || given.provide_here(), request, next)
    };
    Router::new()
        .leptos_routes_with_context(&options, paths, move || here.provide_here(), app::shell)
        .route("/api/{*function}", any(move |request: Request| function(call.clone(), request)).layer(middleware::from_fn(refused)))
        .fallback(move |request: Request| not_found(miss.clone(), request))
        .with_state(options)
        .layer(middleware::from_fn(guard::signed_in))
}

/// Where pages are. Found out once in a process: as long as that takes, what any page of the process fetches never arrives, since a flag of the whole process
/// holds it back.
fn paths(given: &Given) -> Vec<AxumRouteListing> {
    static PATHS: OnceLock<Vec<AxumRouteListing>> = OnceLock::new();
    let listing = || {
        // Server functions are mounted apart, since a form without script wants a page for an answer.
        let functions = server_fn_paths().map(|(path, _)| path.to_owned()).collect();
        let given = given.clone();
        generate_route_list_with_exclusions_and_ssg_and_context(app::shell, Some(functions), move || given.provide(None)).0
    };
    PATHS.get_or_init(listing).clone()
}

/// What the portal gives to pages and server functions.
#[derive(Clone)]
struct Given {
    portal: SharedPortal,
    reachable: Arc<AtomicBool>,
}

impl Given {
    /// Into the context of the request that is being answered.
    fn provide_here(&self) {
        let parts = use_context::<Parts>();
        let extensions = parts.as_ref().map(|parts| &parts.extensions);
        let actor = extensions.and_then(|all| all.get::<Option<Actor>>().cloned()).flatten();
        if extensions.is_some_and(|all| all.get::<guard::StoreAway>().is_some()) || !self.reachable.load(Ordering::Relaxed) {
            provide_context(StoreUnreachable);
        }
        self.provide(actor);
        if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>())
            && let Ok(policy) = HeaderValue::from_str(&page_policy(&nonce))
        {
            response.insert_header(CONTENT_SECURITY_POLICY, policy);
        }
    }

    fn provide(&self, actor: Option<Actor>) {
        provide_context(self.portal.clone());
        provide_context(actor);
        provide_context(asset_paths());
    }
}

/// Where the browser finds what was built; pages work as plain HTML where nothing was.
fn asset_paths() -> AssetPaths {
    let built = |name| assets::exists(name).then(|| assets::path(name));
    AssetPaths {
        css: assets::path("style.css"),
        js: built("start.js"),
        modules: built("frontend.js").into_iter().collect(),
        wasm: built("frontend.wasm"),
        favicon: built("favicon.svg"),
    }
}

async fn function(given: Given, request: Request) -> Response {
    leptos_axum::handle_server_fns_with_context(move || given.provide_here(), request).await.into_response()
}

/// The page that says that there is no such page.
async fn not_found(given: Given, request: Request<Body>) -> Response {
    let wants_page = request.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    if !wants_page {
        return (StatusCode::NOT_FOUND, "Not found.\n").into_response();
    }
    let mut response = leptos_axum::render_app_async_with_context(move || given.provide_here(), app::shell)(request).await;
    if response.status().is_success() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
