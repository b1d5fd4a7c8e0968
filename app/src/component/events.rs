//! What happened to a cluster, newest first.

use super::{basic::icon, time::ago};
use crate::view::{DrawnAll, Html, view};
use domain::event::{Event, Kind};

/// The feed; or what will be in it.
pub fn feed(events: &[Event]) -> Html {
    if events.is_empty() {
        return view! { <p class="body muted">"Nothing has happened yet. What people ask for and what becomes of it appears here."</p> };
    }
    let rows = events.iter().map(row).drawn_all();
    view! { <ol class="feed" style="padding-block:.35rem">{rows}</ol> }
}

fn row(event: &Event) -> Html {
    let (state, symbol, word) = match event.kind {
        Kind::Good => ("ok", "ok", "Good"),
        Kind::Asked => ("busy", "gear", "Asked for"),
        Kind::Warning => ("warn", "warn", "Warning"),
        Kind::Failed => ("bad", "bad", "Failed"),
    };
    let by = event.actor.as_ref().map(|actor| format!("By {actor}")).unwrap_or_default();
    let text = [event.text.as_str(), by.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let text = (!text.is_empty()).then(|| view! { <p>{text}</p> });
    view! { <li data-s=state>{icon(symbol)}<b><span class="sr">{word}": "</span>{event.title.clone()}</b>{ago(event.at)}{text}</li> }
}
