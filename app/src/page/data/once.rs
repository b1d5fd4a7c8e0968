//! The one showing of a password that was made up.

use crate::view::{Drawn, Html, view};
use crate::{
    api::once::{Once, take_password},
    component::{Dialog, awaited, copy, icon},
    draft::percent,
    page::actions::wanted_dialog,
};
use domain::{
    Cluster,
    status::{Endpoint, EndpointKind},
};
use leptos::prelude::*;

/// What the address asks to be shown, once it was asked for. To be made before anything is awaited, so that both sides count it alike.
pub fn taken(cluster: Signal<Cluster>) -> Resource<Option<Option<Once>>> {
    let wanted = wanted_dialog();
    let name = cluster.read_untracked().name.to_string();
    Resource::new(
        move || wanted.read().as_deref() == Some("password"),
        move |wanted| {
            let name = name.clone();
            async move { if wanted { Some(take_password(name).await.ok().flatten()) } else { None } }
        },
    )
}

/// The dialog, while the address asks for it.
pub fn dialog(cluster: Signal<Cluster>, taken: Resource<Option<Option<Once>>>) -> Html {
    awaited("", move || async move {
        let drawn = taken.await.map(|once| {
            let to = cluster.read_untracked().status.endpoint(EndpointKind::Rw).cloned();
            view! { <Dialog id="password" title=title(once.as_ref())>{body(once, to)}</Dialog> }
        });
        drawn.drawn()
    })
}

fn title(once: Option<&Once>) -> String {
    once.map_or_else(|| "The password was shown".to_owned(), |once| format!("Password of {}", once.user))
}

fn body(once: Option<Once>, to: Option<Endpoint>) -> Html {
    let close = crate::component::dialog::closed_path();
    let Some(Once { user, password }) = once else {
        return view! {
            <div class="body"><p>"A password is shown once and not kept in readable form. If nobody copied it, set a new one."</p></div>
            <footer><a class="btn" href=close>"Close"</a></footer>
        };
    };
    let (host, port) = to.map_or_else(|| ("*".to_owned(), "*".to_owned()), |to| (to.host, to.port.to_string()));
    let line = format!("{host}:{port}:*:{user}:{}\n", password.replace('\\', "\\\\").replace(':', "\\:"));
    let file = format!("data:text/plain;charset=utf-8,{}", percent(&line));
    view! {
        <div class="body stack" style="--gap:var(--s3)">
            <div class="note" data-s="warn">{icon("warn")}<div><b>"Copy it now."</b>" It is not stored in readable form and cannot be shown again."</div></div>
            {copy("Copy password", password)}
            <p class="hint">"If the user had another password, that one no longer works."</p>
        </div>
        <footer><a class="btn" href=file download=".pgpass" rel="external">{icon("dl")}"Download .pgpass"</a><a class="btn primary" href=close>"I have copied it"</a></footer>
    }
}
