//! Settings of a cluster: size and scale, parameters, network, primary and power, end. Drafts are in the address, so they can be reviewed without script.

use crate::view::{Html, view};
use crate::{
    component::{icon, refused},
    frame::{link_button, may},
    link::Link,
    page::{
        actions::{self, top, vitals},
        cluster::{use_beside, use_cluster},
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
    let name = cluster.read_untracked().name.clone();
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
        {body(cluster)}
    }
}

fn body(cluster: Signal<Cluster>) -> Html {
    let (first, offer) = use_beside();
    let vitals = vitals(cluster, first);
    view! {
        <div class="stack">
            {shape::card(cluster, &offer)}
            {parameters::card(cluster)}
            <div class="grid" style="--min:24rem">{network::card(cluster, &offer)}{power::card(cluster, vitals, &offer)}</div>
            {may(Action::Delete).then(|| power::danger(cluster, &offer))}
        </div>
        {actions::dialogs(cluster, vitals, &offer)}
    }
}

/// The button that leads to the review, as far as the reader may use it.
fn review_button() -> Html {
    match may(Action::Configure) {
        true => view! { <button class="btn push" type="submit">{icon("eye")}"Review change"</button> },
        false => view! { <span class="push">"Needs the role admin"</span> },
    }
}
