//! All clusters: a table that follows live, filtered by the address.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::clusters::list_clusters,
    component::{awaited, cluster_status, cores, empty, icon, menu, note, refused, section_error},
    frame::{link_button, may, page_head},
    link::Link,
    live::use_live,
};
use domain::{Action, Cluster, ClusterId, Phase, quantity::human, status::InstanceState, topology::Topology};
use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

mod filter;
mod welcome;

use filter::{Filter, Kind};

/// The page.
#[component]
pub fn Clusters() -> impl IntoView {
    let fetched = Resource::new(|| (), |()| list_clusters());
    use_live().retry_when_back(fetched);
    awaited("Loading clusters", move || async move {
        match fetched.await {
            Ok(clusters) => listed(clusters),
            Err(error) => view! { {page_head("Clusters", (), (), ())}{section_error("The list of clusters", &error.0)} },
        }
    })
}

fn listed(fetched: Vec<Cluster>) -> Html {
    let followed = use_live().clusters(Some(fetched));
    let all = Memo::new(move |_| followed.get().unwrap_or_default());
    let is_empty = Memo::new(move |_| all.read().is_empty());
    let body = move || if is_empty.get() { welcome::first_step() } else { table(all) };
    // The empty list has its own first step: one primary button is enough.
    let actions = move || (!is_empty.get() && may(Action::Create)).then(actions);
    view! { {page_head("Clusters", (), (), actions)}{body} }
}

fn actions() -> Html {
    view! {
        <a class="btn wide" href=format!("{}?mode=yaml", Link::Create.path())>{icon("yaml")}"Import YAML"</a>
        {link_button("btn primary", &Link::Create, "plus", "Create cluster")}
    }
}

fn table(all: Memo<Vec<Cluster>>) -> Html {
    let query = use_query_map();
    let filter = Memo::new(move |_| Filter::read(|name| query.read().get(name)));
    let shown = Memo::new(move |_| filter.read().apply(&all.read()));
    let ids = move || shown.read().iter().map(|cluster| cluster.id).collect::<Vec<_>>();
    let counted = move || format!("{} of {} clusters", shown.read().len(), all.read().len());
    let none = move || shown.read().is_empty().then(|| nothing_found(&filter.read()));
    let viewer = (!may(Action::Operate)).then(|| refused("Changing a cluster", Action::Operate));
    view! {
        <div class="stack">
            {viewer}
            {move || attention(&all.read())}
            <section class="card" aria-label="Clusters">
                <header>{search(filter, all)}<span class="faint sm push">{move || totals(&all.read())}</span></header>
                <div class="scroll">
                    <table class="tbl stackable" hidden=move || shown.read().is_empty()>
                        <caption class="sr">"Clusters"</caption>
                        <thead><tr>
                            <th scope="col" aria-sort="ascending">"Name"</th><th scope="col">"Status"</th><th scope="col">"Version"</th>
                            <th scope="col" class="wide">"Topology"</th><th scope="col" class="n">"Instances"</th><th scope="col" class="wide">"Size"</th>
                            <th scope="col" class="n">"Storage each"</th><th scope="col" class="n">"Max lag"</th><th><span class="sr">"Actions"</span></th>
                        </tr></thead>
                        <tbody><For each=ids key=|id| *id children=move |id| row(id, all)/></tbody>
                    </table>
                </div>
                {none}
                <footer><span>{counted}</span></footer>
            </section>
        </div>
    }
}

fn row(id: ClusterId, all: Memo<Vec<Cluster>>) -> Html {
    let Some(first) = all.with_untracked(|all| all.iter().find(|c| c.id == id).cloned()) else { return ().drawn() };
    let name = first.name.clone();
    let cluster = Memo::new(move |_| all.read().iter().find(|c| c.id == id).cloned().unwrap_or_else(|| first.clone()));
    let title = move || {
        cluster.with(|c| {
            (c.spec.title.as_str() != c.name.as_str())
                .then(|| view! { <small class="faint" style="display:block;font-weight:400">{c.spec.title.to_string()}</small> })
        })
    };
    let reason = move || cluster.with(|c| c.status.reason.as_ref().map(|r| view! { <small class="faint" style="display:block">{r.message.clone()}</small> }));
    let ready = move || {
        cluster.with(|c| {
            let ready = c.status.instances.iter().filter(|i| i.state == InstanceState::Ready).count();
            if ready == usize::from(c.spec.instances) { ready.to_string() } else { format!("{ready} of {}", c.spec.instances) }
        })
    };
    let actions = {
        let link = |to: Link, anchor: &str, symbol: &str, label: &'static str, class: &'static str| view! { <a class=class href=format!("{}{anchor}", to.path())>{icon(symbol)}{label}</a> };
        view! {
            {link(Link::Overview(name.clone()), "#connect", "link", "Connect", "")}
            {link(Link::Data(name.clone()), "", "users", "Users and databases", "")}
            {link(Link::Settings(name.clone()), "#size", "scale", "Scale", "")}
            <hr/>
            {link(Link::Settings(name.clone()), "#danger", "trash", "Delete", "danger")}
        }
    };
    view! {
        <tr class="link">
            <th scope="row"><a href=Link::Overview(name.clone()).path()>{name.to_string()}</a>{title}</th>
            <td data-l="Status"><div>{move || cluster.with(cluster_status)}{reason}</div></td>
            <td data-l="Version">{move || cluster.read().spec.version.number()}</td>
            <td data-l="Topology" class="wide">{move || if cluster.read().spec.topology == Topology::Standalone { "Standalone" } else { "Replicated" }}</td>
            <td data-l="Instances" class="n">{ready}</td>
            <td data-l="Size" class="wide">{move || cluster.read().spec.size.preset.name()}</td>
            <td data-l="Storage each" class="n">{move || human(cluster.read().spec.storage.get())}</td>
            <td data-l="Max lag" class="n">{lag(id, cluster)}</td>
            <td class="n">{menu(format!("m-{id}"), format!("Actions for {name}"), "btn icon ghost small", actions)}</td>
        </tr>
    }
}

