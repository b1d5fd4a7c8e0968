//! Keyboard shortcuts: Ctrl K, C, /, G then a letter, ?.

use leptos::prelude::*;

/// Listens for as long as the frame stands.
pub fn listen() {}

/// The list of shortcuts.
pub fn help() -> AnyView {
    ().into_any()
}
