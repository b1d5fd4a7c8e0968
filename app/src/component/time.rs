//! Times for people. Ages are counted from the page's own clock, so that the server's rendering and the browser's first one are equal.

use crate::live::{seconds, use_live};
use crate::view::{Html, view};
use domain::Timestamp;
use leptos::prelude::*;

/// `4 h ago`, ticking, with the full time in UTC on hover.
pub fn ago(at: Timestamp) -> Html {
    let now = use_live().now();
    let text = move || age(at, now.get());
    view! { <time datetime=at.to_string() title=utc(at)>{text}</time> }
}

/// `52 s so far`: how long something has been going on.
pub fn since(at: Timestamp) -> Html {
    let now = use_live().now();
    view! { <time datetime=at.to_string() title=utc(at)>{move || format!("{} so far", span(seconds(at, now.get())))}</time> }
}

/// Relative under a day, the date after.
pub fn age(at: Timestamp, now: Timestamp) -> String {
    match seconds(at, now) {
        0..5 => "just now".into(),
        n if n < 86_400 => format!("{} ago", span(n)),
        _ => utc(at).chars().take(10).collect(),
    }
}

/// A length of time in its largest unit: `52 s`, `4 min`, `3 h`, `2 d`.
pub fn span(seconds: i64) -> String {
    match seconds {
        n if n < 60 => format!("{n} s"),
        n if n < 3_600 => format!("{} min", n / 60),
        n if n < 86_400 => format!("{} h", n / 3_600),
        n => format!("{} d", n / 86_400),
    }
}

/// `2026-11-21 08:15:02 UTC`.
pub fn utc(at: Timestamp) -> String {
    let text = Timestamp::from_second(at.as_second()).unwrap_or(at).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}
