//! Pages and server functions, mounted with what they find in their context: the portal and who asks.

use super::{Shell as Shell, guard, headers::page_policy};
use app::portal::SharedPortal;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{ACCEPT, CONTENT_SECURITY_POLICY},
        request::Parts,
    },
    middleware,
    response::{IntoResponse, Response},
};
use domain::Actor;
use leptos::{
    config::LeptosOptions,
    context::{provide_context, use_context},
    nonce::use_nonce,
};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list_with_exclusions_and_ssg_and_context};

use leptos::prelude::IntoView;
/// The document.
fn page() -> impl IntoView {
    "seam"
}

/// Everything of `app`.
pub(super) fn router(shell: &Shell) -> Router {
    let options = LeptosOptions::builder().output_name("howdah").build();
    let portal = shell.portal.clone();
    let during_listing = portal.clone();
    let (paths, _) = generate_route_list_with_exclusions_and_ssg_and_context(page, None, move || {
        provide_context::<SharedPortal>(during_listing.clone());
        provide_context::<Option<Actor>>(None);
    });
    let context = move || context(&portal);
    Router::new()
        .leptos_routes_with_context(&options, paths, context.clone(), page)
        .fallback(move |State(_): State<LeptosOptions>, request: Request| not_found(context.clone(), request))
        .with_state(options)
        .layer(middleware::from_fn(guard::signed_in))
}

/// What pages and server functions find: the portal, and who asks.
fn context(portal: &SharedPortal) {
    provide_context(portal.clone());
    let actor = use_context::<Parts>().and_then(|parts| parts.extensions.get::<Option<Actor>>().cloned()).flatten();
    provide_context(actor);
    if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>())
        && let Ok(policy) = HeaderValue::from_str(&page_policy(&nonce))
    {
        response.insert_header(CONTENT_SECURITY_POLICY, policy);
    }
}

/// The page that says that there is no such page.
async fn not_found(context: impl Fn() + Clone + Send + Sync + 'static, request: Request<Body>) -> Response {
    let wants_page = request.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    if !wants_page || super::is_rest(request.uri().path()) {
        return (StatusCode::NOT_FOUND, "Not found.\n").into_response();
    }
    let mut response = leptos_axum::render_app_async_with_context(context, page)(request).await;
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

