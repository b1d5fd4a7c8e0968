//! Small parts: icon, note, card, key and value, empty state, menu, toast.

use crate::view::{Drawn, DrawnAll, Html, view};
use domain::{Error, access};

/// A symbol of the sprite, without meaning of its own: a word stands beside it.
pub fn icon(name: &str) -> Html {
    let href = format!("#i-{name}");
    view! { <svg class="i" aria-hidden="true"><use href=href></use></svg> }
}

/// A symbol that turns.
pub fn spinning(name: &str) -> Html {
    let href = format!("#i-{name}");
    view! { <svg class="i spin" aria-hidden="true"><use href=href></use></svg> }
}

/// A message that stays until its cause is gone. `state` is ok, warn, bad, busy or idle.
pub fn note(state: &'static str, body: impl Drawn) -> Html {
    let symbol = match state {
        "idle" => "info",
        other => other,
    };
    let role = (state == "bad").then_some("alert");
    view! { <div class="note" data-s=state role=role>{icon(symbol)}<div>{body}</div></div> }
}

/// Several unsaved edits of one page: how many, what they cost, and what to do with them.
pub fn savebar(text: impl Drawn, actions: impl Drawn) -> Html {
    view! { <div class="savebar"><div role="status">{text}</div><div class="row push">{actions}</div></div> }
}

/// The result of one's own action; goes after a few seconds.
pub fn toast(state: &'static str, body: impl Drawn) -> Html {
    view! { <div class="toast" data-s=state>{icon(state)}<div>{body}</div></div> }
}

/// A section with a heading. `id` names the section in the page and in links to it.
pub fn card(id: &'static str, title: &'static str, beside: impl Drawn, body: impl Drawn) -> Html {
    let label = format!("{id}-t");
    view! {
        <section class="card" id=id aria-labelledby=label.clone()>
            <header><h2 id=label.clone()>{title}</h2>{beside}</header>
            {body}
        </section>
    }
}

/// Properties, one a row. `class` is `kv` or `kv ends`.
pub fn kv(class: &'static str, rows: Vec<(&'static str, Html)>) -> Html {
    let rows = rows.into_iter().map(|(key, value)| view! { <dt>{key}</dt><dd>{value}</dd> }).drawn_all();
    view! { <dl class=class>{rows}</dl> }
}

/// What belongs here, why, and the first step.
pub fn empty(title: impl Into<String>, text: impl Into<String>, first_step: impl Drawn) -> Html {
    view! { <div class="empty slim"><h3>{title.into()}</h3><p>{text.into()}</p>{first_step}</div> }
}

/// A menu of a row or a header. Opens without script; `label` is for the button.
pub fn menu(id: String, label: String, class: &'static str, items: impl Drawn) -> Html {
    view! {
        <button class=class type="button" aria-label=label popovertarget=id.clone()>{icon("more")}</button>
        <div class="menu" popover id=id>{items}</div>
    }
}

/// A section that could not be loaded: what happened, and what to do. The rest of the page stays.
pub fn section_error(what: &'static str, error: &Error) -> Html {
    let text = error.to_string();
    view! {
        <div class="note" data-s="bad" role="alert">
            {icon("bad")}
            <div><b>{what}" could not be loaded."</b>" "{text}</div>
            <a class="btn small" rel="external" href="">"Try again"</a>
        </div>
    }
}

/// An action that the role does not reach: which role does, and who can give it.
pub fn refused(what: &'static str, action: domain::Action) -> Html {
    let role = access::needed(action).name();
    let text = format!("{what} needs the role {role}. Whoever runs this portal can give it to you: ask them for a sign-in link with that role.");
    view! { <div class="note" data-s="idle">{icon("lock")}<div><b>"You can look, not change."</b>" "{text}</div></div> }
}
