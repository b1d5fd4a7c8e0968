//! Keyboard shortcuts: Ctrl K, C, /, G then a letter, ?. Single keys do nothing while somebody types, and can be turned off.

use crate::component::Dialog;
use crate::view::{DrawnAll, Html, view};
use leptos::prelude::*;

/// Where a browser remembers that single keys are off.
#[cfg(feature = "hydrate")]
const STORED: &str = "howdah-single-keys";

/// Listens for as long as the frame stands.
pub fn listen() {
    #[cfg(feature = "hydrate")]
    browser::listen();
}

/// The list of shortcuts.
pub fn help() -> Html {
    let rows = [
        ("Search or run a command", "Ctrl K"),
        ("Create a cluster", "C"),
        ("Filter the current list", "/"),
        ("Go to clusters", "G then C"),
        ("Show this list", "?"),
        ("Close", "Esc"),
    ];
    let rows = rows.map(|(what, key)| view! { <dt>{what}</dt><dd><kbd>{key}</kbd></dd> }).into_iter().drawn_all();
    view! {
        <Dialog id="keys" title="Keyboard shortcuts">
            <div class="body stack"><dl class="kv ends">{rows}</dl>{switch()}</div>
        </Dialog>
    }
}

fn switch() -> Html {
    let on = RwSignal::new(true);
    #[cfg(feature = "hydrate")]
    Effect::new(move || on.set(browser::are_on()));
    let change = move |event| {
        on.set(event_target_checked(&event));
        #[cfg(feature = "hydrate")]
        browser::turn(on.get_untracked());
    };
    view! { <label class="switch needs-script"><input type="checkbox" role="switch" prop:checked=move || on.get() on:change=change/>"Single keys, in this browser"</label> }
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::STORED;
    use crate::{component::dialog_path, link::Link};
    use leptos::{ev, prelude::*};
    use leptos_router::{NavigateOptions, hooks::use_navigate};
    use wasm_bindgen::JsCast;

    pub(super) fn are_on() -> bool {
        let stored = window().local_storage().ok().flatten().and_then(|all| all.get_item(STORED).ok().flatten());
        stored.as_deref() != Some("off")
    }

    pub(super) fn turn(on: bool) {
        if let Ok(Some(all)) = window().local_storage() {
            // Where storage is forbidden the choice lasts as long as the page.
            let _ = all.set_item(STORED, if on { "on" } else { "off" });
        }
    }

    pub(super) fn listen() {
        let (palette, keys) = (dialog_path("palette"), dialog_path("keys"));
        let going = StoredValue::new(false);
        let navigate = use_navigate();
        let go = move |path: &str, replace: bool| navigate(path, NavigateOptions { replace, scroll: !replace, ..Default::default() });
        let handle = window_event_listener(ev::keydown, move |event| {
            if (event.ctrl_key() || event.meta_key()) && event.key() == "k" {
                event.prevent_default();
                return go(&palette.get_untracked(), true);
            }
            if event.ctrl_key() || event.meta_key() || event.alt_key() || is_typing(&event) || !are_on() {
                return;
            }
            let went = going.get_value();
            going.set_value(event.key() == "g");
            match (went, event.key().as_str()) {
                (true, "c") => go(&Link::Clusters.path(), false),
                (false, "c") => go(&Link::Create.path(), false),
                (_, "?") => go(&keys.get_untracked(), true),
                (_, "/") => {
                    event.prevent_default();
                    let search = document().query_selector("main input[type=search]").ok().flatten();
                    if let Some(input) = search.and_then(|node| node.dyn_into::<web_sys::HtmlElement>().ok()) {
                        let _ = input.focus();
                    }
                }
                _ => {}
            }
        });
        on_cleanup(move || handle.remove());
    }

    fn is_typing(event: &ev::KeyboardEvent) -> bool {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        target.is_some_and(|node| node.closest("input,select,textarea,dialog[open]").ok().flatten().is_some())
    }
}
