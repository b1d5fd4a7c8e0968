//! Around all pages of one cluster: fetches it once, follows it live, says when it is gone. Pages below take it by [`use_cluster`].

use crate::view::{Drawn, Html, view};
use crate::{
    api::cluster::{Sight, get_sight},
    component::{awaited, cluster_pill, cores, empty, section_error},
    frame::page_head,
    link::Link,
    live::use_live,
    page::{creating, not_found, overview},
};
use domain::{Cluster, Error, Phase, event::Event, offer::Offer, vitals::Vitals};
use leptos::prelude::*;
use leptos_router::{components::Outlet, hooks::use_params_map};

/// What the pages below share.
#[derive(Clone, Copy)]
struct Here {
    /// Always at least as new as when it was fetched.
    cluster: Memo<Cluster>,
    /// As fetched.
    beside: StoredValue<(Option<Vitals>, Offer)>,
    /// As fetched.
    events: StoredValue<Vec<Event>>,
}

/// The cluster that this page is about. Only below [`ClusterPages`].
pub fn use_cluster() -> Signal<Cluster> {
    expect_context::<Here>().cluster.into()
}

/// Its last measurement when the page was fetched, and what can be had here. Only below [`ClusterPages`].
pub fn use_beside() -> (Option<Vitals>, Offer) {
    expect_context::<Here>().beside.get_value()
}

/// Its newest events when the page was fetched. Only below [`ClusterPages`].
pub fn use_history() -> Vec<Event> {
    expect_context::<Here>().events.get_value()
}

/// Fetches the cluster of the address and shows the page below it.
#[component]
pub fn ClusterPages() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.read().get("name").unwrap_or_default());
    let fetched = Resource::new(move || name.get(), get_sight);
    use_live().retry_when_back(fetched);
    awaited("Loading the cluster", move || async move {
        match fetched.await {
            Ok(sight) => below(sight),
            Err(error) if error.0 == Error::NotFound => not_found(),
            Err(error) => view! { {page_head(name.get_untracked(), (), (), ())}{section_error("The cluster", &error.0)} },
        }
    })
}

fn below(sight: Sight) -> Html {
    let Sight { cluster: fetched, events, vitals, offer } = sight;
    let followed = use_live().cluster(fetched.clone());
    // Of a cluster that is gone the last known state stays, so that pages need not care.
    let last = Memo::new(move |before: Option<&Cluster>| followed.get().or_else(|| before.cloned()).unwrap_or_else(|| fetched.clone()));
    provide_context(Here { cluster: last, beside: StoredValue::new((vitals, offer)), events: StoredValue::new(events) });
    let is_gone = Memo::new(move |_| followed.read().is_none());
    (move || {
        if is_gone.get() {
            gone(&last.get_untracked())
        } else {
            view! { <Outlet/> }
        }
    })
    .drawn()
}

fn gone(cluster: &Cluster) -> Html {
    let text = format!("{} and its data were deleted. Its name is free again.", cluster.name);
    let step = view! { <a class="btn primary" href=Link::Clusters.path()>"See all clusters"</a> };
    view! { <section class="card">{empty("This cluster is gone", text, step)}</section> }
}

/// The header of every page of a cluster: name, state, shape, what is not reached yet. Only the actions differ.
pub fn cluster_head(actions: impl Drawn) -> Html {
    let cluster = use_cluster();
    let name = cluster.read_untracked().name.to_string();
    let settling = Memo::new(move |_| cluster.with(|c| c.is_settling() && !matches!(c.status.phase, Phase::New | Phase::Creating)));
    let applying = move || settling.get().then(|| view! { <span class="tag" data-s="busy">"Saved, not reached yet"</span> });
    let pill = move || cluster.with(cluster_pill);
    let shape = move || cluster.with(shape);
    let reason = move || cluster.read().status.reason.as_ref().map(|reason| view! { <p class="sm">{reason.message.clone()}</p> });
    let below = view! { <p class="row sm" style="--gap:.2rem .9rem">{shape}</p>{reason} };
    page_head(name, view! { {pill}{applying} }, below, actions)
}

fn shape(cluster: &Cluster) -> Html {
    let spec = &cluster.spec;
    let instances = match spec.instances {
        1 => format!("{}, 1 instance", spec.topology),
        n => format!("{}, {n} instances (1 primary, {} replica{})", spec.topology, n - 1, if n == 2 { "" } else { "s" }),
    };
    let size = format!("{}, {} and {} each", spec.size.preset, cores(spec.size.cpu()), domain::quantity::human(spec.size.memory().get()));
    view! { <span>{format!("PostgreSQL {}", spec.version.number())}</span><span>{instances}</span><span>{size}</span> }
}

/// The first page of a cluster: while it comes up for the first time, its steps; after that the overview.
#[component]
pub fn First() -> impl IntoView {
    let cluster = use_cluster();
    let is_new = Memo::new(move |_| matches!(cluster.read().status.phase, Phase::New | Phase::Creating));
    (move || {
        if is_new.get() {
            creating::creating()
        } else {
            view! { <overview::Overview/> }
        }
    })
    .drawn()
}
