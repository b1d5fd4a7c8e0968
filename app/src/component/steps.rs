//! Work that takes more than a few seconds, step by step.

use super::basic::{icon, spinning};
use crate::view::{DrawnAll, Html, view};

/// One step of a work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// ok, busy, bad or idle.
    pub state: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What is so, in words; may be empty.
    pub text: String,
}

/// The steps in order; `beside` gives what stands at the right of the step with that index, as in the time it took.
pub fn steps(all: Vec<Step>, beside: impl Fn(usize) -> Option<Html>) -> Html {
    let all = all.into_iter().enumerate().map(|(at, step)| {
        let symbol = if step.state == "busy" { spinning("busy") } else { icon(step.state) };
        let text = (!step.text.is_empty()).then(|| view! { <span class="hint">{step.text}</span> });
        let beside = beside(at).unwrap_or_else(|| view! { <span></span> });
        view! { <li data-s=step.state>{symbol}<b>{step.title}</b>{beside}{text}</li> }
    });
    view! { <ol class="steps">{all.drawn_all()}</ol> }
}
