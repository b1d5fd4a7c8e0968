//! How a cluster is: what cannot wait, and every check with its evidence.

use super::{
    basic::{card, icon, spinning},
    time::ago,
    topology::tone::Tone,
};
use crate::view::{Drawn, DrawnAll, Html, view};
use leptos::prelude::*;
use rows::{Alarm, Row, summary};

pub mod rows;

/// The card.
pub fn health(rows: Memo<Vec<Row>>) -> Html {
    let verdict = move || {
        let (tone, text) = summary(&rows.read());
        view! { <span class="push st" data-s=tone.name()>{symbol(tone)}{text}</span> }
    };
    let list = move || rows.read().iter().map(row).drawn_all();
    card("health", "Health", verdict, view! { <ul class="list">{list}</ul> })
}

/// What a person must know first, as notes. Nothing when there is nothing.
pub fn alarms(all: Memo<Vec<Alarm>>) -> Html {
    let drawn = move || {
        all.read()
            .iter()
            .map(|alarm| {
                let role = (alarm.tone == Tone::Bad).then_some("alert");
                view! {
                    <div class="note" data-s=alarm.tone.name() role=role style="margin-block-end:var(--s4)">
                        {icon(alarm.tone.name())}
                        <div><b>{alarm.title}</b>": "{alarm.text.clone()}<p class="muted">{alarm.advice}</p></div>
                    </div>
                }
            })
            .drawn_all()
    };
    drawn.drawn()
}

fn row(row: &Row) -> Html {
    let since = row.since.map(|at| view! { " "<span class="xs faint nowrap">{ago(at)}</span> });
    view! {
        <li>
            <span class="st" data-s=row.tone.name()>{symbol(row.tone)}<span style="color:var(--text);font-weight:450">{row.title.clone()}</span><span class="sr">{format!(" {}", row.word)}</span></span>
            <span class="push num muted" style="text-align:end">{row.evidence.clone()}{since}</span>
        </li>
    }
}

fn symbol(tone: Tone) -> Html {
    if tone == Tone::Busy { spinning("busy") } else { icon(tone.name()) }
}
