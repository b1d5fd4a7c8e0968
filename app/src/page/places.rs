//! Where clusters can be created: each place with how it is, what can be had there, what runs there, and what to do where something is missing.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::{ApiError, clusters::list_clusters, places::get_places},
    component::{
        awaited,
        basic::{card, icon, kv, note, section_error},
        time::ago,
    },
    frame::page_head,
    link::Link,
    live::use_live,
};
use domain::{
    Cluster,
    place::{Finding, Place},
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

mod fleet;

/// All places.
#[component]
pub fn Places() -> impl IntoView {
    let (places, clusters) = fetch();
    view! {
        {page_head("Places", (), view! { <p>"Where clusters can be created, and what can be had there."</p> }, ())}
        {awaited("Loading the places", move || async move {
            match (places.await, clusters.await) {
                (Ok(all), Ok(clusters)) => {
                    let briefs = all.iter().map(|place| brief(place, fleet::here(&place.name, clusters.clone()))).drawn_all();
                    view! { <div class="grid" style="--min:22rem">{briefs}</div> }
                }
                (Err(error), _) | (_, Err(error)) => section_error("The places", &error.0),
            }
        })}
    }
}

/// One place.
#[component]
pub fn OnePlace() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.read().get("name").unwrap_or_default());
    let (places, clusters) = fetch();
    awaited("Loading the place", move || async move {
        match (places.await, clusters.await) {
            (Ok(all), Ok(clusters)) => match all.iter().find(|place| place.name.as_str() == name.get()) {
                Some(place) => whole(place, fleet::here(&place.name, clusters)),
                None => super::not_found(),
            },
            (Err(error), _) | (_, Err(error)) => view! { {page_head(name.get_untracked(), (), (), ())}{section_error("The place", &error.0)} },
        }
    })
}

type Fetched<T> = Resource<Result<Vec<T>, ApiError>>;

/// The places, and what runs there.
fn fetch() -> (Fetched<Place>, Fetched<Cluster>) {
    let places = Resource::new(|| (), |()| get_places());
    let clusters = Resource::new(|| (), |()| list_clusters());
    use_live().retry_when_back(places);
    use_live().retry_when_back(clusters);
    (places, clusters)
}

/// How a place is, in a word.
pub fn state(place: &Place) -> Html {
    let serious = place.report.findings.iter().any(|finding| finding.serious);
    let (tone, word) = match &place.report.reachable {
        Err(_) => ("bad", "Cannot be reached"),
        Ok(()) if serious => ("bad", "Something is missing"),
        Ok(()) if !place.report.findings.is_empty() => ("warn", "Ready, with less"),
        Ok(()) => ("ok", "Ready"),
    };
    view! { <span class="st" data-s=tone>{icon(tone)}{word}</span> }
}

/// The majors on offer, in words.
pub fn versions(place: &Place) -> String {
    let all: Vec<_> = place.offer.releases.iter().map(|release| release.major.number().to_string()).collect();
    if all.is_empty() { "no version yet".into() } else { all.join(", ") }
}

fn brief(place: &Place, clusters: Signal<Vec<Cluster>>) -> Html {
    let unwell = move || {
        let n = clusters.read().iter().filter(|cluster| fleet::is_unwell(cluster)).count();
        (n > 0).then(|| view! { <span class="st" data-s="warn">{icon("warn")}{format!("{n} to look at")}</span> })
    };
    let rows = kv(
        "body kv",
        vec![
            ("Engine", engine(place).drawn()),
            ("PostgreSQL", versions(place).drawn()),
            ("Clusters", view! { <span class="row" style="--gap:.6rem">{move || clusters.read().len()}{unwell}</span> }),
        ],
    );
    let why = place.report.reachable.as_ref().err().map(|why| note("bad", view! { {why.clone()} }));
    let open = Link::Place(place.name.clone()).path();
    view! {
        <section class="card" aria-labelledby=format!("p-{}", place.name)>
            <header><h2 id=format!("p-{}", place.name)><a href=open>{place.name.to_string()}</a></h2><span class="muted sm">{place.region.clone()}</span><span class="push">{state(place)}</span></header>
            {why.map(|why| view! { <div class="body">{why}</div> })}
            {rows}
        </section>
    }
}

