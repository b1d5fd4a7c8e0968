//! The list before there is a first cluster.

use crate::view::{Html, view};
use crate::{
    component::{icon, refused},
    frame::{link_button, may},
    link::Link,
};
use domain::Action;

/// The clusters of the picture: a primary and two replicas.
const PICTURE: &str = r#"<path d="M88 44v14M40 76V66h96v10" stroke-dasharray="3 3"/><g stroke="var(--accent)" fill="var(--accent-soft)"><path d="M70 12v24c0 4 8 7 18 7s18-3 18-7V12"/><ellipse cx="88" cy="12" rx="18" ry="7"/></g><g fill="var(--surface)"><path d="M26 80v14c0 3 6 5 14 5s14-2 14-5V80"/><ellipse cx="40" cy="80" rx="14" ry="5"/><path d="M122 80v14c0 3 6 5 14 5s14-2 14-5V80"/><ellipse cx="136" cy="80" rx="14" ry="5"/></g>"#;

/// What belongs here, why, and the first step.
pub fn first_step() -> Html {
    let step =
        if may(Action::Create) { link_button("btn primary", &Link::Create, "plus", "Create cluster") } else { refused("Creating a cluster", Action::Create) };
    let shape = |instances: u8, title: &'static str, text: &'static str| {
        view! { <a class="choice" style="text-decoration:none;color:inherit" href=format!("{}?instances={instances}", Link::Create.path())><b>{title}</b><span class="hint">{text}</span></a> }
    };
    let shapes = may(Action::Create).then(|| {
        view! {
            <hr/>
            <div class="body grid" style="--min:15rem;padding:var(--s4)">
                {shape(1, "Standalone", "One instance. For development, tests and short jobs.")}
                {shape(3, "Replicated", "A primary and replicas that follow it and take over when it fails. For production.")}
            </div>
            <footer style="flex-wrap:nowrap">{icon("yaml")}<span>"Already have a "<code>"Postgres"</code>" resource? "<a href=format!("{}?mode=yaml", Link::Create.path())>"Import its YAML"</a>" or send it with "<code>"howdah apply"</code>": it shows up here."</span></footer>
        }
    });
    view! {
        <section class="card">
            <div class="empty">
                <svg class="art" viewBox="0 0 176 104" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true" inner_html=PICTURE></svg>
                <h2>"Create your first PostgreSQL cluster"</h2>
                <p>"A cluster is one primary that takes writes and, if you want, replicas that follow it and take over when it fails. It is ready in seconds."</p>
                <div class="row">{step}</div>
            </div>
            {shapes}
        </section>
    }
}
