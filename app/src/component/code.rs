//! Text to take away: a single value, or a block. The button appears where the browser can copy.

use super::basic::icon;
use crate::view::{Html, view};
use leptos::prelude::*;

/// A single value to take away. `what` names it, as in `Copy host and port`.
pub fn copy(what: impl Into<String>, text: impl Into<Signal<String>>) -> Html {
    let text = text.into();
    view! { <div class="copy"><code tabindex="0">{move || text.get()}</code>{copy_button(what.into(), text)}</div> }
}

/// A block to read and take away.
pub fn code(what: impl Into<String>, text: impl Into<Signal<String>>) -> Html {
    let (what, text) = (what.into(), text.into());
    view! { <div class="code"><pre tabindex="0" aria-label=what.clone()>{move || text.get()}</pre>{copy_button(format!("Copy {what}"), text)}</div> }
}

/// The button alone, for text that stands elsewhere.
pub fn copy_button(label: String, text: Signal<String>) -> Html {
    let copied = RwSignal::new(false);
    let click = move |_| {
        put(&text.get_untracked());
        copied.set(true);
        set_timeout(move || copied.set(false), std::time::Duration::from_secs(2));
    };
    let symbol = move || if copied.get() { icon("check") } else { icon("copy") };
    let said = move || if copied.get() { "Copied" } else { "" };
    view! {
        <button class="btn icon ghost small needs-script" type="button" aria-label=label on:click=click>{symbol}</button>
        <span class="sr" role="status">{said}</span>
    }
}

/// Puts text on the clipboard; where the browser refuses, the text can still be selected.
fn put(text: &str) {
    #[cfg(feature = "hydrate")]
    {
        let _ = window().navigator().clipboard().write_text(text);
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = text;
}
