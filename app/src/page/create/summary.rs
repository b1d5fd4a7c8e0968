//! Beside the form: what the cluster will be, what it will use, and its resource; all follow the inputs.

use super::{document_of, draft::Draft};
use crate::view::{Html, view};
use crate::{
    api::form::Form,
    component::{code, cores, form_errors, submit},
};
use domain::quantity::{Cpu, human};
use leptos::prelude::*;
use std::fmt::Write;

/// The rail.
pub fn rail(form: Form, draft: RwSignal<Draft>) -> Html {
    let wish = Memo::new(move |_| draft.read().wish().0);
    let name = move || draft.with(|d| if d.name.trim().is_empty() { "no name yet".to_owned() } else { d.name.trim().to_owned() });
    let each = move || {
        let (spec, chosen) = (wish.get(), draft.read().preset.clone());
        format!("{} × {chosen}, {}, {}", spec.instances, cores(spec.size.cpu()), human(spec.size.memory().get()))
    };
    let compute = move || {
        let spec = wish.get();
        let n = spec.instances;
        format!("{}, {}", cores(Cpu::millis(spec.size.cpu().get() * u32::from(n))), human(spec.size.memory().get() * u64::from(n)))
    };
    let disk = move || wish.with(|spec| human(spec.storage.get() * u64::from(spec.instances)));
    let drawn = move || wish.with(|spec| picture(spec.instances, spec.quorum.max > 0));
    let document = Signal::derive(move || draft.with(document_of));
    view! {
        <aside class="rail stack" aria-label="Summary" style="--gap:var(--s3)">
            <section class="card">
                <header><h2>"Summary"</h2><span class="push muted sm trunc">{name}</span></header>
                <div class="body" aria-hidden="true" inner_html=drawn></div>
                <dl class="body kv ends" style="border-block-start:1px solid var(--line)">
                    <dt>"Instances"</dt><dd>{each}</dd>
                    <dt>"CPU and memory"</dt><dd>{compute}</dd>
                    <dt>"Storage"</dt><dd>{disk}</dd>
                </dl>
                <div class="body stack" style="--gap:var(--s2);border-block-start:1px solid var(--line)">
                    {form_errors(form, &Draft::FIELDS)}
                    {submit(form, "btn primary block", "plus", "Create cluster")}
                </div>
            </section>
            <details class="card" open>
                <summary style="padding:.7rem var(--s4);font-weight:600">"YAML"</summary>
                {code("YAML of the resource", document)}
            </details>
        </aside>
    }
}

/// An app, a primary and its replicas. Dashed: commits do not wait.
fn picture(instances: u8, waits: bool) -> String {
    let replicas = u32::from(instances.saturating_sub(1));
    let height = if replicas > 0 { 168 } else { 92 };
    let mut svg = format!(
        r#"<svg viewBox="0 0 300 {height}" width="100%" font-size="12" fill="none" stroke="var(--edge)" stroke-width="1.5"><rect x="108" y="1" width="84" height="22" rx="11"/>{}<path d="M150 23v12"/>{}{}"#,
        label(150, 16, "Your app", "var(--text-2)"),
        cylinder(150, 41, 16, 22, r#" stroke="var(--accent)" fill="var(--accent-soft)""#),
        label(150, 86, "Primary", "var(--text)"),
    );
    let step = if replicas > 1 { (240 / (replicas - 1)).min(110) } else { 0 };
    let dash = if waits { "" } else { r#" stroke-dasharray="4 3""# };
    for at in 0..replicas {
        let x = 150 + at * step - (replicas - 1) * step / 2;
        let name = if replicas > 4 { "" } else { "Replica" };
        // Writing into a String does not fail.
        let _ = write!(svg, r#"<path d="M150 94v12H{x}v12"{dash}/>{}{}"#, cylinder(x, 122, 12, 16, ""), label(x, 158, name, "var(--text-2)"));
    }
    svg + "</svg>"
}

fn label(x: u32, y: u32, text: &str, ink: &str) -> String {
    format!(r#"<text x="{x}" y="{y}" text-anchor="middle" stroke="none" fill="{ink}">{text}</text>"#)
}

fn cylinder(x: u32, y: u32, w: u32, h: u32, style: &str) -> String {
    let (left, flat, wide) = (x - w, w * 35 / 100, 2 * w);
    format!(r#"<path{style} d="M{left} {y}v{h}a{w} {flat} 0 0 0 {wide} 0v-{h}"/><ellipse{style} cx="{x}" cy="{y}" rx="{w}" ry="{flat}"/>"#)
}
