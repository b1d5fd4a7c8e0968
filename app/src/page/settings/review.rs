//! What a draft would change and cost, and the button that applies it.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::post::{Post, post_form},
    component::{Dialog, dialog::closed_path, form_errors, icon, refused, submit},
    draft::Review,
    frame::may,
    page::collision::collision,
};
use domain::Action;
use leptos::prelude::*;

/// The dialog. `hidden` carries the draft.
pub fn review_dialog(id: &'static str, review: &Review, post: Post, hidden: Vec<(&'static str, Signal<String>)>, rows: Vec<(String, String)>) -> Html {
    let count = review.lines.len();
    let title = if count == 1 { "Review 1 change".to_owned() } else { format!("Review {count} changes") };
    if !may(Action::Configure) {
        return view! { <Dialog id=id title=title><div class="body">{refused("Applying this", Action::Configure)}</div></Dialog> };
    }
    let draft = rows.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).drawn_all();
    let inner = view! {
        {draft}
        <div class="body stack" style="--gap:var(--s3)">{lines(review)}{costs(&review.costs)}{collision(post.form)}{form_errors(post.form, &[])}</div>
        <footer><a class="btn" href=closed_path()>"Back"</a>{submit(post.form, "btn primary", "check", if count == 1 { "Apply change" } else { "Apply changes" })}</footer>
    };
    let form = post_form(post, "dlg", hidden, inner.drawn());
    view! { <Dialog id=id title=title>{form}</Dialog> }
}

fn lines(review: &Review) -> Html {
    if review.lines.is_empty() {
        return view! { <p class="muted">"Nothing differs from what is saved."</p> };
    }
    let rows = review.lines.iter().map(|(what, from, to)| {
        view! { <div><b class="sm">{what.clone()}</b>{"\n"}<del>{format!("- {from}")}</del>{"\n"}<ins>{format!("+ {to}")}</ins>{"\n"}</div> }
    });
    view! { <div class="code"><pre tabindex="0" aria-label="Changes">{rows.drawn_all()}</pre></div> }
}

/// What applying costs; that it costs nothing is said too.
pub fn costs(costs: &[String]) -> Html {
    if costs.is_empty() {
        return view! { <div class="note" data-s="ok">{icon("ok")}<div>"No restart, and no session ends."</div></div> };
    }
    let all = costs.iter().map(|cost| view! { <div class="note" data-s="warn">{icon("rotate")}<div>{cost.clone()}</div></div> });
    all.drawn_all().drawn()
}
