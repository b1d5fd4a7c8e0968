//! The page create.

use leptos::prelude::*;

/// The page.
#[component]
pub fn Create() -> impl IntoView {
    view! { <h1>"create"</h1> }
}