/// The replica that is furthest behind. Unknown is not zero.
fn lag(id: ClusterId, cluster: Memo<Cluster>) -> Html {
    let live = use_live();
    let (vitals, stale) = (live.vitals(id), live.is_stale(id));
    let text = move || {
        if cluster.read().spec.replicas() == 0 {
            return "no replica".to_owned();
        }
        let furthest = vitals.read().as_ref().and_then(|v| v.replicas.iter().map(|lag| lag.seconds).reduce(f64::max));
        furthest.map_or_else(|| "unknown".to_owned(), |seconds| format!("{seconds:.1} s"))
    };
    view! { <span class:stale=stale>{text}</span> }
}

fn attention(all: &[Cluster]) -> Option<Html> {
    let troubled: Vec<_> = all.iter().filter(|c| matches!(c.status.phase, Phase::Degraded | Phase::Down)).collect();
    let worst = if troubled.iter().any(|c| c.status.phase == Phase::Down) { "bad" } else { "warn" };
    let head = match troubled.len() {
        0 => return None,
        1 => "One cluster needs you. ".to_owned(),
        n => format!("{n} clusters need you. "),
    };
    let names = troubled.iter().map(|c| view! { <a href=Link::Overview(c.name.clone()).path()>{c.name.to_string()}</a>" " }).drawn_all();
    Some(note(worst, view! { <b>{head}</b>{names} }))
}

fn search(filter: Memo<Filter>, all: Memo<Vec<Cluster>>) -> Html {
    let navigate = use_navigate();
    let go = move |next: Filter| navigate(&next.path(), NavigateOptions { replace: true, scroll: false, ..Default::default() });
    let typed = {
        let go = go.clone();
        move |ev| go(Filter { text: event_target_value(&ev), ..filter.get_untracked() })
    };
    let kinds = Kind::ALL.map(|kind| {
        let go = go.clone();
        let choose = move |_| go(Filter { kind, ..filter.get_untracked() });
        let count = move || all.read().iter().filter(|c| kind.covers(c)).count();
        let checked = filter.with_untracked(|f| f.kind == kind);
        view! { <label><input type="radio" name="s" value=kind.name() checked=checked prop:checked=move || filter.read().kind == kind on:change=choose/>{kind.label()}" "<span class="count">{count}</span></label> }
    });
    let kinds = kinds.into_iter().drawn_all();
    let text = filter.with_untracked(|f| f.text.clone());
    view! {
        <form role="search" class="row" style="flex:1 1 18rem;min-inline-size:0" action=Link::Clusters.path() on:submit=|ev| ev.prevent_default()>
            <label class="sr" for="q">"Filter clusters"</label>
            <input id="q" name="q" type="search" placeholder="Filter by name, version or status" style="max-inline-size:20rem" value=text on:input=typed/>
            <div class="seg" role="radiogroup" aria-label="Status">{kinds}</div>
            <button class="btn small no-script">"Apply"</button>
        </form>
    }
}

fn nothing_found(filter: &Filter) -> Html {
    let title =
        if filter.text.is_empty() { format!("No cluster under \"{}\"", filter.kind.label()) } else { format!("No cluster matches \"{}\"", filter.text) };
    empty(title, "The filter hides all of them.", view! { <a class="btn" href=Link::Clusters.path()>"Clear filters"</a> })
}

fn totals(all: &[Cluster]) -> String {
    let sum = |each: fn(&Cluster) -> u64| all.iter().map(|c| each(c) * u64::from(c.spec.instances)).sum::<u64>();
    let millis = sum(|c| u64::from(c.spec.size.cpu().get()));
    let (cpu, storage) = (domain::quantity::Cpu::millis(u32::try_from(millis).unwrap_or(u32::MAX)), sum(|c| c.spec.storage.get()));
    format!("{} instances, {}, {}", sum(|_| 1), cores(cpu), human(storage))
}
