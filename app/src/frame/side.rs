//! The sidebar: clusters, the pages of the cluster at hand, who is signed in. A drawer on small screens, opened without script.

use crate::view::{DrawnAll, Html, view};
use crate::{
    api::boot::Boot,
    component::{dialog_path, icon, look},
    link::{self, Link},
    live::use_clusters,
};
use domain::ClusterName;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// The sidebar.
pub fn sidebar(boot: &Boot) -> Html {
    let path = use_location().pathname;
    let here = Memo::new(move |_| Link::at(&path.read()));
    let clusters = use_clusters();
    let count = move || clusters.read().as_ref().map(|all| view! { <span class="count push">{all.len()}</span> });
    let cluster = Memo::new(move |_| here.read().as_ref().and_then(Link::cluster).cloned());
    let pages = move || cluster.get().map(|name| cluster_pages(name, here));
    view! {
        <nav class="side" id="nav" popover aria-label="Main">
            <a class="brand" href=Link::Clusters.path()>{icon("logo")}"Howdah"</a>
            <section>
                <ul>
                    <li><a href=Link::Clusters.path() aria-current=move || current(here, &Link::Clusters)>{icon("db")}"Clusters"{count}</a></li>
                    <li><a href=Link::Places.path() aria-current=move || current(here, &Link::Places)>{icon(Link::Places.icon())}"Places"</a></li>
                </ul>
            </section>
            {pages}
            {me(boot)}
        </nav>
    }
}

fn current(here: Memo<Option<Link>>, page: &Link) -> Option<&'static str> {
    (here.read().as_ref() == Some(page)).then_some("page")
}

fn cluster_pages(name: ClusterName, here: Memo<Option<Link>>) -> Html {
    let clusters = use_clusters();
    let seen = {
        let name = name.clone();
        Memo::new(move |_| clusters.read().as_ref().and_then(|all| all.iter().find(|c| c.name == name).map(look)))
    };
    let items = Link::tabs(&name).into_iter().map(|page| {
        let (href, symbol, label) = (page.path(), page.icon(), page.label());
        view! { <li><a href=href aria-current=move || current(here, &page)>{icon(symbol)}{label}</a></li> }
    });
    let state = move || seen.get().map(|(state, ..)| state);
    let symbol = move || seen.get().map_or_else(|| icon("db"), |(_, symbol, word)| view! { {icon(symbol)}<span class="sr">{word}" "</span> });
    view! {
        <section aria-labelledby="nav-c">
            <h2 id="nav-c" class="st" data-s=state style="max-inline-size:100%">{symbol}<span class="trunc" title=name.to_string()>{name.to_string()}</span></h2>
            <ul>{items.drawn_all()}</ul>
        </section>
    }
}

fn me(boot: &Boot) -> Html {
    let Some(actor) = boot.actor.clone() else { return view! { <div></div> } };
    let initials: String = actor.name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    view! {
        <div>
            <button class="btn ghost block" type="button" style="padding-inline:.5rem" popovertarget="me">
                <span class="avatar" aria-hidden="true">{initials}</span>
                <span class="trunc" title=actor.name.clone()>{actor.name.clone()}</span>
                <span class="push"></span>
                {icon("updown")}
            </button>
            <div class="menu start" popover id="me">
                <p class="hint" style="padding:.25rem .5rem">"Role: "{actor.role.name()}</p>
                <a href=dialog_path("keys")>{icon("help")}"Keyboard shortcuts"<kbd class="push">"?"</kbd></a>
                <hr/>
                <form method="post" action=link::SIGN_OUT_POST><button type="submit">{icon("out")}"Sign out"</button></form>
            </div>
        </div>
    }
}
