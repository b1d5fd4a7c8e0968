//! A cluster as a document: read, edited, reviewed, applied.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::{
        document::{ApplyDocument, Trial, apply_document, get_document},
        places::{get_access, get_objects},
        post::{Post, post_form},
    },
    component::{
        awaited,
        basic::{card, section_error},
        code,
        code::copy_button,
        copy, form_errors, icon, refused,
    },
    draft::{
        diff::{Line, lines, near},
        percent,
    },
    frame::may,
    page::{actions::top, cluster::use_cluster, collision::collision},
};
use domain::{Action, Cluster, place::Access};
use leptos::{prelude::*, server_fn::ServerFn};

/// The page.
#[component]
pub fn Yaml() -> impl IntoView {
    let cluster = use_cluster();
    let id = cluster.read_untracked().id;
    let post = Post::to(ApplyDocument::PATH);
    let document = Resource::new(move || id, get_document);
    // Without script the answer to a review is this page again, with what was typed: then the trial is made here.
    let typed = post.form.typed("text").filter(|_| post.form.error().read_untracked().is_none());
    let generation = cluster.read_untracked().generation;
    let trial = Resource::new(
        move || typed.clone(),
        move |typed| async move {
            match typed {
                Some(text) => apply_document(id, Some(generation), text, "review".into()).await.ok(),
                None => None,
            }
        },
    );
    let applied = Resource::new(
        // Anew with every wish.
        move || cluster.read().generation,
        move |_| async move { (get_objects(id).await.unwrap_or_default(), get_access(id).await.unwrap_or_default()) },
    );
    view! {
        {top(())}
        <div class="split" style="--rail:21rem">
            {awaited("Loading the document", move || async move {
                    match (document.await, trial.await) {
                        (Ok(document), trial) => editor(cluster, post, document, trial),
                        (Err(error), _) => section_error("The document", &error.0),
                    }
                })}
            <div class="stack rail">{conditions(cluster)}{terminal(&cluster.read_untracked())}</div>
        </div>
        {awaited("", move || async move { objects(applied.await) })}
    }
}

/// What stands for the wish where the cluster runs, and how to look at it there. Nothing where there are no objects.
fn objects((text, access): (String, Access)) -> Html {
    if text.is_empty() {
        return ().drawn();
    }
    let commands =
        access.commands.into_iter().map(|(what, command)| view! { <div class="field"><span class="label">{what}</span>{copy("Copy command", command)}</div> });
    // The commands first: the objects are long, and scroll in a frame of their own.
    let body =
        view! { <div class="body stack" style="--gap:var(--s3)">{commands.drawn_all()}</div><div class="tall">{code("Objects that are applied", text)}</div> };
    view! { <div style="margin-block-start:var(--s4)">{card("objects", "What is applied", view! { <p>"Secrets are left out. Fields that are not here belong to others."</p> }, body)}</div> }
}

