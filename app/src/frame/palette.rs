//! The command palette: clusters, pages, commands. Without script its address shows it as a page of links with a filter of clusters.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    component::{
        dialog::{closed_path, frame},
        icon, look,
    },
    frame::may,
    link::Link,
    live::use_clusters,
};
use domain::Action;
use leptos::{ev, prelude::*};
use leptos_router::hooks::{use_location, use_navigate};

/// Most clusters that are listed.
const SHOWN: usize = 8;

/// Something to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    group: &'static str,
    symbol: &'static str,
    label: String,
    path: String,
    key: &'static str,
}

/// The palette, closed unless its address is open.
pub fn palette() -> Html {
    let typed = RwSignal::new(String::new());
    let at = RwSignal::new(0usize);
    let clusters = use_clusters();
    let here = use_location().pathname;
    let (may_create, may_operate) = (may(Action::Create), may(Action::Operate));
    let found = Memo::new(move |_| {
        let mut all = Vec::new();
        if may_create {
            all.push(Entry { group: "Commands", symbol: "plus", label: "Create a cluster".into(), path: Link::Create.path(), key: "C" });
            let path = format!("{}?mode=yaml", Link::Create.path());
            all.push(Entry { group: "Commands", symbol: "yaml", label: "Import YAML".into(), path, key: "" });
        }
        if let Some(name) = Link::at(&here.read()).as_ref().and_then(Link::cluster) {
            if may_operate {
                let user = format!("{}?dialog=add-user", Link::Data(name.clone()).path());
                all.push(Entry { group: "Commands", symbol: "user", label: format!("Create a user in {name}"), path: user, key: "" });
            }
            let pages = Link::tabs(name).map(|page| Entry {
                group: "Go to",
                symbol: page.icon(),
                label: format!("{name}: {}", page.label()),
                path: page.path(),
                key: "",
            });
            all.extend(pages);
        }
        let listed = clusters.get().unwrap_or_default();
        all.extend(listed.iter().map(|c| Entry {
            group: "Clusters",
            symbol: look(c).1,
            label: c.name.to_string(),
            path: Link::Overview(c.name.clone()).path(),
            key: "",
        }));
        all.push(Entry { group: "Go to", symbol: "db", label: "Clusters".into(), path: Link::Clusters.path(), key: "G C" });
        all.push(Entry { group: "Go to", symbol: "globe", label: "Places".into(), path: Link::Places.path(), key: "" });
        narrowed(all, &typed.read())
    });
    let options = move || {
        let groups = ["Commands", "Clusters", "Go to"];
        let found = found.get();
        groups.map(|group| section(group, &found, at)).into_iter().drawn_all()
    };
    // Once it led somewhere it starts anew.
    let forget = move || {
        typed.set(String::new());
        at.set(0);
    };
    let navigate = use_navigate();
    let pressed = move |event: ev::KeyboardEvent| {
        let last = found.read_untracked().len().saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => at.update(|at| *at = (*at + 1).min(last)),
            "ArrowUp" => at.update(|at| *at = at.saturating_sub(1)),
            "Enter" => {
                if let Some(entry) = found.read_untracked().get(at.get_untracked()) {
                    navigate(&entry.path, Default::default());
                    forget();
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let input = move |event| {
        typed.set(event_target_value(&event));
        at.set(0);
    };
    // What was typed before it was left is there to be typed over.
    let select = |event: ev::FocusEvent| {
        #[cfg(feature = "hydrate")]
        event_target::<web_sys::HtmlInputElement>(&event).select();
        #[cfg(not(feature = "hydrate"))]
        drop(event);
    };
    let active = move || format!("palette-{}", at.get());
    let inside = view! {
        <h2 class="sr" id="palette-t">"Search and commands"</h2>
        <form action=Link::Clusters.path() on:submit=|event| event.prevent_default()>
            <label class="row" style="flex-wrap:nowrap;padding:.25rem .9rem;border-block-end:var(--b)">
                {icon("search")}<span class="sr">"Search clusters, pages and commands"</span>
                <input name="q" type="text" placeholder="Search clusters, pages and commands" autocomplete="off" autofocus role="combobox" aria-expanded="true"
                    aria-controls="palette-list" aria-activedescendant=active prop:value=move || typed.get() on:input=input on:keydown=pressed on:focus=select/>
                <a class="btn ghost icon small" href=closed_path() aria-label="Close">{icon("x")}</a>
            </label>
        </form>
        <div class="menu" id="palette-list" role="listbox" aria-label="Results" on:click=move |_| forget()>{options}</div>
    };
    frame("palette".into(), "palette", "palette-t".into(), inside.drawn())
}

/// The entries that hold every typed word, clusters cut to a screenful.
fn narrowed(all: Vec<Entry>, typed: &str) -> Vec<Entry> {
    let typed = typed.to_lowercase();
    let words: Vec<&str> = typed.split_whitespace().collect();
    let fits = |entry: &Entry| words.iter().all(|word| entry.label.to_lowercase().contains(word));
    let of = |group| all.iter().filter(move |entry| entry.group == group).filter(|entry| fits(entry)).cloned();
    of("Commands").chain(of("Clusters").take(SHOWN)).chain(of("Go to")).collect()
}

fn section(group: &'static str, found: &[Entry], at: RwSignal<usize>) -> Option<Html> {
    let mine: Vec<_> = found.iter().enumerate().filter(|(_, entry)| entry.group == group).map(|(n, entry)| option(n, entry.clone(), at)).collect();
    (!mine.is_empty()).then(|| view! { <div role="group" aria-label=group><h3 aria-hidden="true">{group}</h3>{mine}</div> })
}

fn option(n: usize, entry: Entry, at: RwSignal<usize>) -> Html {
    let key = (!entry.key.is_empty()).then(|| view! { <kbd class="push">{entry.key}</kbd> });
    let selected = move || if at.get() == n { "true" } else { "false" };
    view! { <a id=format!("palette-{n}") role="option" aria-selected=selected href=entry.path>{icon(entry.symbol)}{entry.label}{key}</a> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_typed_word_must_be_there() {
        let entry = |group, label: &str| Entry { group, symbol: "db", label: label.into(), path: String::new(), key: "" };
        let all = vec![entry("Go to", "Clusters"), entry("Clusters", "orders-prod"), entry("Clusters", "orders-eu")];
        let labels = |typed| narrowed(all.clone(), typed).into_iter().map(|entry| entry.label).collect::<Vec<_>>();
        assert_eq!(labels(""), ["orders-prod", "orders-eu", "Clusters"]);
        assert_eq!(labels("ORD eu"), ["orders-eu"]);
        assert!(labels("nothing").is_empty());
    }
}
