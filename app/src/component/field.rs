//! Inputs with label, hint and error, tied together for everybody's eyes and ears.

use super::basic::icon;
use crate::api::form::Form;
use crate::view::{Drawn, DrawnAll, Html, view};
use leptos::prelude::*;

/// An input with label, hint and error. Starts from what was typed before the form came back, else from `value`.
#[component]
pub fn Field(
    /// The form that it belongs to.
    form: Form,
    /// Name of the input; also its id unless `id` is given.
    name: &'static str,
    /// Above it.
    #[prop(into)]
    label: String,
    /// Below it.
    #[prop(into, optional)]
    hint: String,
    /// Path of its errors when it differs from the name, as in `quorum.max`.
    #[prop(optional)]
    at: Option<&'static str>,
    /// Id when the name is on the page more than once.
    #[prop(into, optional)]
    id: Option<String>,
    /// What it starts from.
    #[prop(into, optional)]
    value: String,
    /// `text`, `number`, `password`, …
    #[prop(default = "text")]
    kind: &'static str,
    /// A unit behind it, as in `GiB`.
    #[prop(optional)]
    unit: Option<&'static str>,
    /// Must be filled in.
    #[prop(optional)]
    required: bool,
    /// For password managers; `off` by default.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// An example.
    #[prop(optional)]
    placeholder: Option<&'static str>,
    /// Least and most, for numbers.
    #[prop(optional)]
    range: Option<(u32, u32)>,
) -> impl IntoView {
    let id = id.unwrap_or_else(|| name.to_owned());
    let tie = Tie::new(form, at.unwrap_or(name), &id, !hint.is_empty());
    let value = if kind == "password" { String::new() } else { form.value(name, value) };
    let (min, max) = (range.map(|r| r.0), range.map(|r| r.1));
    let input = view! {
        <input id=id.clone() name=name type=kind value=value required=required autocomplete=autocomplete placeholder=placeholder min=min max=max
            aria-describedby=tie.described aria-invalid=tie.invalid/>
    };
    let input = match unit {
        Some(unit) => view! { <div class="join">{input}<span class="unit">{unit}</span></div> },
        None => input.drawn(),
    };
    framed(id, label, hint, tie.error, input)
}

/// A text of several lines with label, hint and error.
#[component]
pub fn Area(
    /// The form that it belongs to.
    form: Form,
    /// Name and id of the input.
    name: &'static str,
    /// Above it.
    #[prop(into)]
    label: String,
    /// Below it.
    #[prop(into, optional)]
    hint: String,
    /// Path of its errors when it differs from the name.
    #[prop(optional)]
    at: Option<&'static str>,
    /// What it starts from.
    #[prop(into, optional)]
    value: String,
    /// Lines shown.
    #[prop(default = 6)]
    rows: u32,
    /// Called with the text as it is typed.
    #[prop(optional)]
    on_text: Option<Callback<String>>,
) -> impl IntoView {
    let tie = Tie::new(form, at.unwrap_or(name), name, !hint.is_empty());
    let text = form.value(name, value);
    let heard = move |ev| {
        if let Some(on_text) = on_text {
            on_text.run(event_target_value(&ev));
        }
    };
    let input = view! {
        <textarea id=name name=name rows=rows class="mono" spellcheck="false" autocomplete="off" on:input=heard
            aria-describedby=tie.described aria-invalid=tie.invalid>{text}</textarea>
    };
    framed(name.into(), label, hint, tie.error, input.drawn())
}

/// What ties an input to its hint and its error.
pub struct Tie {
    /// The sentence beside it.
    pub error: Signal<Option<String>>,
    /// For `aria-describedby`.
    pub described: Signal<Option<String>>,
    /// For `aria-invalid`.
    pub invalid: Signal<Option<&'static str>>,
}

impl Tie {
    /// For an input with this id whose errors come under the path `at`.
    pub fn new(form: Form, at: &'static str, id: &str, has_hint: bool) -> Self {
        let error = form.at(at);
        let (hint_id, error_id) = (format!("{id}-h"), format!("{id}-e"));
        let described = Signal::derive(move || match (has_hint, error.read().is_some()) {
            (true, true) => Some(format!("{hint_id} {error_id}")),
            (true, false) => Some(hint_id.clone()),
            (false, true) => Some(error_id.clone()),
            (false, false) => None,
        });
        let invalid = Signal::derive(move || error.read().is_some().then_some("true"));
        Self { error, described, invalid }
    }
}

fn framed(id: String, label: String, hint: String, error: Signal<Option<String>>, input: Html) -> Html {
    let hint = (!hint.is_empty()).then(|| view! { <p class="hint" id=format!("{id}-h")>{hint}</p> });
    view! { <div class="field"><label for=id.clone()>{label}</label>{input}{hint}{error_line(id, error)}</div> }
}

/// The error below an input or a group, with the id that [`Tie`] names.
pub fn error_line(id: String, error: Signal<Option<String>>) -> Html {
    (move || {
        let id = format!("{id}-e");
        error.get().map(|text| view! { <p class="error" id=id>{icon("bad")}<span>{text}</span></p> })
    })
    .drawn()
}

/// What is wrong with a form as a whole: errors that belong to none of the fields `shown`, and a count of those that do.
pub fn form_errors(form: Form, shown: &'static [&'static str]) -> Html {
    let elsewhere = form.elsewhere(shown);
    let error = form.error();
    let beside = move || match error.read().as_ref() {
        Some(domain::Error::Invalid(all)) => all.len().saturating_sub(elsewhere.read().len()),
        _ => 0,
    };
    let lines = move || {
        let counted = match beside() {
            0 => None,
            1 => Some("One field to fix.".to_owned()),
            n => Some(format!("{n} fields to fix.")),
        };
        let all = elsewhere.get().into_iter().chain(counted);
        all.map(|text| view! { <p class="error">{icon("bad")}<span>{text}</span></p> }).drawn_all()
    };
    view! { <div role="alert" class="stack" style="--gap:.25rem">{lines}</div> }
}

/// The button that sends a form; busy while it is under way. `class` as in `btn primary`.
pub fn submit(form: Form, class: &'static str, symbol: &'static str, label: impl Into<String>) -> Html {
    let (label, busy) = (label.into(), form.busy);
    let symbol = move || if busy.get() { super::spinning("busy") } else { icon(symbol) };
    view! { <button class=class type="submit" aria-busy=move || busy.get().then_some("true")>{symbol}{label}</button> }
}
