//! A cluster at a glance: topology with live lag, how to connect, health with its reasons, what happened, what it is made of.

use crate::view::{Html, view};
use crate::{
    api::{
        cluster::{SHOWN, get_events},
        places::get_access,
    },
    component::{
        awaited,
        basic::{card, icon, menu},
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
        cluster::{use_beside, use_cluster, use_history},
    },
};
use domain::{Action, Cluster, place::Access, spec::Power, vitals::Vitals};
use leptos::{prelude::*, task::spawn_local};

mod figures;

/// The page.
#[component]
pub fn Overview() -> impl IntoView {
    let cluster = use_cluster();
    let id = cluster.read_untracked().id;
    // Where one authority is for all clusters there is nothing to know beyond the addresses.
    let apart = use_beside().1.ca.is_none();
    let access = Resource::new(move || id, move |id| async move { if apart { Some(get_access(id).await.unwrap_or_default()) } else { None } });
    view! {
        {top(header_actions(cluster))}
        {awaited("Loading the addresses", move || async move { body(cluster, access.await) })}
    }
}

fn header_actions(cluster: Signal<Cluster>) -> Html {
    let name = cluster.read_untracked().name.clone();
    let (yaml, size) = (Link::Yaml(name.clone()).path(), format!("{}#size", Link::Settings(name).path()));
    let is_off = Memo::new(move |_| cluster.read().spec.power == Power::Off);
    let first = move || match is_off.get() && may(Action::Operate) {
        true => view! { <a class="btn primary" href=dialog_path("resume")>{icon("play")}"Resume"</a> },
        false => view! { <a class="btn primary" href="#connect" rel="external">{icon("link")}"Connect"</a> },
    };
    let scale = may(Action::Configure).then(|| view! { <a class="btn" href=size>{icon("scale")}"Scale"</a> });
    let more = may(Action::Operate).then(|| menu("more".into(), "More actions".into(), "btn icon", actions::items(cluster)));
    view! { <a class="btn wide" href=yaml>{icon("yaml")}"YAML"</a>{scale}{first}{more} }
}

fn body(cluster: Signal<Cluster>, access: Option<Access>) -> Html {
    let (first, offer) = use_beside();
    let vitals = vitals(cluster, first);
    let picture = Memo::new(move |_| picture(&cluster.read(), vitals.read().as_ref()));
    let rows = Memo::new(move |_| rows::rows(&cluster.read(), vitals.read().as_ref()));
    view! {
        <div class="split" style="--rail:23.5rem">
            <div class="stack">{topology(picture, old(vitals))}{figures::now(cluster, vitals)}{events(cluster)}</div>
            <div class="stack">{connect(cluster, access)}{health(rows)}{figures::details(cluster)}</div>
        </div>
        {actions::dialogs(cluster, vitals, &offer)}
    }
}

/// The events as first fetched, and anew whenever the cluster changes: whatever changes it leaves one.
fn events(cluster: Signal<Cluster>) -> Html {
    let id = cluster.read_untracked().id;
    let events = RwSignal::new(use_history());
    Effect::new(move |seen: Option<u64>| {
        let revision = cluster.read().revision;
        if seen.is_some_and(|seen| seen != revision) {
            spawn_local(async move {
                // What failed is tried again with the next change; until then the older events stay.
                if let Ok(newer) = get_events(id, SHOWN).await {
                    let _ = events.try_set(newer);
                }
            });
        }
        revision
    });
    card("events", "Recent events", (), move || feed(&events.read()))
}

/// Whether there is anything to measure.
pub(super) fn is_measured(cluster: &Cluster, vitals: Option<&Vitals>) -> bool {
    cluster.spec.power == Power::On && vitals.is_some()
}
