//! The browser's half of the pages: takes over the HTML that the server rendered. Nothing else.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by `start.js` once the module is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
