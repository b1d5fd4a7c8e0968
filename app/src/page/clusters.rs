//! The page clusters.

use leptos::prelude::*;

/// The page.
#[component]
pub fn Clusters() -> impl IntoView {
    view! { <h1>"clusters"</h1> }
}
