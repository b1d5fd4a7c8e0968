//! Pages: fetch and compose; one file a page.

use crate::view::{Html, view};
use crate::{component::icon, link::Link};

pub mod actions;
pub mod cluster;
pub mod clusters;
pub mod collision;
pub mod create;
pub mod creating;
pub mod data;
pub mod overview;
pub mod places;
pub mod settings;
pub mod sign_in;
pub mod yaml;

/// Nothing is at this address, or nothing that this reader may know of.
pub fn not_found() -> Html {
    #[cfg(feature = "ssr")]
    if let Some(response) = leptos::context::use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    view! {
        <leptos_meta::Title text="Not found"/>
        <section class="card"><div class="empty">
            <h1>"Nothing is here"</h1>
            <p>"The address may be mistyped, or what was here was deleted. Clusters of other projects are not shown either."</p>
            <a class="btn primary" href=Link::Clusters.path()>{icon("db")}"See all clusters"</a>
        </div></section>
    }
}
