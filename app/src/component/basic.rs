//! Small parts: icon, note, card, key and value, empty state, menu, toast.

use domain::{Error, access};
use leptos::prelude::*;

/// A symbol of the sprite, without meaning of its own: a word stands beside it.
pub fn icon(name: &str) -> AnyView {
    let href = format!("#i-{name}");
    view! { <svg class="i" aria-hidden="true"><use href=href></use></svg> }.into_any()
}

/// A symbol that turns.
pub fn spinning(name: &str) -> AnyView {
    let href = format!("#i-{name}");
    view! { <svg class="i spin" aria-hidden="true"><use href=href></use></svg> }.into_any()
}

/// A message that stays until its cause is gone. `state` is ok, warn, bad, busy or idle.
pub fn note(state: &'static str, body: impl IntoView + 'static) -> AnyView {
    let symbol = match state {
        "idle" => "info",
        other => other,
    };
    let role = (state == "bad").then_some("alert");
    view! { <div class="note" data-s=state role=role>{icon(symbol)}<div>{body.into_any()}</div></div> }.into_any()
}

/// Several unsaved edits of one page: how many, what they cost, and what to do with them.
pub fn savebar(text: impl IntoView + 'static, actions: impl IntoView + 'static) -> AnyView {
    view! { <div class="savebar"><div role="status">{text.into_any()}</div><div class="row push">{actions.into_any()}</div></div> }.into_any()
}

/// The result of one's own action; goes after a few seconds.
pub fn toast(state: &'static str, body: impl IntoView + 'static) -> AnyView {
    view! { <div class="toast" data-s=state>{icon(state)}<div>{body.into_any()}</div></div> }.into_any()
}

/// A section with a heading. `id` names the section in the page and in links to it.
pub fn card(id: &'static str, title: &'static str, beside: impl IntoView + 'static, body: impl IntoView + 'static) -> AnyView {
    let label = format!("{id}-t");
    view! {
        <section class="card" id=id aria-labelledby=label.clone()>
            <header><h2 id=label.clone()>{title}</h2>{beside.into_any()}</header>
            {body.into_any()}
        </section>
    }
    .into_any()
}

/// Properties, one a row. `class` is `kv` or `kv ends`.
pub fn kv(class: &'static str, rows: Vec<(&'static str, AnyView)>) -> AnyView {
    let rows = rows.into_iter().map(|(key, value)| view! { <dt>{key}</dt><dd>{value}</dd> }).collect_view();
    view! { <dl class=class>{rows}</dl> }.into_any()
}

/// What belongs here, why, and the first step.
pub fn empty(title: impl Into<String>, text: impl Into<String>, first_step: impl IntoView + 'static) -> AnyView {
    view! { <div class="empty slim"><h3>{title.into()}</h3><p>{text.into()}</p>{first_step.into_any()}</div> }.into_any()
}

/// A menu of a row or a header. Opens without script; `label` is for the button.
pub fn menu(id: String, label: String, class: &'static str, items: impl IntoView + 'static) -> AnyView {
    view! {
        <button class=class type="button" aria-label=label popovertarget=id.clone()>{icon("more")}</button>
        <div class="menu" popover id=id>{items.into_any()}</div>
    }
    .into_any()
}

/// A section that could not be loaded: what happened, and what to do. The rest of the page stays.
pub fn section_error(what: &'static str, error: &Error) -> AnyView {
    let text = error.to_string();
    view! {
        <div class="note" data-s="bad" role="alert">
            {icon("bad")}
            <div><b>{what}" could not be loaded."</b>" "{text}</div>
            <a class="btn small" rel="external" href="">"Try again"</a>
        </div>
    }
    .into_any()
}

/// An action that the role does not reach: which role does, and who can give it.
pub fn refused(what: &'static str, action: domain::Action) -> AnyView {
    let role = access::needed(action).name();
    let text = format!("{what} needs the role {role}. Whoever runs this portal can give it to you: ask them for a sign-in link with that role.");
    view! { <div class="note" data-s="idle">{icon("lock")}<div><b>"You can look, not change."</b>" "{text}</div></div> }.into_any()
}
