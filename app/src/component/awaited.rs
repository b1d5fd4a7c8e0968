//! What is drawn of something that has to be fetched first.

use crate::view::{Drawn, Html};
use leptos::prelude::*;
use std::{future::Future, pin::Pin};

type Drawing = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Html> + Send>> + Send>;

/// What `draw` awaits and draws; meanwhile `waiting`, in a browser. `draw` runs anew when a resource that it awaited changes.
pub fn awaited<F>(waiting: &'static str, draw: impl Fn() -> F + Send + 'static) -> Html
where
    F: Future<Output = Html> + Send + 'static,
{
    drawn(waiting, Box::new(move || Box::pin(draw())))
}

/// The server waits for everything before it answers, so it draws once. `Suspense` draws three times, to find out what there is to wait for: everything
/// that is fetched inside would be asked for and sent to the browser again each time.
#[cfg(feature = "ssr")]
fn drawn(_: &'static str, draw: Drawing) -> Html {
    use leptos::{reactive::owner::Owner, tachys::reactive_graph::OwnedView};
    let owner = Owner::current().unwrap_or_default();
    // Both sides count what they make: the browser gives this number to its `Suspense`.
    let _ = owner.shared_context().map(|both| both.next_id());
    Suspend::new(async move { OwnedView::new_with_owner(draw().await, owner) }).into_any().drawn()
}

#[cfg(not(feature = "ssr"))]
fn drawn(waiting: &'static str, draw: Drawing) -> Html {
    let text = move || (!waiting.is_empty()).then(|| crate::view::view! { <p class="muted" role="status" aria-busy="true">{waiting}</p> }).drawn();
    leptos::view! { <Suspense fallback=text>{move || Suspend::new(draw())}</Suspense> }.into_any().drawn()
}