fn editor(cluster: Signal<Cluster>, post: Post, document: String, trial: Option<Trial>) -> Html {
    let (name, id, seen) = { (cluster.read_untracked().name.clone(), cluster.read_untracked().id, cluster.read_untracked().generation) };
    let text = RwSignal::new(post.form.value("text", document.clone()));
    let first = StoredValue::new(trial);
    // Typing makes the review void: it was about another text.
    let fresh = RwSignal::new(true);
    let heard = move |event| {
        text.set(event_target_value(&event));
        post.forget();
        fresh.set(false);
    };
    let shown = Memo::new(move |_| match post.answer().get() {
        Some(answer) => serde_json::from_str::<Trial>(&answer).ok(),
        None => first.get_value().filter(|_| fresh.get()),
    });
    let file = format!("data:application/yaml;charset=utf-8,{}", percent(&document));
    let download = view! { <a class="btn small push" href=file download=format!("{name}.yaml") rel="external">{icon("dl")}"Download"</a> };
    let may_apply = may(Action::Configure);
    let saved = StoredValue::new(document);
    let area = view! {
        <label class="sr" for="text">"Document"</label>
        <textarea id="text" name="text" class="mono" rows="26" spellcheck="false" autocomplete="off" readonly=!may_apply on:input=heard
            style="border:0;border-radius:0;background:var(--sunken);font-size:var(--t-xs);line-height:1.65;white-space:pre;overflow-x:auto"
            aria-invalid=move || post.form.error().read().is_some().then_some("true")>{text.get_untracked()}</textarea>
    };
    let moved = move || {
        (cluster.read().generation != seen).then(|| {
            view! { <div class="note" data-s="warn">{icon("warn")}<div>"The cluster was changed while this page was open. Applying is refused first and says by whom. "<a href="" rel="external">"Load the newer document"</a></div></div> }
        })
    };
    let review = move || shown.get().map(|trial| saved.with_value(|saved| reviewed(&trial, saved, &text.read_untracked())));
    let buttons = move || {
        let apply = shown.read().as_ref().is_some_and(|trial| trial.changed).then(|| {
            view! { <button class="btn primary" type="submit" name="intent" value="save">{icon("check")}"Apply"</button> }
        });
        let class = if apply.is_some() { "btn push" } else { "btn primary push" };
        view! { <button class=class type="submit" name="intent" value="review" aria-busy=move || post.form.busy.get().then_some("true")>{icon("eye")}"Review changes"</button>{apply} }
    };
    let foot = match may_apply {
        true => view! {
            <div class="body stack" style="--gap:var(--s3)">{moved}{review}{collision(post.form)}{form_errors(post.form, &[])}</div>
            <footer><span>{format!("Generation {seen}")}</span>{buttons}</footer>
        },
        false => view! { <div class="body">{refused("Applying a document", Action::Configure)}</div> },
    };
    let hidden = vec![("cluster", Signal::stored(id.to_string())), ("expected", post.expected(seen))];
    let typed = Signal::derive(move || text.get());
    let beside = view! { <span class="faint sm">{format!("postgres/{name}")}</span>{download}{copy_button("Copy document".into(), typed)} };
    let inner = view! { {area}{foot} };
    let form = if may_apply { post_form(post, "", hidden, inner) } else { inner };
    card("document", "Resource", beside, form)
}

/// What the typed text would change and cost.
fn reviewed(trial: &Trial, saved: &str, typed: &str) -> Html {
    if !trial.changed {
        return view! { <div class="note" data-s="ok" role="status">{icon("ok")}<div>"This is what is saved already: applying it changes nothing."</div></div> };
    }
    let all = lines(saved, typed);
    let shown = near(&all, 2).into_iter().map(|line| match line {
        Line::Same(text) => view! { {format!("  {text}\n")} },
        Line::Gone(text) => view! { <del>{format!("- {text}\n")}</del> },
        Line::New(text) => view! { <ins>{format!("+ {text}\n")}</ins> },
    });
    view! {
        <div class="stack" style="--gap:var(--s3)" role="status" aria-label="What would change">
            <div class="code"><pre tabindex="0" aria-label="Changes">{shown.drawn_all()}</pre></div>
            {super::settings::costs(&trial.costs)}
        </div>
    }
}

fn conditions(cluster: Signal<Cluster>) -> Html {
    let rows = move || {
        let cluster = cluster.read();
        if cluster.status.conditions.is_empty() {
            return view! { <p class="body muted">"Nobody has looked yet."</p> };
        }
        let all = cluster.status.conditions.iter().map(|condition| {
            let (state, symbol, word) = match condition.holds {
                Some(true) => ("ok", "ok", "true"),
                Some(false) => ("idle", "idle", "false"),
                None => ("idle", "help", "unknown"),
            };
            let kind = condition.kind.clone();
            view! { <li>{crate::component::status(state, symbol, kind)}<span class="sr">{word}</span><span class="push muted">{condition.reason.message.clone()}</span></li> }
        });
        view! { <ul class="list">{all.drawn_all()}</ul> }
    };
    card("conditions", "Conditions", (), rows)
}

fn terminal(cluster: &Cluster) -> Html {
    let name = &cluster.name;
    let body = view! {
        <div class="body stack" style="--gap:var(--s2)">
            {copy("Copy command", format!("howdah get {name} -o yaml > {name}.yaml"))}
            {copy("Copy command", format!("howdah apply -f {name}.yaml --wait"))}
            <p class="hint">"Needs "<code>"HOWDAH_URL"</code>" and "<code>"HOWDAH_TOKEN"</code>". Passwords are never in the document: a user without one keeps what it has."</p>
        </div>
    };
    card("terminal", "Same thing from a terminal", (), body)
}
