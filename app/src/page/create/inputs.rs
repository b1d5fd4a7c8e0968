//! The inputs of the form for a new cluster.

use super::draft::{CUSTOM, Draft};
use crate::view::{Html, view};
use crate::{
    api::form::Form,
    component::{Choice, Field, card, check, choice, cores, error_line, seg},
};
use domain::{offer::Offer, place::Place, quantity::human, size::Preset, version::Major};
use leptos::{ev, prelude::*};

/// Most instances that fit on one line of choices; more can be had by YAML and later in the settings.
const ON_ONE_LINE: u8 = 6;

/// All sections. What is typed goes into `draft` as it is typed.
pub fn all(form: Form, draft: RwSignal<Draft>, place: &Place) -> Html {
    let offer = &place.offer;
    let mut start = draft.get_untracked();
    start.place = place.name.to_string();
    // Recommended is what most run; where it is not to be had, the newest.
    if offer.releases.iter().all(|release| release.major.to_string() != start.version) {
        start.version = offer.releases.iter().map(|release| release.major).max().map_or(start.version, |newest| newest.to_string());
    }
    draft.set(start.clone());
    let typed = move |event: ev::Event| {
        if let Some(next) = read(&event) {
            draft.set(next);
        }
    };
    view! {
        <div class="stack" on:input=typed>
            <input type="hidden" name="id" value=start.id.clone()/>
            <input type="hidden" name="place" value=start.place.clone()/>
            {basics(form, &start, offer)}
            {instances(form, draft, &start, offer)}
            {size(form, &start)}
            {access(form, &start, offer)}
        </div>
    }
}

/// The whole form around the input that was changed.
fn read(event: &ev::Event) -> Option<Draft> {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsCast;
        let form = event.target()?.dyn_into::<web_sys::HtmlInputElement>().ok()?.form()?;
        let data = web_sys::FormData::new_with_form(&form).ok()?;
        // A box that is not checked is not in the data: it is empty, not at its default.
        Some(Draft::read(|name| Some(data.get(name).as_string().unwrap_or_default())))
    }
    #[cfg(not(feature = "hydrate"))]
    {
        let _ = event;
        None
    }
}

fn basics(form: Form, start: &Draft, offer: &Offer) -> Html {
    let versions = Major::ALL.into_iter().filter_map(|major| {
        let release = offer.releases.iter().find(|r| r.major == major)?;
        let aside = match major {
            Major::V18 => "Newest. Supported to Nov 2030",
            Major::V17 => "Recommended. To Nov 2029",
            Major::V16 => "To Nov 2028",
            Major::V15 => "To Nov 2027",
        };
        Some(Choice { aside: aside.into(), ..Choice::new(major.to_string(), release.full.clone()) })
    });
    let body = view! {
        <div class="body stack">
            <Field form name="name" label="Name" hint="Lower-case letters, digits and hyphens. Part of the host name." value=start.name.clone() required=true/>
            {group("version", "PostgreSQL version", form, choice(form, "version", start.version.clone(), "8.5rem", versions.collect()), None)}
        </div>
    };
    card("basics", "Name and version", (), body)
}

fn instances(form: Form, draft: RwSignal<Draft>, start: &Draft, offer: &Offer) -> Html {
    let most = offer.max_instances.min(ON_ONE_LINE).max(start.instances.parse().unwrap_or(1));
    let numbers = (1..=most).map(|n| Choice::new(n.to_string(), n.to_string())).collect();
    let roles = move || match draft.read().wish().0.replicas() {
        0 => "1 primary, no replica: a restart interrupts it for a moment.".to_owned(),
        1 => "1 primary, 1 replica that takes over when the primary fails.".to_owned(),
        n => format!("1 primary, {n} replicas, one of which takes over when the primary fails."),
    };
    let sync = move || confirmation(&draft.read());
    let strict = match &offer.durable {
        Ok(()) => check(form, "strict", !start.strict.is_empty(), "Strict", "Writes wait when replicas are missing, rather than go on without them."),
        Err(why) => view! { <p class="sm muted">{why.clone()}</p> },
    };
    let quorum = view! {
        <div class="stack" style="--gap:var(--s2)">
            <div class="grid" style="--min:7rem;gap:var(--s2)">
                <Field form name="quorum_min" at="quorum.min" label="At least" kind="number" value=start.quorum_min.clone() range=(0, 15)/>
                <Field form name="quorum_max" at="quorum.max" label="At most" kind="number" value=start.quorum_max.clone() range=(0, 15)/>
            </div>
            {strict}
            {error_line("strict".into(), form.at("sync_replica_number"))}
        </div>
    };
    let body = view! {
        <div class="body grid" style="--min:16rem">
            {group("instances", "Instances", form, seg(form, "instances", start.instances.clone(), numbers), Some(hint(roles)))}
            <fieldset class="field"><legend style="margin-block-end:.3rem">"Replicas that confirm each commit"</legend>{quorum}{hint(sync)}</fieldset>
        </div>
    };
    card("topology", "Topology", (), body)
}

