//! The top bar: where one is, how fresh the page is, search, theme.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::boot::{Boot, Theme},
    component::time::span,
    component::{dialog_path, icon},
    link::{self, Link},
    live::{Connection, seconds, use_live},
};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// The top bar.
pub fn bar(boot: &Boot) -> Html {
    view! {
        <header class="top">
            <button class="btn ghost icon menu-btn" type="button" popovertarget="nav" aria-label="Open menu">{icon("menu")}</button>
            <nav aria-label="Breadcrumb" style="min-inline-size:0">{crumbs()}</nav>
            <span class="push"></span>
            {freshness()}
            <a class="search" style="text-decoration:none" href=dialog_path("palette") aria-label="Search or run a command, Ctrl K">
                {icon("search")}<span>"Search or run a command"</span>" "<kbd class="push">"Ctrl K"</kbd>
            </a>
            {theme_button(boot.theme)}
        </header>
    }
}

fn crumbs() -> Html {
    let path = use_location().pathname;
    let all = move || {
        let here = Link::at(&path.read());
        let mut before = Vec::new();
        let first = if matches!(here, Some(Link::Place(_))) { Link::Places } else { Link::Clusters };
        if !matches!(here, Some(Link::Clusters | Link::Places) | None) {
            before.push((first.path(), first.label().to_owned()));
        }
        if let Some(name) = here.as_ref().and_then(Link::cluster) {
            before.push((Link::Overview(name.clone()).path(), name.to_string()));
        }
        let last = here.map_or("Not found", |page| page.label());
        let before = before.into_iter().map(|(href, label)| view! { <li><a href=href>{label}</a></li> }).drawn_all();
        view! { <ol class="crumbs">{before}<li><span aria-current="page">{last}</span></li></ol> }
    };
    all.drawn()
}

/// How old what is on the page may be. Not announced: it changes every second.
fn freshness() -> Html {
    let live = use_live();
    let (connection, heard, now) = (live.connection(), live.heard(), live.now());
    let ink = move || match connection.get() {
        Connection::Idle => Some("idle"),
        Connection::Live => None,
        Connection::Lost { .. } => Some("warn"),
    };
    let text = move || match (connection.get(), heard.get()) {
        (Connection::Idle, _) => "As of page load".to_owned(),
        (Connection::Live, None) => "Live".to_owned(),
        (Connection::Live, Some(at)) => format!("Live, updated {} ago", span(seconds(at, now.get()))),
        (Connection::Lost { since }, _) => format!("Reconnecting, last update {} ago", span(seconds(heard.get().unwrap_or(since), now.get()))),
    };
    view! { <span class="live wide" data-s=ink>{text}</span> }
}

/// As the system, light, dark, and round again.
fn theme_button(theme: Option<Theme>) -> Html {
    let (now, next) = match theme {
        None => ("system", Theme::Light.name()),
        Some(Theme::Light) => ("light", Theme::Dark.name()),
        Some(Theme::Dark) => ("dark", ""),
    };
    let path = use_location().pathname;
    view! {
        <form method="post" action=link::THEME_POST>
            <input type="hidden" name="theme" value=next/>
            <input type="hidden" name="back" value=path/>
            <button class="btn ghost icon theme" type="submit" aria-label=format!("Theme: {now}. Change theme")>{icon("auto")}</button>
        </form>
    }
}
