//! What the server writes.

use super::{DrawnAll, Html, view};
use leptos::prelude::*;
use proptest::prelude::*;

fn written(html: Html) -> String {
    html.to_html()
}

#[test]
fn an_element_is_written_with_what_is_set_on_it() {
    let (off, on, none) = (false, true, None::<String>);
    let html = view! { <a class="btn" href="/x" hidden=off download=on rel=none tabindex=3>"Go"</a> };
    assert_eq!(written(html), "<a class=\"btn\" href=\"/x\" download=\"\" tabindex=\"3\">Go</a>");
    assert_eq!(written(view! { <input type="text" required/> }), "<input type=\"text\" required=\"\">");
    assert_eq!(written(view! { <svg class="i"><use href=String::from("#i-ok")></use></svg> }), "<svg class=\"i\"><use href=\"#i-ok\"></use></svg>");
    assert_eq!(written(view! { <noscript inner_html="<b>No</b>"></noscript> }), "<noscript><b>No</b></noscript>");
}

#[test]
fn classes_come_and_go_beside_those_that_stay() {
    let drawn = |is_stale: bool| written(view! { <p class="num" class:stale=is_stale class:late=move || !is_stale></p> });
    assert_eq!(drawn(true), "<p class=\"num stale\"></p>");
    assert_eq!(drawn(false), "<p class=\"num late\"></p>");
    assert_eq!(written(view! { <p class:stale=true></p> }), "<p class=\"stale\"></p>");
    assert_eq!(written(view! { <p class:stale=false></p> }), "<p></p>");
}

/// The browser finds each part again where the server put it: two texts need something between them, and nothing needs a place.
#[test]
fn parts_are_kept_apart() {
    let (name, none) = (String::from("orders"), None::<String>);
    assert_eq!(written(view! { <p>"Cluster "{name}</p> }), "<p>Cluster <!>orders</p>");
    assert_eq!(written(view! { <p>{none}"x"</p> }), "<p><!>x</p>");
    let all = ["a", "b"].map(|word| view! { <li>{word}</li> });
    assert_eq!(written(view! { <ul>{all.into_iter().drawn_all()}</ul> }), "<ul><li>a</li><li>b</li><!></ul>");
}

#[test]
fn a_closure_is_drawn_as_what_it_answers_now() {
    let html = view! { <p title=move || "so".to_owned()>{move || Some(view! { <b>"now"</b> })}</p> };
    assert_eq!(written(html), "<p title=\"so\"><b>now</b></p>");
}

proptest! {
    /// No text leaves the attribute or the element that it was put in.
    #[test]
    fn text_stays_text(text in "[a-z<>&\"' ]{1,20}") {
        let html = written(view! { <p title=text.clone()>{text.clone()}</p> });
        let (title, rest) = html.strip_prefix("<p title=\"").unwrap().split_once('"').unwrap();
        let inner = rest.strip_prefix('>').unwrap().strip_suffix("</p>").unwrap();
        prop_assert!(!inner.contains('<') && !title.contains('<'));
        let back = |text: &str| text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&#x27;", "'").replace("&amp;", "&");
        prop_assert_eq!(back(title), text.clone());
        prop_assert_eq!(back(inner), text);
    }
}