/// What the quorum means, in words.
fn confirmation(draft: &Draft) -> String {
    let (spec, _) = draft.wish();
    let (quorum, replicas) = (spec.quorum, spec.replicas());
    match (replicas, quorum.max) {
        (0, _) => "With one instance there is nobody to wait for.".into(),
        (_, 0) => "Commits do not wait for a replica. A failover can lose the last moments of writes.".into(),
        (_, max) if !draft.strict.is_empty() => format!("A commit waits for {max} of {replicas} replicas. Writes pause while fewer can answer."),
        (_, max) if quorum.min == max => format!("A commit waits for {max} of {replicas} replicas, for fewer when fewer are healthy."),
        (_, max) if quorum.min == 0 => format!("A commit waits for {max} of {replicas} replicas while so many are healthy, else for none. Writes never block."),
        (_, max) => format!("A commit waits for {max} of {replicas} replicas, for {} while fewer are healthy. Writes never block.", quorum.min),
    }
}

fn size(form: Form, start: &Draft) -> Html {
    let uses = |preset| match preset {
        Preset::Nano => "Trials",
        Preset::Micro => "Small sites",
        Preset::Small => "Staging",
        Preset::Medium => "Light production",
        Preset::Large => "Production",
        Preset::Xlarge => "Busy production",
        Preset::Xlarge2 => "Analytics",
    };
    let presets = Preset::ALL.into_iter().map(|preset| Choice {
        text: format!("{}, {}", cores(preset.cpu()), human(preset.memory().get())),
        aside: uses(preset).into(),
        ..Choice::new(preset.name(), preset.name())
    });
    let custom = Choice { text: "Set CPU and memory below".into(), ..Choice::new(CUSTOM, "Custom") };
    let own = view! {
        <details open=start.preset == CUSTOM>
            <summary class="sm">"Amounts of your own, used with Custom"</summary>
            <div class="grid" style="--min:16rem;margin-block-start:var(--s3)">
                <Field form name="cpu" label="CPU per instance" hint="Cores, as in 2 or 500m." value=start.cpu.clone()/>
                <Field form name="memory" label="Memory per instance" hint="As in 4Gi or 512Mi." value=start.memory.clone()/>
            </div>
        </details>
    };
    let body = view! {
        <div class="body stack">
            {group("preset", "Preset", form, choice(form, "preset", start.preset.clone(), "9.25rem", presets.chain([custom]).collect()), None)}
            {own}
            <div class="grid" style="--min:16rem">
                <Field form name="storage" label="Storage per instance" hint="Grows without downtime. Never shrinks." kind="number" unit="GiB" value=start.storage.clone() range=(1, 1024)/>
            </div>
        </div>
    };
    card("size", "Size of each instance", view! { <p>"Changing it later restarts the instances, replicas first."</p> }, body)
}

fn access(form: Form, start: &Draft, offer: &Offer) -> Html {
    let body = match &offer.external {
        Ok(()) => check(
            form,
            "external",
            !start.external.is_empty(),
            "Reachable from outside",
            "Adds a public address that always leads to the primary. TLS is always required.",
        ),
        Err(why) => view! { <p class="sm muted">{why.clone()}</p> },
    };
    card("access", "Access", (), view! { <div class="body stack">{body}<p class="hint">"Users and databases come next, on the cluster's own page."</p></div> })
}

fn hint(text: impl Fn() -> String + Send + Sync + 'static) -> Html {
    view! { <p class="hint"><output>{text}</output></p> }
}

/// Choices under one heading, with their error.
fn group(name: &'static str, label: &'static str, form: Form, inputs: Html, hint: Option<Html>) -> Html {
    let error = form.at(name);
    view! {
        <fieldset class="field" aria-describedby=format!("{name}-e")>
            <legend style="margin-block-end:.3rem">{label}</legend>{inputs}{hint}{error_line(name.into(), error)}
        </fieldset>
    }
}
