//! The page sign_in.

use leptos::prelude::*;

/// The page.
#[component]
pub fn SignIn() -> impl IntoView {
    view! { <h1>"sign_in"</h1> }
}
