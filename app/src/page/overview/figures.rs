//! The numbers of the moment, and what the cluster is made of.

use super::is_measured;
use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    component::{
        basic::{card, kv},
        time::ago,
    },
    draft::shape::size_text,
    link::Link,
};
use domain::{Cluster, quantity::human, vitals::Vitals};
use leptos::prelude::*;

/// Connections, transactions, WAL and disk, as last measured. What was not measured is called unknown.
pub fn now(cluster: Signal<Cluster>, vitals: Memo<Option<Vitals>>) -> Html {
    let figures = move || {
        let vitals = vitals.get().filter(|vitals| is_measured(&cluster.read(), Some(vitals)));
        let vitals = vitals.as_ref();
        let connections = vitals.and_then(|v| v.connections).map(|(used, of)| (used.to_string(), format!("of {of}")));
        let transactions = vitals.and_then(|v| v.transactions).map(|n| (format!("{n:.0}"), "per s".into()));
        let wal = vitals.and_then(|v| v.wal).map(|bytes| (human(bytes as u64), "per s".into()));
        let disk = vitals.and_then(|v| v.usage.iter().filter_map(|u| u.disk).max());
        let disk = disk.map(|bytes| (human(bytes), format!("of {}", human(cluster.read().spec.storage.get()))));
        let all = [("Connections", connections), ("Transactions", transactions), ("WAL written", wal), ("Disk", disk)];
        all.into_iter().map(|(title, value)| figure(title, value)).drawn_all()
    };
    card("now", "Right now", (), view! { <dl class="body grid" style="--min:8rem;gap:var(--s5)">{figures}</dl> })
}

fn figure(title: &'static str, value: Option<(String, String)>) -> Html {
    let value = match value {
        Some((number, unit)) => view! { {number}" "<small>{unit}</small> },
        None => view! { <span class="faint">"unknown"</span> },
    };
    view! { <div class="stat"><dt>{title}</dt><dd>{value}</dd></div> }
}

/// What the cluster is made of.
pub fn details(cluster: Signal<Cluster>) -> Html {
    let rows = move || {
        let cluster = cluster.read();
        let spec = &cluster.spec;
        let class = if spec.storage_class.is_empty() { String::new() } else { format!(", class {}", spec.storage_class) };
        let count = |n: usize, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        let data = format!("{}, {}", count(spec.databases.len(), "database"), count(spec.users.len(), "user"));
        let data = view! { <a href=Link::Data(cluster.name.clone()).path()>{data}</a> };
        let reached = format!("Generation {} saved, {} reached, changed ", cluster.generation, cluster.status.generation);
        let wish = view! { {reached}{ago(cluster.updated_at)} };
        let mut rows = vec![
            ("Instances", format!("{} × {}", spec.instances, size_text(&spec.size)).drawn()),
            ("Storage", format!("{} each{class}", human(spec.storage.get())).drawn()),
            ("Data", data.drawn()),
            ("Place", view! { <a href=Link::Place(cluster.place.clone()).path()>{cluster.place.to_string()}</a> }),
            ("Created", ago(cluster.created_at)),
            ("Wish", wish.drawn()),
            ("Resource", view! { <code>{format!("postgres/{}", cluster.name)}</code> }),
        ];
        if !spec.description.as_str().is_empty() {
            rows.push(("About", spec.description.to_string().drawn()));
        }
        kv("body kv", rows)
    };
    card("details", "Details", (), rows)
}
