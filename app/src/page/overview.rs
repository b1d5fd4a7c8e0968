//! A cluster at a glance: topology with live lag, how to connect, health with its reasons, what happened, what it is made of.

use crate::view::Drawn;
use crate::{
    api::cluster::{Sight, get_events, get_sight},
    component::{
        basic::{card, icon, menu, section_error},
        connect::connect,
        dialog_path,
        events::feed,
        health::{health, rows},
        topology::{model::picture, topology},
    },
    frame::may,
    link::Link,
    page::{
        actions::{self, old, top, vitals},
        cluster::use_cluster,
    },
};
use domain::{Action, Cluster, spec::Power, vitals::Vitals};
use leptos::prelude::*;

mod figures;

/// The page.
#[component]
pub fn Overview() -> impl IntoView {
    let cluster = use_cluster();
    let id = cluster.read_untracked().id;
    let sight = Resource::new(move || id, get_sight);
    view! {
        {top(header_actions(cluster))}
        <Suspense fallback=|| view! { <p class="muted" role="status" aria-busy="true">"Loading the measurements"</p> }>
            // Without its measurements the page shows everything else.
            {move || Suspend::new(async move { body(cluster, sight.await.ok()) })}
        </Suspense>
    }
}

fn header_actions(cluster: Signal<Cluster>) -> AnyView {
    let name = cluster.read_untracked().name.clone();
    let (yaml, size) = (Link::Yaml(name.clone()).path(), format!("{}#size", Link::Settings(name).path()));
    let is_off = Memo::new(move |_| cluster.read().spec.power == Power::Off);
    let first = move || match is_off.get() && may(Action::Operate) {
        true => view! { <a class="btn primary" href=dialog_path("resume")>{icon("play")}"Resume"</a> }.drawn(),
        false => view! { <a class="btn primary" href="#connect" rel="external">{icon("link")}"Connect"</a> }.drawn(),
    };
    let scale = may(Action::Configure).then(|| view! { <a class="btn" href=size>{icon("scale")}"Scale"</a> });
    let more = may(Action::Operate).then(|| menu("more".into(), "More actions".into(), "btn icon", actions::items(cluster)));
    view! { <a class="btn wide" href=yaml>{icon("yaml")}"YAML"</a>{scale}{first}{more} }.drawn()
}

fn body(cluster: Signal<Cluster>, sight: Option<Sight>) -> AnyView {
    let (first, offer) = sight.map_or((None, None), |sight| (sight.vitals, Some(sight.offer)));
    let vitals = vitals(cluster, first);
    let picture = Memo::new(move |_| picture(&cluster.read(), vitals.read().as_ref()));
    let rows = Memo::new(move |_| rows::rows(&cluster.read(), vitals.read().as_ref()));
    view! {
        <div class="split" style="--rail:23.5rem">
            <div class="stack">{topology(picture, old(vitals))}{figures::now(cluster, vitals)}{events(cluster)}</div>
            <div class="stack">{connect(cluster)}{health(rows)}{figures::details(cluster)}</div>
        </div>
        {actions::dialogs(cluster, vitals, offer)}
    }
    .drawn()
}

/// Follows the cluster: whatever changes it leaves an event.
fn events(cluster: Signal<Cluster>) -> AnyView {
    let key = Memo::new(move |_| (cluster.read().id, cluster.read().revision));
    let events = Resource::new(move || key.get(), |(id, _)| get_events(id, 8));
    let body = view! {
        <Transition fallback=|| view! { <p class="body muted" role="status" aria-busy="true">"Loading the events"</p> }>
            {move || Suspend::new(async move {
                match events.await {
                    Ok(events) => feed(&events),
                    Err(error) => section_error("The events", &error.0),
                }
            })}
        </Transition>
    };
    card("events", "Recent events", (), body)
}

/// Whether there is anything to measure.
pub(super) fn is_measured(cluster: &Cluster, vitals: Option<&Vitals>) -> bool {
    cluster.spec.power == Power::On && vitals.is_some()
}
