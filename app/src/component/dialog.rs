//! Dialogs. Each has an address (`?dialog=<id>`), so it opens without script; with script it is modal.

use super::basic::icon;
use crate::view::{Drawn, Html, view};
use leptos::{html, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_query_map},
};

/// Name of the query parameter that opens a dialog.
const PARAM: &str = "dialog";

/// A focused task or a confirmation.
#[component]
pub fn Dialog(
    /// Its address and element id.
    #[prop(into)]
    id: String,
    /// Its heading.
    #[prop(into)]
    title: String,
    /// Body and footer: what `.dlg` wants, as in `<div class="body">…</div><footer>…</footer>`.
    children: Children,
) -> impl IntoView {
    let label = format!("{id}-t");
    let children = view! {
        <header><h2 id=label.clone()>{title}</h2><a class="btn icon ghost small push" aria-label="Close" href=closed_path()>{icon("x")}</a></header>
        {children()}
    };
    frame(id, "dlg", label, children.drawn())
}

/// The element itself: open when its address says so. For dialogs with a look of their own.
pub fn frame(id: String, class: &'static str, label: String, children: Html) -> Html {
    let node = NodeRef::<html::Dialog>::new();
    let query = use_query_map();
    let is_open = {
        let id = id.clone();
        Memo::new(move |_| query.read().get_str(PARAM) == Some(&id))
    };
    let navigate = use_navigate();
    let closed = closed_path();
    // Esc, too, goes through the address.
    let on_close = move |_| {
        // Closing it to open it anew as a modal one fires late, when it is open again.
        if is_open.get_untracked() && !node.get_untracked().is_some_and(|dialog| dialog.open()) {
            navigate(&closed.get_untracked(), NavigateOptions { replace: true, scroll: false, ..Default::default() });
        }
    };
    #[cfg(feature = "hydrate")]
    let again = RwSignal::new(());
    #[cfg(feature = "hydrate")]
    Effect::new(move || {
        again.track();
        let Some(dialog) = node.get() else { return };
        // Below a suspense it is made before it is put into the page, and only what is in the page can be made modal.
        if !dialog.is_connected() {
            request_animation_frame(move || {
                // None: the page has moved on.
                let _ = again.try_set(());
            });
            return;
        }
        if is_open.get() {
            // As rendered by the server it is open but not modal, and an open dialog cannot be made modal. Closing it would say that somebody closed it.
            if dialog.open() && !dialog.matches(":modal").unwrap_or(false) {
                let _ = dialog.remove_attribute("open");
            }
            if !dialog.open() {
                let _ = dialog.show_modal();
            }
        } else if dialog.open() {
            dialog.close();
        }
    });
    // The attribute is the server's alone: in the browser the element keeps it itself.
    let open = is_open.get_untracked();
    view! { <dialog class=class id=id aria-labelledby=label open=open node_ref=node on:close=on_close>{children}</dialog> }
}

/// The address of this page with the dialog open.
pub fn dialog_path(id: &str) -> Signal<String> {
    let id = id.to_owned();
    here(move |rest| format!("{rest}{}{PARAM}={id}", if rest.is_empty() { "?" } else { "&" }))
}

/// The address of this page with no dialog open.
pub fn closed_path() -> Signal<String> {
    here(ToOwned::to_owned)
}

/// Path and query of this page without a dialog; `finish` gets the query with its `?`, or nothing.
fn here(finish: impl Fn(&str) -> String + Send + Sync + 'static) -> Signal<String> {
    let place = use_location();
    Signal::derive(move || {
        let search = place.search.get();
        let kept: Vec<&str> = search.trim_start_matches('?').split('&').filter(|p| !p.is_empty() && !p.starts_with("dialog=")).collect();
        let rest = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        format!("{}{}", place.pathname.get(), finish(&rest))
    })
}
