//! Choices: few words on one line, cards with numbers, switches and check boxes. All are real radios and boxes.

use crate::api::form::Form;
use crate::view::{DrawnAll, Html, view};

/// One of several.
#[derive(Clone, Default)]
pub struct Choice {
    /// Sent.
    pub value: String,
    /// Read.
    pub label: String,
    /// Below the label.
    pub text: String,
    /// Below the text, smaller.
    pub aside: String,
    /// Cannot be chosen.
    pub disabled: bool,
}

impl Choice {
    /// A choice with nothing but a label.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), ..Self::default() }
    }
}

/// Two to six exclusive values on one line. Starts from what was typed, else from `value`.
pub fn seg(form: Form, name: &'static str, value: impl Into<String>, all: Vec<Choice>) -> Html {
    let chosen = form.value(name, value);
    let all = all.into_iter().map(|choice| {
        let checked = choice.value == chosen;
        view! { <label style="min-inline-size:2.25rem;justify-content:center"><input type="radio" name=name value=choice.value checked=checked disabled=choice.disabled/>{choice.label}</label> }
    });
    view! { <div class="seg" style="justify-self:start">{all.drawn_all()}</div> }
}

/// Exclusive values that need numbers, as cards. `min` is the least width of one.
pub fn choice(form: Form, name: &'static str, value: impl Into<String>, min: &'static str, all: Vec<Choice>) -> Html {
    let chosen = form.value(name, value);
    let all = all.into_iter().map(|choice| {
        let checked = choice.value == chosen;
        let aside = (!choice.aside.is_empty()).then(|| view! { <span class="xs muted">{choice.aside}</span> });
        let text = (!choice.text.is_empty()).then(|| view! { <span class="sm">{choice.text}</span> });
        view! {
            <label class="choice">
                <input type="radio" name=name value=choice.value checked=checked disabled=choice.disabled/>
                <b>{choice.label}</b>{text}{aside}
            </label>
        }
    });
    view! { <div class="grid" style=format!("--min:{min};gap:var(--s2)")>{all.drawn_all()}</div> }
}

/// A box that is part of a form. `on` is what it starts from.
pub fn check(form: Form, name: &'static str, on: bool, label: impl Into<String>, text: impl Into<String>) -> Html {
    let checked = form.typed(name).map_or(on, |typed| !typed.is_empty());
    view! { <label class="check"><input type="checkbox" name=name value="true" checked=checked/><span><b>{label.into()}</b><small>{text.into()}</small></span></label> }
}

/// A switch: turns a group on.
pub fn switch(form: Form, name: &'static str, on: bool, label: impl Into<String>) -> Html {
    let checked = form.typed(name).map_or(on, |typed| !typed.is_empty());
    view! { <label class="switch"><input type="checkbox" role="switch" name=name value="true" checked=checked/>{label.into()}</label> }
}
