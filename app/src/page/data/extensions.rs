//! The extensions of one database, as switches. Which database is in the address.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::{
        databases::SetExtensions,
        post::{Post, post_form},
    },
    component::{basic, form_errors, submit},
    frame::may,
    page::{actions::seen, collision::collision},
};
use domain::{Action, Cluster, DatabaseName};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::hooks::use_query_map;

/// The card.
pub fn card(cluster: Signal<Cluster>, offered: StoredValue<Vec<String>>) -> Html {
    let query = use_query_map();
    let chosen = Memo::new(move |_| {
        let asked = query.read().get("ext");
        let databases = &cluster.read().spec.databases;
        databases.keys().find(|name| asked.as_deref() == Some(name.as_str())).or_else(|| databases.keys().next()).cloned()
    });
    let names = Memo::new(move |_| cluster.read().spec.databases.keys().cloned().collect::<Vec<_>>());
    let tabs = move || {
        let all = names.get().into_iter().map(|name| {
            let current = (chosen.read().as_ref() == Some(&name)).then_some("true");
            view! { <a href=format!("?ext={name}#extensions") aria-current=current>{name.to_string()}</a> }
        });
        (names.read().len() > 1).then(|| view! { <div class="seg" role="group" aria-label="Database">{all.drawn_all()}</div> })
    };
    let body = move || match chosen.get() {
        None => view! { <p class="body muted">"Extensions are chosen for each database. There is none yet."</p> },
        Some(name) => form(cluster, offered, &name),
    };
    basic::card("extensions", "Extensions", tabs, body)
}

fn form(cluster: Signal<Cluster>, offered: StoredValue<Vec<String>>, name: &DatabaseName) -> Html {
    let now = cluster.read_untracked().spec.databases.get(name).map(|database| database.extensions.clone()).unwrap_or_default();
    let mut all = offered.get_value();
    all.extend(now.iter().map(ToString::to_string).filter(|extension| !all.contains(extension)).collect::<Vec<_>>());
    let post = Post::only(SetExtensions::PATH, "database", name.as_str());
    let is_on = |extension: &str| match post.form.all_typed() {
        Some(_) => post.form.typed(&format!("extensions[{extension}]")).is_some_and(|typed| !typed.is_empty()),
        None => now.iter().any(|on| on.as_str() == extension),
    };
    if !may(Action::Operate) {
        let tags = now.iter().map(|extension| view! { <span class="tag">{extension.to_string()}</span> }).drawn_all();
        return view! { <div class="body row" style="--gap:.25rem">{tags}</div> };
    }
    let boxes = boxes(&all, &is_on);
    let mut hidden = seen(cluster, post);
    hidden.push(("database", Signal::stored(name.to_string())));
    let inner = view! {
        <div class="body stack" style="--gap:.4rem;max-block-size:26rem;overflow-y:auto" tabindex="0" role="group" aria-label=format!("Extensions of {name}")>{boxes}</div>
        <div class="body stack" style="--gap:var(--s2);border-block-start:var(--b)">
            <p class="hint">"Switched on, it is created in the database. Switched off, it stays where it is used: nothing is dropped."</p>
            {collision(post.form)}{form_errors(post.form, &[])}
            {submit(post.form, "btn", "check", "Save extensions")}
        </div>
    };
    post_form(post, "", hidden, inner.drawn())
}

/// A box for each extension.
pub fn boxes(all: &[String], is_on: &dyn Fn(&str) -> bool) -> Html {
    let boxes = all.iter().map(|extension| {
        let (name, checked) = (format!("extensions[{extension}]"), is_on(extension));
        view! { <label class="check"><input type="checkbox" name=name value="true" checked=checked/><span>{extension.clone()}</span></label> }
    });
    boxes.drawn_all().drawn()
}
