//! The frame around every page: document, routes, sidebar, top bar, banner, palette.

use crate::view::{Drawn, Html, view};
use crate::{
    api::boot::Boot,
    component::{icon, note},
    link::{self, Link},
    live::{Live, use_live},
    page,
};
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Outlet, ParentRoute, Redirect, Route, Router, Routes},
    hooks::use_location,
};

mod keys;
mod palette;
#[cfg(feature = "ssr")]
pub mod shell;
mod side;
mod top;

/// The whole product.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let boot = SharedValue::new(Boot::here).into_inner();
    let live = Live::new(&boot);
    provide_context(live);
    provide_context(boot.returned.clone());
    provide_context(boot.clone());
    if boot.actor.is_some() {
        Effect::new(move || live.start());
    }
    // Every page is rendered whole: it must be complete for a browser that runs no script.
    leptos::view! {
        <Title formatter=|page: String| if page.is_empty() { "Howdah".into() } else { format!("{page} · Howdah") }/>
        <Router>
            <Routes fallback=|| framed(page::not_found())>
                <Route path=link::SIGN_IN view=page::sign_in::SignIn ssr=SsrMode::Async/>
                <ParentRoute path=link::ROOT view=Frame ssr=SsrMode::Async>
                    <Route path=link::ROOT view=page::clusters::Clusters/>
                    <Route path=link::CLUSTERS view=page::clusters::Clusters/>
                    <Route path=link::PLACES view=page::places::Places/>
                    <Route path=(link::PLACES, link::NAME) view=page::places::OnePlace/>
                    <Route path=(link::CLUSTERS, link::NEW) view=page::create::Create/>
                    <ParentRoute path=(link::CLUSTERS, link::NAME) view=page::cluster::ClusterPages>
                        <Route path=link::ROOT view=page::cluster::First/>
                        <Route path=link::DATA view=page::data::Data/>
                        <Route path=link::YAML view=page::yaml::Yaml/>
                        <Route path=link::SETTINGS view=page::settings::Settings/>
                    </ParentRoute>
                </ParentRoute>
            </Routes>
        </Router>
    }
}

/// The frame around the page of the current address.
#[component]
fn Frame() -> impl IntoView {
    framed(view! { <Outlet/> })
}

fn framed(page: Html) -> Html {
    let boot = use_boot();
    let place = use_location();
    if boot.actor.is_none() && boot.reachable {
        let back = place.pathname.get_untracked();
        let target = if back == "/" { Link::SignIn.path() } else { format!("{}?next={back}", Link::SignIn.path()) };
        return view! { <Redirect path=target/> };
    }
    let live = use_live();
    keys::listen();
    let banner = move || {
        (!live.reachable().get()).then(|| {
            note("warn", view! { <b>"The portal cannot reach its own database."</b>" Your clusters go on running. Changes wait until it is back; this page follows by itself." })
        })
    };
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        <div class="app">
            {side::sidebar(&boot)}
            {top::bar(&boot)}
            <main class="main" id="main" tabindex="-1">
                <div role="status" style="margin-block-end:var(--s3)" hidden=move || live.reachable().get()>{banner}</div>
                {page}
            </main>
        </div>
        {palette::palette()}
        {keys::help()}
        <div class="sr" role="status">{move || live.announcement().get()}</div>
    }
}

/// What the server knew when it rendered the page.
pub fn use_boot() -> Boot {
    use_context().unwrap_or_else(Boot::here)
}

/// Whether whoever is signed in may do it.
pub fn may(action: domain::Action) -> bool {
    use_boot().actor.is_some_and(|actor| domain::access::may(actor.role, action))
}

/// Title of the page, heading, what is below it, and the actions at its right.
pub fn page_head(title: impl Into<String>, beside: impl Drawn, below: impl Drawn, actions: impl Drawn) -> Html {
    let title = title.into();
    view! {
        <Title text=title.clone()/>
        <header class="page-head">
            <div class="stack" style="--gap:.35rem">
                <div class="row" style="--gap:.65rem"><h1>{title}</h1>{beside}</div>
                {below}
            </div>
            <div class="row">{actions}</div>
        </header>
    }
}

/// A link that looks like an action.
pub fn link_button(class: &'static str, to: &Link, symbol: &'static str, label: &'static str) -> Html {
    view! { <a class=class href=to.path()>{icon(symbol)}{label}</a> }
}
