//! Settings of a cluster: size and scale, parameters, network, primary and power, end. Drafts are in the address, so they can be reviewed without script.

use crate::view::Drawn;
use crate::{
    api::cluster::{Sight, get_sight},
    component::{icon, refused},
    frame::{link_button, may},
    link::Link,
    page::{
        actions::{self, top, vitals},
        cluster::use_cluster,
    },
};
use domain::{Action, Cluster};
use leptos::prelude::*;

mod network;
mod parameters;
mod power;
mod review;
mod shape;

pub use review::costs;

/// The page.
#[component]
pub fn Settings() -> impl IntoView {
    let cluster = use_cluster();
    let (id, name) = { (cluster.read_untracked().id, cluster.read_untracked().name.clone()) };
    let sight = Resource::new(move || id, get_sight);
    let look_only = (!may(Action::Configure))
        .then(|| view! { <div style="margin-block-end:var(--s4)">{refused("Changing what a cluster costs or holds", Action::Configure)}</div> });
    view! {
        {top(link_button("btn", &Link::Yaml(name), "yaml", "YAML"))}
        <nav class="tabs" aria-label="Settings sections">
            <a href="#size" rel="external">"Size and scale"</a>
            <a href="#parameters" rel="external">"Parameters"</a>
            <a href="#network" rel="external">"Network"</a>
            <a href="#power" rel="external">"Primary and power"</a>
            <a href="#danger" rel="external">"Danger zone"</a>
        </nav>
        {look_only}
        <Suspense fallback=|| view! { <p class="muted" role="status" aria-busy="true">"Loading what is offered"</p> }>
            {move || Suspend::new(async move { body(cluster, sight.await.ok()) })}
        </Suspense>
    }
    .drawn()
}

fn body(cluster: Signal<Cluster>, sight: Option<Sight>) -> AnyView {
    let (first, offer) = sight.map_or((None, None), |sight| (sight.vitals, Some(sight.offer)));
    let vitals = vitals(cluster, first);
    view! {
        <div class="stack">
            {shape::card(cluster, offer.as_ref())}
            {parameters::card(cluster)}
            <div class="grid" style="--min:24rem">{network::card(cluster, offer.as_ref())}{power::card(cluster, vitals, offer.as_ref())}</div>
            {may(Action::Delete).then(|| power::danger(cluster, offer.as_ref()))}
        </div>
        {actions::dialogs(cluster, vitals, offer)}
    }
    .drawn()
}

/// The button that leads to the review, as far as the reader may use it.
fn review_button() -> AnyView {
    match may(Action::Configure) {
        true => view! { <button class="btn push" type="submit">{icon("eye")}"Review change"</button> }.drawn(),
        false => view! { <span class="push">"Needs the role admin"</span> }.drawn(),
    }
}
