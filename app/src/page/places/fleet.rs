//! The clusters of a place together: how many are how, each as a tile, what waits for a person, which versions run, what they were given.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    component::{
        basic::{card, icon, kv},
        cores, empty, look,
    },
    link::Link,
    live::use_live,
};
use domain::{
    Cluster, Phase, PlaceName,
    quantity::{Cpu, human},
    version::Major,
};
use leptos::prelude::*;

/// The clusters of a place: those that were fetched, followed live.
pub fn here(name: &PlaceName, fetched: Vec<Cluster>) -> Signal<Vec<Cluster>> {
    let (all, name) = (use_live().clusters(Some(fetched)), name.clone());
    Signal::derive(move || all.read().iter().flatten().filter(|cluster| cluster.place == name).cloned().collect())
}

/// Whether somebody should look at it.
pub fn is_unwell(cluster: &Cluster) -> bool {
    matches!(cluster.status.phase, Phase::Degraded | Phase::Down | Phase::Unknown)
}

/// How many are how, and each as a tile that leads to it.
pub fn health(clusters: Signal<Vec<Cluster>>) -> Html {
    let body = move || {
        let all = clusters.read();
        if all.is_empty() {
            return empty("No clusters here yet", "What is created here appears here.", ());
        }
        let count = |state: &str| all.iter().filter(|cluster| look(cluster).0 == state).count();
        let kinds = [("ok", "ok", "Healthy"), ("warn", "warn", "Degraded"), ("bad", "bad", "Down"), ("busy", "busy", "Changing"), ("idle", "pause", "Paused")];
        let figures = kinds.map(|(state, symbol, word)| {
            view! { <div class="stat"><dt><span class="st" data-s=state>{icon(symbol)}{word}</span></dt><dd>{count(state)}</dd></div> }
        });
        let tiles = all.iter().map(|cluster| {
            let (state, symbol, word) = look(cluster);
            let title = format!("{}: {word}", cluster.name);
            let symbol = (state != "ok").then(|| icon(symbol));
            view! { <li><a href=Link::Overview(cluster.name.clone()).path() data-s=state title=title.clone() aria-label=title>{symbol}</a></li> }
        });
        view! {
            <dl class="body grid" style="--min:7rem;gap:var(--s4)">{figures.drawn_all()}</dl>
            <div class="body" style="border-block-start:1px solid var(--line)"><ul class="heat">{tiles.drawn_all()}</ul></div>
        }
    };
    card("fleet", "Clusters", (), body)
}

/// What waits for a person, each with why. Nothing when nothing does.
pub fn unwell(clusters: Signal<Vec<Cluster>>) -> Html {
    let body = move || {
        let all = clusters.read();
        let rows = all.iter().filter(|cluster| is_unwell(cluster)).map(|cluster| {
            let (state, symbol, word) = look(cluster);
            let why = cluster.status.reason.as_ref().map_or(word.to_owned(), |reason| reason.message.clone());
            let path = Link::Overview(cluster.name.clone()).path();
            view! { <li><span class="st" data-s=state>{icon(symbol)}<span class="sr">{word}</span></span><div><a href=path><b>{cluster.name.to_string()}</b></a><p class="muted">{why}</p></div></li> }
        });
        let rows: Vec<_> = rows.collect();
        (!rows.is_empty()).then(|| card("person", "To look at", (), view! { <ul class="list">{rows}</ul> }))
    };
    body.drawn()
}

/// Which majors run here, and what all of them together were given.
pub fn capacity(clusters: Signal<Vec<Cluster>>) -> Html {
    let rows = move || {
        let all = clusters.read();
        let sum = |of: fn(&Cluster) -> u64| all.iter().map(|cluster| of(cluster) * u64::from(cluster.spec.instances)).sum::<u64>();
        let cpu = u32::try_from(sum(|c| u64::from(c.spec.size.cpu().get()))).unwrap_or(u32::MAX);
        let running = |major: Major| (major.number(), all.iter().filter(|cluster| cluster.spec.version == major).count());
        let versions: Vec<_> = Major::ALL.map(running).into_iter().filter(|(_, n)| *n > 0).map(|(major, n)| format!("{n} × {major}")).collect();
        kv(
            "body kv ends",
            vec![
                ("Instances", sum(|_| 1).to_string().drawn()),
                ("CPU", cores(Cpu::millis(cpu)).drawn()),
                ("Memory", human(sum(|c| c.spec.size.memory().get())).drawn()),
                ("Storage", human(sum(|c| c.spec.storage.get())).drawn()),
                ("PostgreSQL", if versions.is_empty() { "none".drawn() } else { versions.join(", ").drawn() }),
            ],
        )
    };
    card("capacity", "Asked for here", (), rows)
}
