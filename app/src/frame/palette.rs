//! The command palette: clusters, pages, commands.

use leptos::prelude::*;

/// The palette, closed unless its address is open.
pub fn palette() -> AnyView {
    ().into_any()
}
