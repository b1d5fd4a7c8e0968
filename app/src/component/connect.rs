//! How to connect: who, where to, by which address and with what. The choice is in the address of the page, so it works without script.

use super::{
    basic::{card, icon},
    code::{code, copy},
};
use crate::draft::percent;
use crate::link::{self, Link};
use crate::view::{Drawn, DrawnAll, Html, view};
use domain::{Cluster, place::Access, status::EndpointKind};
use leptos::prelude::*;
use leptos_router::{components::Form, hooks::use_query_map};
use snippet::{CA_FILE, Choice, Language, Trust};

pub mod snippet;

/// The card.
pub fn connect(cluster: Signal<Cluster>, access: Option<Access>) -> Html {
    let access = StoredValue::new(access);
    let query = use_query_map();
    let choice = Memo::new(move |_| {
        let query = query.read();
        let [user, database, endpoint, language] = ["user", "db", "ep", "lang"].map(|name| query.get(name));
        Choice::of(&cluster.read(), user.as_deref(), database.as_deref(), endpoint.as_deref(), language.as_deref())
    });
    let name = cluster.read_untracked().name.clone();
    let data = Link::Data(name.clone()).path();
    let lacks = Memo::new(move |_| cluster.read().spec.users.is_empty() || cluster.read().spec.databases.is_empty());
    let body = move || {
        if lacks.get() {
            first_steps(&data)
        } else {
            view! { {chooser(cluster, choice)}{result(cluster, choice, &data, access)}{ways(access)} }
        }
    };
    let external = move || if cluster.read().spec.external { "TLS required. External access is on." } else { "TLS required. External access is off." };
    let network = format!("{}#network", Link::Settings(name).path());
    let body = view! {
        <div class="body stack" style="--gap:var(--s3)">{body}</div>
        <footer>{icon("lock")}<span>{external}</span><a class="push" href=network>"Network"</a></footer>
    };
    card("connect", "Connect", (), body)
}

fn first_steps(data: &str) -> Html {
    let (user, database) = (format!("{data}?dialog=add-user"), format!("{data}?dialog=add-database"));
    view! {
        <p class="muted">"To connect, a user and a database are needed."</p>
        <div class="row"><a class="btn small" href=user>{icon("user")}"Add a user"</a><a class="btn small" href=database>{icon("db")}"Add a database"</a></div>
    }
}

fn chooser(cluster: Signal<Cluster>, choice: Memo<Choice>) -> Html {
    let send = move |event: leptos::ev::Event| {
        #[cfg(feature = "hydrate")]
        if let Some(form) = event_target::<web_sys::HtmlInputElement>(&event).form() {
            // A browser without it still has the button.
            let _ = form.request_submit();
        }
        #[cfg(not(feature = "hydrate"))]
        drop(event);
    };
    let option = |value: String, label: String, selected: bool| view! { <option value=value selected=selected>{label}</option> };
    let users = move || cluster.read().spec.users.keys().map(|u| option(u.to_string(), u.to_string(), u.as_str() == choice.read().user)).drawn_all();
    let databases =
        move || cluster.read().spec.databases.keys().map(|d| option(d.to_string(), d.to_string(), d.as_str() == choice.read().database)).drawn_all();
    let endpoints = move || {
        let all = [(EndpointKind::Rw, "rw", "Read and write"), (EndpointKind::Ro, "ro", "Read only"), (EndpointKind::External, "ext", "From outside")];
        let here = all.into_iter().filter(|(kind, ..)| *kind == EndpointKind::Rw || cluster.read().status.endpoint(*kind).is_some());
        here.map(|(kind, value, label)| option(value.into(), label.into(), choice.read().endpoint == kind)).drawn_all()
    };
    let languages = Language::ALL.map(|language| {
        let checked = choice.read_untracked().language == language;
        view! { <label><input type="radio" name="lang" value=language.name() checked=checked/>{language.name()}</label> }
    });
    let fields = view! {
        <div class="stack" style="--gap:var(--s3)" on:change=send>
            <div class="grid" style="--min:7rem;gap:var(--s2)">
                <div class="field"><label for="cu">"User"</label><select id="cu" name="user">{users}</select></div>
                <div class="field"><label for="cd">"Database"</label><select id="cd" name="db">{databases}</select></div>
                <div class="field"><label for="ce">"Address"</label><select id="ce" name="ep">{endpoints}</select></div>
            </div>
            <div class="seg" role="radiogroup" aria-label="Language">{languages}</div>
            <noscript inner_html="<button class='btn small' type='submit'>Show this</button>"></noscript>
        </div>
    };
    view! { <Form method="get" action="" noscroll=true replace=true>{fields}</Form> }
}

/// Commands that make it reachable from where it is not.
fn ways(access: StoredValue<Option<Access>>) -> Html {
    let commands = access.with_value(|access| access.as_ref().map(|access| access.commands.clone())).unwrap_or_default();
    let all = commands.into_iter().map(|(what, command)| view! { <div class="field"><span class="label">{what}</span>{copy("Copy command", command)}</div> });
    all.drawn_all().drawn()
}

fn result(cluster: Signal<Cluster>, choice: Memo<Choice>, data: &str, access: StoredValue<Option<Access>>) -> Html {
    let rotate = data.to_owned();
    // Where each cluster has an authority of its own, it comes with the page.
    let own = access.with_value(Option::is_some);
    let authority = access.with_value(|access| match access {
        None => Some(link::CA.to_owned()),
        Some(access) => access.ca.as_ref().map(|pem| format!("data:application/x-pem-file;charset=utf-8,{}", percent(pem))),
    });
    let is_signed = authority.is_some();
    let trust = move || Trust::at(choice.read().endpoint, is_signed, own);
    let address = Memo::new(move |_| cluster.read().status.endpoint(choice.read().endpoint).cloned());
    let string = Signal::derive(move || address.read().as_ref().map(|to| snippet::string(&choice.read(), to)).unwrap_or_default());
    let example = Signal::derive(move || address.read().as_ref().map(|to| snippet::example(&choice.read(), to, trust())).unwrap_or_default());
    let is_known = Memo::new(move |_| address.read().is_some());
    let body = move || {
        if !is_known.get() {
            return view! { <p class="muted">"The address appears here as soon as the primary is up."</p> };
        }
        let what = format!("{} example", choice.read().language.name());
        let password = format!("{rotate}?dialog=password-{}", choice.read().user);
        view! {
            <div class="field"><span class="label">"Connection string"</span>{copy("Copy connection string", string)}</div>
            <p class="hint">"The password is shown once, when it is made. "<a href=password>"Set a new one"</a></p>
            {code(what, example)}
            {checked(authority.clone(), trust())}
        }
    };
    body.drawn()
}

/// What the example checks of the server, and what it needs for that. `authority`: where the certificate authority is to be had.
fn checked(authority: Option<String>, trust: Trust) -> Html {
    let why = match trust {
        Trust::Name | Trust::Nothing => "",
        Trust::Authority => " It checks who signed it, not the name: the certificate has none for the address from outside.",
    };
    match authority {
        Some(authority) => view! {
            <p class="hint">"The example checks the server's certificate: put the "<a href=authority rel="external" download=CA_FILE>"CA certificate"</a>" beside it as "<code>{CA_FILE}</code>"."{why}</p>
        },
        None => view! { <p class="hint">"The example encrypts, but does not check the server's certificate: who signs it is not known here."</p> },
    }
}
