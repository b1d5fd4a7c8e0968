//! The browser's half: takes over the page that the server rendered. Nothing else.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by `start.js` once the module is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    app::api::form::restore_address();
    leptos::mount::hydrate_body(app::App);
}
