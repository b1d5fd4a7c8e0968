//! Signing in: by a one-time link, which the server prints for whoever can reach its terminal.

use crate::view::view;
use crate::{
    component::{icon, note},
    link,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// The page. `error` and `next` come in the query.
#[component]
pub fn SignIn() -> impl IntoView {
    let query = use_query_map();
    let problem = move || {
        query.read().get("error").map(|error| {
            let text = match error.as_str() {
                "expired" => {
                    view! { <b>"This link was used before, is too old, or was cut off."</b>" A link works once, for 15 minutes: make a new one." }
                }
                "unavailable" => view! { <b>"The portal cannot reach its own database."</b>" Your link was not used up; try it again in a moment." },
                _ => view! { <b>"Signing in failed."</b>" The log of the portal says why. Try again with a new link." },
            };
            note("warn", text)
        })
    };
    let next = move || query.read().get("next").filter(|path| link::is_local(path)).unwrap_or_default();
    view! {
        <Title text="Sign in"/>
        <div style="min-block-size:100dvh;display:grid;position:relative;overflow:hidden">
            <main class="stack" id="main" style="--gap:var(--s5);position:relative;inline-size:min(26rem,calc(100vw - 2rem));margin:auto;padding-block:var(--s8)">
                <div class="brand" style="font-size:1.125rem;padding:0">{icon("logo")}"Howdah"</div>
                <div class="stack" style="--gap:.25rem">
                    <h1 style="font-size:var(--t-2xl)">"Sign in"</h1>
                    <p class="muted">"PostgreSQL clusters, made and kept for you."</p>
                </div>
                <div role="alert">{problem}</div>
                <div class="card">
                    <form class="body stack" method="post" action=link::SIGN_IN_POST>
                        <input type="hidden" name="next" value=next/>
                        <div class="field">
                            <label for="link">"Sign-in link"</label>
                            <input id="link" name="link" type="text" required autocomplete="off" spellcheck="false" aria-describedby="link-h"/>
                            <p class="hint" id="link-h">"The whole link, or only the code at its end."</p>
                        </div>
                        <button class="btn primary block" type="submit" style="--ctl:2.5rem">{icon("key")}"Sign in"</button>
                    </form>
                </div>
                <div class="stack hint" style="--gap:var(--s2)">
                    <p>"There are no passwords. On the machine where the portal runs, this prints a fresh link, good once for 15 minutes:"</p>
                    <div class="code"><pre tabindex="0" aria-label="Command">"howdah link"</pre></div>
                    <p>"No access to that machine? Ask whoever runs it to send you a link."</p>
                </div>
            </main>
        </div>
    }
}