/// What works there, for people.
pub fn engine(place: &Place) -> String {
    match place.report.engine.as_str() {
        "" => "not known yet".into(),
        "local" => "PostgreSQL on the portal's machine".into(),
        other => other.to_owned(),
    }
}

fn whole(place: &Place, clusters: Signal<Vec<Cluster>>) -> Html {
    let create = format!("{}?place={}", Link::Create.path(), place.name);
    let action = view! { <a class="btn primary" href=create>{icon("plus")}"Create cluster here"</a> };
    let below = view! { <p class="row sm" style="--gap:.2rem .9rem"><span>{engine(place)}</span><span>{place.region.clone()}</span></p> };
    view! {
        {page_head(place.name.to_string(), state(place), below, action)}
        <div class="split" style="--rail:23.5rem">
            <div class="stack">{findings(place)}{fleet::health(clusters)}{fleet::unwell(clusters)}</div>
            <div class="stack">{offer(place)}{fleet::capacity(clusters)}{facts(place)}</div>
        </div>
    }
}

fn findings(place: &Place) -> Html {
    let why = place.report.reachable.as_ref().err().map(|why| note("bad", view! { <b>"This place does not answer. "</b>{why.clone()}<p class="muted">"Its clusters go on running; what is wished for is applied as soon as it answers again."</p> }));
    let all = place.report.findings.iter().map(|Finding { serious, message, remedy }| {
        note(if *serious { "bad" } else { "warn" }, view! { {message.clone()}<p class="muted">{remedy.clone()}</p> })
    });
    let all = all.drawn_all();
    if why.is_none() && place.report.findings.is_empty() {
        ().drawn()
    } else {
        view! { <div class="stack" style="--gap:var(--s2)">{why}{all}</div> }
    }
}

fn offer(place: &Place) -> Html {
    let offer = &place.offer;
    let yes = |word: bool| if word { "yes".to_owned() } else { "no".to_owned() };
    let or = |result: &Result<(), String>| result.as_ref().err().cloned().unwrap_or_else(|| "yes".to_owned());
    let classes = if offer.storage_classes.is_empty() { "the default".to_owned() } else { offer.storage_classes.join(", ") };
    let remarks = offer.remarks.iter().map(|remark| view! { <li>{remark.clone()}</li> }).drawn_all();
    let remarks = (!offer.remarks.is_empty()).then(|| view! { <ul class="body sm" style="list-style:disc;padding-inline-start:2rem">{remarks}</ul> });
    let rows = kv(
        "body kv",
        vec![
            ("PostgreSQL", versions(place).drawn()),
            ("Instances", format!("1 to {}", offer.max_instances).drawn()),
            ("Storage classes", classes.drawn()),
            ("Switch primary", yes(offer.switchover).drawn()),
            ("Pause", yes(offer.pause).drawn()),
            ("Restart", yes(offer.restart).drawn()),
            ("From outside", or(&offer.external).drawn()),
            ("Limits", or(&offer.limits).drawn()),
        ],
    );
    card("offer", "What can be had", (), view! { {rows}{remarks} })
}

fn facts(place: &Place) -> Html {
    let checked = place.report.checked_at.map(|at| view! { <p class="body sm muted">"Looked at "{ago(at)}</p> });
    let rows = place.report.facts.iter().map(|(name, value)| view! { <dt>{name.clone()}</dt><dd>{value.clone()}</dd> }).drawn_all();
    card("facts", "Facts", (), view! { <dl class="body kv">{rows}</dl>{checked} })
}
