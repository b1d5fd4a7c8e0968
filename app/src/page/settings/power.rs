//! Which instance is the primary, restart, pause, and the end. Each opens a dialog that says what it costs.

use crate::view::{Html, view};
use crate::{
    component::{basic, dialog_path, icon, topology::model},
    frame::may,
};
use domain::{Action, Cluster, offer::Offer, spec::Power, vitals::Vitals};
use leptos::prelude::*;

/// The card.
pub fn card(cluster: Signal<Cluster>, vitals: Memo<Option<Vitals>>, offer: &Offer) -> Html {
    let (can_pause, can_switch) = (offer.pause, offer.switchover);
    let is_off = Memo::new(move |_| cluster.read().spec.power == Power::Off);
    let replicas = Memo::new(move |_| cluster.read().spec.instances.saturating_sub(1));
    let switch = move || {
        let primary = cluster.read().status.primary().map_or_else(|| "No primary is known.".to_owned(), |primary| format!("{} accepts writes.", primary.name));
        let lag = match model::worst(&cluster.read(), vitals.read().as_ref()) {
            (Some((name, lag)), _) => format!(" {name} is {} behind.", model::seconds(lag.seconds)),
            (None, _) => String::new(),
        };
        let why_not = match (can_switch, replicas.get(), is_off.get()) {
            (false, ..) => Some("This place does not offer it."),
            (_, 0, _) => Some("There is no replica to switch to."),
            (.., true) => Some("The cluster is paused."),
            _ => None,
        };
        row(
            "Primary",
            format!("{primary}{lag} {}", why_not.unwrap_or("Switching pauses writes for about half a second.")),
            why_not.is_none(),
            ("switch", "swap", "Switch primary"),
        )
    };
    let restart = move || {
        let why_not = is_off.get().then_some("The cluster is paused.");
        row(
            "Restart",
            why_not.unwrap_or("Replicas first, one by one, then the primary. Open sessions end.").into(),
            why_not.is_none(),
            ("restart", "rotate", "Restart instances"),
        )
    };
    let pause = move || match is_off.get() {
        true => row("Paused", "No instance runs; the data is kept.".into(), true, ("resume", "play", "Resume cluster")),
        false if can_pause => row("Pause", "Stops every instance and keeps data, users and addresses.".into(), true, ("pause", "pause", "Pause cluster")),
        false => row("Pause", "This place does not offer it.".into(), false, ("pause", "pause", "Pause cluster")),
    };
    basic::card("power", "Primary and power", (), view! { <ul class="list">{switch}{restart}{pause}</ul> })
}

/// The card of what cannot be undone.
pub fn danger(cluster: Signal<Cluster>, offer: &Offer) -> Html {
    let can_pause = offer.pause;
    let gentler = move || (can_pause && cluster.read().spec.power == Power::On).then_some(" To stop it and keep the data, pause it instead.");
    view! {
        <section class="card danger" id="danger" aria-labelledby="danger-t">
            <header><h2 id="danger-t">"Danger zone"</h2></header>
            <ul class="list"><li>
                <div><b>"Delete cluster"</b><p class="hint">"Removes all instances and their data at once. There is no copy."{gentler}</p></div>
                <a class="btn danger" href=dialog_path("delete")>{icon("trash")}"Delete cluster"</a>
            </li></ul>
        </section>
    }
}

fn row(title: &'static str, text: String, enabled: bool, (id, symbol, label): (&'static str, &'static str, &'static str)) -> Html {
    let button = (enabled && may(Action::Operate)).then(|| view! { <a class="btn" href=dialog_path(id)>{icon(symbol)}{label}</a> });
    view! { <li><div><b>{title}</b><p class="hint">{text}</p></div>{button}</li> }
}
