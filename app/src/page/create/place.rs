//! Which place a new cluster is for: asked first, as links, so that what can be had there is known before anything is typed.

use crate::view::{DrawnAll, Html, view};
use crate::{
    component::{
        basic::{icon, note},
        card,
    },
    link::Link,
    page::places::{engine, state, versions},
};
use domain::{PlaceName, place::Place};

/// The places as cards, and what is different in the chosen one.
pub fn choose(all: &[Place], chosen: &PlaceName) -> Html {
    let cards = all.iter().map(|place| {
        let path = format!("{}?place={}", Link::Create.path(), place.name);
        let here = place.name == *chosen;
        let known = !place.offer.releases.is_empty();
        let what = if known { format!("{}, PostgreSQL {}", engine(place), versions(place)) } else { "Not known yet what can be had".to_owned() };
        view! {
            <a class="choice" href=path aria-current=here.then_some("true") data-on=here.then_some("")>
                <b class="row" style="--gap:.4rem">{here.then(|| icon("ok"))}{place.name.to_string()}</b>
                <span class="sm">{place.region.clone()}</span>
                <span class="xs muted">{what}</span>
                {state(place)}
            </a>
        }
    });
    let there = all.iter().find(|place| place.name == *chosen);
    let why = there.and_then(|place| place.report.reachable.as_ref().err()).map(|why| note("bad", view! { {why.clone()} }));
    let remarks: Vec<_> = there.into_iter().flat_map(|place| &place.offer.remarks).map(|remark| view! { <li>{remark.clone()}</li> }).collect();
    let remarks = (!remarks.is_empty()).then(|| view! { <ul class="sm muted" style="list-style:disc;padding-inline-start:1.2rem">{remarks}</ul> });
    let body = view! {
        <div class="body stack" style="--gap:var(--s3)">
            <div class="grid" style="--min:11rem;gap:var(--s2)">{cards.drawn_all()}</div>
            {why}
            {remarks}
        </div>
    };
    card("place", "Place", view! { <p>"A cluster stays where it was created."</p> }, body)
}
