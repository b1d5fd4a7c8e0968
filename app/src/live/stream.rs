//! The browser's end of the event stream: opens it, opens it anew with growing pauses, and ticks the clock.

use super::{Connection, Live};
use crate::link;
use domain::{Timestamp, update};
use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent};

/// Longest pause between two attempts, in seconds.
const LONGEST_PAUSE: u64 = 30;

/// Opens the stream for as long as the tab lives.
pub(super) fn open(live: Live) {
    tick(live);
    connect(live, 1);
}

/// The server's time goes on by what the device's clock says has passed: a wrong clock does no harm.
fn tick(live: Live) {
    let (server, device) = (live.now.get_untracked(), crate::api::now());
    let shift = server.as_millisecond() - device.as_millisecond();
    set_interval(
        move || {
            let now = crate::api::now().as_millisecond() + shift;
            live.now.set(Timestamp::from_millisecond(now).unwrap_or(server));
        },
        Duration::from_secs(1),
    );
}

fn connect(live: Live, pause: u64) {
    let Ok(source) = EventSource::new(link::EVENTS) else { return };
    // The closures live as long as the tab: there is one stream at a time, and each broken one leaves a few bytes behind.
    let opened = Closure::<dyn Fn()>::new(move || live.connection.set(Connection::Live));
    source.set_onopen(Some(opened.as_ref().unchecked_ref()));
    opened.forget();
    let update = Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
        let text = message.data().as_string().unwrap_or_default();
        // A message that is not understood comes from a newer server: the next page load brings the newer script.
        if let Ok(message) = serde_json::from_str::<update::Update>(&text) {
            live.connection.set(Connection::Live);
            live.fold(message);
        }
    });
    // Failing to listen leaves the page as the server rendered it.
    let _ = source.add_event_listener_with_callback("update", update.as_ref().unchecked_ref());
    update.forget();
    let broken = {
        let source = source.clone();
        Closure::<dyn Fn(Event)>::new(move |_: Event| {
            let was_live = live.connection.get_untracked() == Connection::Live;
            source.close();
            source.set_onerror(None);
            if !matches!(live.connection.get_untracked(), Connection::Lost { .. }) {
                live.connection.set(Connection::Lost { since: live.now.get_untracked() });
            }
            let pause = if was_live { 1 } else { (pause * 2).min(LONGEST_PAUSE) };
            // Tabs that broke together do not come back together.
            let jitter = (js_sys::Math::random() * 500.0) as u64;
            set_timeout(move || connect(live, pause), Duration::from_millis(pause * 1000 + jitter));
        })
    };
    source.set_onerror(Some(broken.as_ref().unchecked_ref()));
    broken.forget();
}
