//! Users and databases of a cluster: who may do what, and what became of each.

use crate::view::{Html, view};
use crate::{
    component::{dialog_path, icon, refused},
    frame::may,
    page::{
        actions::top,
        cluster::{use_beside, use_cluster},
    },
};
use domain::{Action, Cluster, offer::Offer, status::Item};
use leptos::prelude::*;

mod databases;
mod extensions;
mod matrix;
mod once;
mod users;

/// The page.
#[component]
pub fn Data() -> impl IntoView {
    let cluster = use_cluster();
    let taken = once::taken(cluster);
    let actions = may(Action::Operate).then(|| {
        view! {
            <a class="btn" href=dialog_path("add-user")>{icon("user")}"Create user"</a>
            <a class="btn primary" href=dialog_path("add-database")>{icon("plus")}"Create database"</a>
        }
    });
    let look_only =
        (!may(Action::Operate)).then(|| view! { <div style="margin-block-end:var(--s4)">{refused("Changing users and databases", Action::Operate)}</div> });
    view! {
        {top(actions)}
        {look_only}
        {body(cluster)}
        {once::dialog(cluster, taken)}
    }
}

fn body(cluster: Signal<Cluster>) -> Html {
    let (_, offer) = use_beside();
    let names = offered(&cluster.read_untracked(), &offer);
    let names = StoredValue::new(names);
    view! {
        <div class="split" style="--rail:22rem">
            <div class="stack">{databases::table(cluster)}{users::table(cluster)}{matrix::matrix(cluster)}</div>
            <div class="stack">{extensions::card(cluster, names)}</div>
        </div>
        {databases::dialogs(cluster, names)}
        {users::dialogs(cluster)}
    }
}

/// Extensions that the cluster's version can have, by name.
fn offered(cluster: &Cluster, offer: &Offer) -> Vec<String> {
    offer.releases.iter().find(|release| release.major == cluster.spec.version).map(|release| release.extensions.to_vec()).unwrap_or_default()
}

/// What became of a user or database: state and reason.
fn item(cluster: &Cluster, item: Option<&Item>, wanted: u32) -> Html {
    let off = cluster.spec.power == domain::spec::Power::Off;
    let said = |state: &'static str, symbol: &'static str, word: &'static str| crate::component::status(state, symbol, word);
    match item {
        None | Some(Item::New) if off => said("idle", "pause", "When resumed"),
        None | Some(Item::New) => said("busy", "busy", "New"),
        Some(Item::Active { password_version }) if *password_version < wanted => said("busy", "busy", "Setting the new password"),
        Some(Item::Active { .. }) => said("ok", "ok", "Active"),
        Some(Item::Error(why)) => view! { <div>{said("bad", "bad", "Error")}<p class="xs muted" style="white-space:normal">{why.clone()}</p></div> },
    }
}

/// The mark of what the portal did not make.
fn by_hand() -> Html {
    view! { <span class="tag" title="Not made by this portal: it is never changed or dropped here.">"made by hand"</span> }
}
