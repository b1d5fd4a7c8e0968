//! The HTML document around the app. Rendered on the server only.

use super::App;
use crate::{api::boot::Boot, api::form::Returned};
use leptos::prelude::*;
use leptos_meta::MetaTags;

/// Where the browser finds style and script. Put into the context by the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetPaths {
    /// The style sheet.
    pub css: String,
    /// The module that starts the app: it fetches the wasm and calls `hydrate`. None: pages work as plain HTML.
    pub js: Option<String>,
    /// Modules to fetch together with the page, as in the bindings that `js` imports.
    pub modules: Vec<String>,
    /// The wasm, to fetch together with the page.
    pub wasm: Option<String>,
    /// The icon of the site.
    pub favicon: Option<String>,
}

/// The document.
pub fn shell() -> impl IntoView {
    let assets = use_context::<AssetPaths>().unwrap_or_default();
    let theme = Boot::here().theme.map(|theme| theme.name());
    // The answer to a form post stands under the address of the post: the script puts the address bar right with this.
    let page = use_context::<Returned>().map(|returned| view! { <meta name="howdah-page" content=returned.page/> });
    let wasm = assets.js.as_ref().and(assets.wasm);
    let modules = if assets.js.is_some() { assets.modules } else { Vec::new() };
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                {page}
                <link rel="stylesheet" href=assets.css/>
                {assets.favicon.map(|path| view! { <link rel="icon" href=path/> })}
                {modules.into_iter().map(|path| view! { <link rel="modulepreload" href=path/> }).collect_view()}
                {wasm.map(|path| view! { <link rel="preload" href=path r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/> })}
                {assets.js.map(|path| view! { <script type="module" src=path></script> })}
                <MetaTags/>
            </head>
            <body>
                <App/>
                // After the app, so that hydration does not meet it.
                <div hidden inner_html=include_str!("sprite.svg")></div>
            </body>
        </html>
    }
}
