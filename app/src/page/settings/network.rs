//! Who can reach the cluster, and how clients know that it is the right one.

use crate::view::{Drawn, Html, view};
use crate::{
    api::{
        post::{Post, post_form},
        settings::SetExternal,
    },
    component::{basic, connect::snippet::CA_FILE, form_errors, icon, submit},
    frame::may,
    link::{self, Link},
};
use domain::{Action, Cluster, offer::Offer};
use leptos::{prelude::*, server_fn::ServerFn};

/// The card.
pub fn card(cluster: Signal<Cluster>, offer: &Offer) -> Html {
    let why_not = offer.external.clone().err();
    let is_external = Memo::new(move |_| cluster.read().spec.external);
    let post = Post::to(SetExternal::PATH);
    let (id, name) = (cluster.read_untracked().id.to_string(), cluster.read_untracked().name.clone());
    let switch = match (why_not, may(Action::Configure)) {
        (Some(why), _) => {
            view! { <div class="note" data-s="idle">{icon("info")}<div><b>"External access is not offered here."</b>" "{why}</div></div> }
        }
        (None, false) => view! { <p>{move || if is_external.get() { "External access is on." } else { "External access is off." }}</p> },
        (None, true) => {
            let form = move || {
                let on = is_external.get();
                let (next, label, text) = match on {
                    true => ("", "Turn external access off", "The primary can be reached from outside. Turning it off ends sessions that came that way."),
                    false => ("true", "Turn external access on", "Gives the primary an address that can be reached from outside. TLS stays required."),
                };
                let hidden = vec![("cluster", Signal::stored(id.clone())), ("external", Signal::stored(if on { "false".to_owned() } else { next.to_owned() }))];
                let inner = view! { <p class="hint">{text}</p>{form_errors(post.form, &[])}{submit(post.form, "btn", "globe", label)} };
                post_form(post, "stack", hidden, inner.drawn())
            };
            form.drawn()
        }
    };
    // One for all clusters of the place, else each has its own, which comes with how to connect.
    let authority = match offer.ca {
        Some(_) => view! { <a href=link::CA rel="external" download=CA_FILE>{format!("Download {CA_FILE}")}</a> },
        None => view! { <a href=format!("{}#connect", Link::Overview(name).path())>"See how to connect"</a> },
    };
    let body = view! {
        <div class="body stack" style="--gap:var(--s3)">
            {switch}
            <dl class="kv">
                <dt>"TLS"</dt><dd>"Required for every connection"</dd>
                <dt>"Passwords"</dt><dd>"SCRAM-SHA-256 only"</dd>
                <dt>"CA certificate"</dt><dd>{authority}</dd>
            </dl>
        </div>
    };
    basic::card("network", "Network", (), body)
}
