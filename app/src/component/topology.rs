//! The live topology: addresses, the primary, its replicas, and how far each is behind, on the wire that leads to it.

use super::{
    basic::{card, icon, spinning},
    time::ago,
};
use crate::view::{DrawnAll, Html, view};
use domain::Timestamp;
use leptos::prelude::*;
use model::{End, Meter, Node, Picture, Wire};
use tone::Tone;

pub mod model;
pub mod tone;

/// The card. `measured` is when the numbers were taken, if they are too old to be believed.
pub fn topology(picture: Memo<Picture>, stale: Signal<Option<Timestamp>>) -> Html {
    let quorum = move || picture.read().quorum.clone().map(|text| view! { <span class="tag">{text}</span> });
    let legend = move || (!picture.read().replicas.is_empty()).then(legend);
    let is_stale = move || stale.read().is_some();
    let body = view! {
        <div class="topo" class:stale=is_stale>{move || drawn(&picture.read())}</div>
        {move || stale.get().map(|at| view! { <footer data-s="warn">{icon("clock")}<span>"These numbers were measured "{ago(at)}"; nothing newer came in."</span></footer> })}
    };
    card("topology", "Topology", view! { {quorum}<span class="push"></span>{legend} }, body)
}

fn legend() -> Html {
    view! {
        <ul class="legend" style="margin:0">
            <li style="--c1:var(--edge)">"synchronous"</li>
            <li class="k2" style="--c2:var(--edge)">"asynchronous"</li>
        </ul>
    }
}

fn drawn(picture: &Picture) -> Html {
    if picture.primary.is_none() && picture.replicas.is_empty() {
        return view! { <p class="muted" style="grid-column:1/-1">"No instance is there yet. Each appears here as it is made."</p> };
    }
    let ends = picture.ends.iter().map(end).drawn_all();
    let primary = match &picture.primary {
        Some(primary) => node(primary, "node primary", "Primary"),
        None => view! { <div class="node" data-s="bad"><b>{icon("bad")}"No primary"</b><span class="muted">"Nothing accepts writes now"</span></div> },
    };
    let replicas = (!picture.replicas.is_empty()).then(|| {
        let all = picture.replicas.iter().map(|(wire, node)| replica(wire, node)).drawn_all();
        view! { <ul class="reps">{all}</ul> }
    });
    view! { <div class="ends">{ends}</div><div class="link" aria-hidden="true"></div>{primary}{replicas} }
}

fn end(end: &End) -> Html {
    view! { <div class="node"><b>{icon(end.icon)}{end.title}</b><code class="xs muted" title=end.name.clone()>{end.address.clone()}</code></div> }
}

fn node(node: &Node, class: &'static str, role: &'static str) -> Html {
    let meters = (!node.meters.is_empty()).then(|| {
        let all = node.meters.iter().map(meter).drawn_all();
        view! { <dl class="kv xs" style="gap:.15rem .6rem;margin-block-start:.4rem;grid-template-columns:auto 1fr auto;align-items:center">{all}</dl> }
    });
    let symbol = if node.tone == Tone::Busy { spinning("busy") } else { icon(node.tone.name()) };
    view! {
        <div class=class data-s=node.tone.name()>
            <b>{symbol}<span class="trunc" title=node.name.clone()>{node.name.clone()}</span><span class="tag push">{role}</span></b>
            <span class="muted">{node.text.clone()}</span>
            {meters}
        </div>
    }
}

fn meter(meter: &Meter) -> Html {
    let percent = meter.percent;
    let label = format!("{} used", meter.title);
    let ink = (percent >= 90).then_some("warn");
    view! {
        <dt>{meter.title}</dt>
        <dd><span class="bar" data-s=ink role="meter" aria-valuenow=percent aria-valuemin="0" aria-valuemax="100" aria-label=label style=format!("--v:{percent}")></span></dd>
        <dd class="num">{percent}"%"</dd>
    }
}

fn replica(wire: &Wire, to: &Node) -> Html {
    let detail = format!(", {}, {}", wire.detail, if wire.sync { "synchronous" } else { "asynchronous" });
    view! {
        <li class:async=!wire.sync data-s=wire.tone.name()>
            <div class="lag"><span class="sr">"Replication lag "</span>{wire.lag.clone()}<span class="sr">{detail}</span></div>
            {node(to, "node", "Replica")}
        </li>
    }
}
