//! A new cluster: as a form with its resource beside it, or as the resource itself.

use crate::view::{Drawn, Html, view};
use crate::{
    api::{
        clusters::{CreateCluster, ImportCluster},
        places::get_places,
        post::{Post, post_form},
    },
    component::{Area, awaited, form_errors, refused, section_error, submit},
    frame::{may, page_head},
    link::Link,
    live::use_live,
};
use domain::{Action, Error, PlaceName, manifest::print_in, place::Place};
use draft::Draft;
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::hooks::use_query_map;

pub mod draft;
mod inputs;
mod place;
mod summary;

/// The page. `mode=yaml` in the query shows the resource as a whole; `instances` and others fill the form in.
#[component]
pub fn Create() -> impl IntoView {
    let places = Resource::new(|| (), |()| get_places());
    use_live().retry_when_back(places);
    view! {
        {page_head("Create cluster", (), view! { <p>"Everything here can change later, except the name, the version, and storage, which only grows."</p> }, modes())}
        {awaited("Loading what can be had here", move || async move {
                match places.await {
                    Ok(places) => both(places),
                    Err(error) => section_error("What can be had here", &error.0),
                }
            })}
    }
}

fn is_yaml() -> Memo<bool> {
    let query = use_query_map();
    Memo::new(move |_| query.read().get_str("mode") == Some("yaml"))
}

fn modes() -> Html {
    let yaml = is_yaml();
    let path = Link::Create.path();
    view! {
        <nav class="seg" aria-label="How to describe it">
            <a href=path.clone() aria-current=move || (!yaml.get()).then_some("page")>"Form"</a>
            <a href=format!("{path}?mode=yaml") aria-current=move || yaml.get().then_some("page")>"YAML"</a>
        </nav>
    }
}

fn both(places: Vec<Place>) -> Html {
    let (create, import) = (Post::to(CreateCluster::PATH), Post::to(ImportCluster::PATH));
    let form = create.form;
    let query = use_query_map();
    let chosen = chosen(&places);
    let start = {
        let mut start = Draft::read(|name| form.typed(name).or_else(|| query.read_untracked().get(name)));
        if form.all_typed().is_none() {
            start.id = draft::fresh_id().to_string();
        }
        start
    };
    let draft = RwSignal::new(start);
    let places = StoredValue::new(places);
    let at = Memo::new(move |_| {
        let wanted = query.read().get("place").or_else(|| form.typed("place"));
        places.with_value(|all| wanted.and_then(|name| all.iter().position(|place| place.name.as_str() == name)).unwrap_or(chosen))
    });
    let place = move || places.with_value(|all| all.get(at.get()).cloned());
    let yaml = is_yaml();
    let allowed = may(Action::Create);
    let viewer = (!allowed).then(|| refused("Creating a cluster", Action::Create));
    let body = move || {
        if yaml.get() {
            document(import, draft)
        } else {
            let Some(place) = place() else { return section_error("What can be had here", &Error::Unavailable) };
            if place.offer.releases.is_empty() {
                // Nothing can be chosen where nothing is known; another place may be.
                return places.with_value(|all| self::place::choose(all, &place.name));
            }
            let several = places.with_value(|all| (all.len() > 1).then(|| self::place::choose(all, &place.name)));
            let inputs = view! { <div class="split" style="--rail:21.5rem"><div class="stack">{several}{inputs::all(form, draft, &place)}</div>{summary::rail(form, draft)}</div> };
            post_form(create, "", Vec::new(), inputs.drawn())
        }
    };
    view! { <div class="stack">{viewer}<fieldset disabled=!allowed>{body}</fieldset></div> }
}

/// Which place is meant when none is named: `local`, else the first.
fn chosen(places: &[Place]) -> usize {
    places.iter().position(|place| place.name == PlaceName::local()).unwrap_or_default()
}

/// The resource as a whole, to be edited or pasted.
fn document(post: Post, draft: RwSignal<Draft>) -> Html {
    let form = post.form;
    let start = draft.with_untracked(document_of);
    let inputs = view! {
        <section class="card" aria-labelledby="yaml-t">
            <header><h2 id="yaml-t">"The Postgres resource"</h2><p>"YAML or JSON, as "<code>"howdah apply"</code>" and kubectl take it. Passwords in it are stored as SCRAM verifiers only."</p></header>
            <div class="body stack">
                <Area form name="text" label="Document" value=start rows=26/>
                {form_errors(form, &[])}
                <div class="row">{submit(form, "btn primary", "plus", "Create cluster")}</div>
            </div>
        </section>
    };
    post_form(post, "", Vec::new(), inputs.drawn())
}

/// The resource that a draft describes.
fn document_of(draft: &Draft) -> String {
    let name = if draft.name.trim().is_empty() { "my-cluster" } else { draft.name.trim() };
    let (mut spec, _) = draft.wish();
    // A title equal to the name is not written down.
    if let Ok(title) = name.to_owned().try_into() {
        spec.title = title;
    }
    print_in(draft.place.parse().ok().as_ref(), name, &spec)
}
