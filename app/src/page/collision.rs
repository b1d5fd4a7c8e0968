//! Two people changed one cluster: says who did what, while the typed text stays.

use crate::view::{Drawn, Html, view};
use crate::{
    api::{cluster::get_events, form::Form},
    component::{awaited, note, time::ago},
    page::cluster::use_cluster,
};
use domain::{Conflict, Error, event::Kind};
use leptos::prelude::*;

/// Who changed the cluster since the form was filled. Nothing unless the form was refused for that.
pub fn collision(form: Form) -> Html {
    let error = form.error();
    let id = use_cluster().read_untracked().id;
    let stale = Memo::new(move |_| match error.read().as_ref() {
        Some(Error::Conflict(Conflict::Stale { generation })) => Some(*generation),
        _ => None,
    });
    let events = Resource::new(
        move || stale.get(),
        move |stale| async move {
            match stale {
                Some(_) => get_events(id, 20).await.map(|all| all.into_iter().find(|event| event.kind == Kind::Asked)),
                None => Ok(None),
            }
        },
    );
    awaited("", move || async move {
        let who = events.await.ok().flatten().map(|event| {
            let by = event.actor.as_ref().map_or_else(|| "Somebody".to_owned(), ToString::to_string);
            note("warn", view! { <b>{by}</b>": "{event.title.clone()}", "{ago(event.at)}". What you typed is still here; sending it again applies it on top." })
        });
        who.drawn()
    })
}
