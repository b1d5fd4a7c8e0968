//! Size and scale: preset, override, instances, storage, quorum.

use super::{review::review_dialog, review_button};
use crate::view::{Drawn, Html, view};
use crate::{
    api::{form::Form as Typed, post::Post, settings::Reshape},
    component::{Choice, Field, basic, choice},
    draft::shape::{Shape, durability_name},
    page::actions::{seen, wanted_dialog},
};
use domain::{Cluster, Error, offer::Offer, quantity::human, quorum::Durability, size::Preset};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::{components::Form, hooks::use_query_map};

const DIALOG: &str = "review-size";

/// The card, with the dialog that reviews it.
pub fn card(cluster: Signal<Cluster>, offer: &Offer) -> Html {
    let query = use_query_map();
    // The draft is in the address from the first review on.
    let draft = Memo::new(move |_| query.read().get("preset").map(|_| Shape::from(|name| query.read().get(name))));
    let review = Memo::new(move |_| draft.read().as_ref().map(|draft| draft.review(&cluster.read())));
    let refused = Signal::derive(move || review.get().map(|review| review.errors).filter(|errors| !errors.is_empty()).map(Error::Invalid));
    let typed = draft.get_untracked().map(|draft| draft.entries().map(|(name, text)| (name.to_owned(), text)).to_vec());
    let form = Typed::draft(refused, typed);
    let fields = fields(cluster, form, offer);
    let body = view! {
        <Form method="get" action="" noscroll=true>{fields}</Form>
        {dialog(cluster, draft)}
    };
    basic::card("size", "Size and scale", (), body)
}

fn fields(cluster: Signal<Cluster>, form: Typed, offer: &Offer) -> Html {
    let cluster = cluster.read_untracked();
    let spec = &cluster.spec;
    let now = |name: &str| Shape::of(spec).entries().into_iter().find(|(field, _)| *field == name).map(|(_, text)| text).unwrap_or_default();
    let presets = Preset::ALL.map(|preset| {
        let numbers = format!("{} CPU, {}", preset.cpu(), human(preset.memory().get()));
        Choice { value: preset.name().into(), label: preset.name().into(), text: numbers, ..Choice::default() }
    });
    let most = u32::from(offer.max_instances);
    let limits = offer.limits.clone().err().map(|why| view! { <p class="hint">{why}</p> });
    let storage =
        format!("{} or more. Never shrinks.{}", human(spec.storage.get()), offer.storage.clone().err().map(|why| format!(" {why}")).unwrap_or_default());
    let durability = form.value("durability", durability_name(spec.quorum.durability));
    let option = |value: Durability, label: &'static str| {
        let name = durability_name(value);
        view! { <option value=name selected=durability == name>{label}</option> }
    };
    view! {
        <input type="hidden" name="dialog" value=DIALOG/>
        <div class="body stack">
            <fieldset><legend class="sr">"Preset"</legend>{choice(form, "preset", now("preset"), "8rem", presets.to_vec())}</fieldset>
            {limits}
            <div class="grid" style="--min:11rem">
                <Field form=form name="instances" label="Instances" kind="number" range=(1, most) value=now("instances") hint="The primary included. Reads can go to the others."/>
                <Field form=form name="storage" label="Storage per instance" value=now("storage") hint=storage/>
                <Field form=form name="cpu" label="CPU of each instance" value=now("cpu") hint="Empty: as the preset says. Else as in 500m or 2."/>
                <Field form=form name="memory" label="Memory of each instance" value=now("memory") hint="Empty: as the preset says. Else as in 768Mi or 3Gi."/>
            </div>
            <div class="grid" style="--min:11rem">
                <Field form=form name="min" at="quorum.min" label="Commits wait for at least" kind="number" range=(0, 15) value=now("min") hint="Replicas that confirm while some are missing."/>
                <Field form=form name="max" at="quorum.max" label="Commits wait for at most" kind="number" range=(0, 15) value=now("max") hint="Replicas that confirm while all are healthy. 0: none."/>
                <div class="field"><label for="durability">"When replicas are missing"</label>
                    <select id="durability" name="durability">{option(Durability::Preferred, "Go on writing")}{option(Durability::Required, "Wait, do not write")}</select>
                </div>
            </div>
            {crate::component::form_errors(form, &["preset", "instances", "storage", "cpu", "memory", "quorum.min", "quorum.max"])}
        </div>
        <footer><span>"Nothing changes before you have seen what it costs."</span>{review_button()}</footer>
    }
}

fn dialog(cluster: Signal<Cluster>, draft: Memo<Option<Shape>>) -> Html {
    let wanted = wanted_dialog();
    let is_wanted = Memo::new(move |_| wanted.read().as_deref() == Some(DIALOG));
    let drawn = move || {
        let draft = draft.get().filter(|_| is_wanted.get())?;
        // Not followed live: what was reviewed is what is applied.
        let review = draft.review(&cluster.read_untracked());
        if !review.errors.is_empty() {
            return None;
        }
        let post = Post::to(Reshape::PATH);
        let rows = draft.entries().map(|(name, text)| (format!("shape[{name}]"), text)).to_vec();
        Some(review_dialog(DIALOG, &review, post, seen(cluster, post), rows))
    };
    drawn.drawn()
}
