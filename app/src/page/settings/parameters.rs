//! Server parameters: a table of names and values. What is emptied goes back to its default.

use super::{review::review_dialog, review_button};
use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::{form::Form as Typed, post::Post, settings::SetParameters},
    component::{basic, error_line, form_errors, icon},
    draft::parameters::Table,
    page::actions::{seen, wanted_dialog},
};
use domain::{Cluster, Error, parameter::needs_restart};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::{components::Form, hooks::use_query_map, params::ParamsMap};

const DIALOG: &str = "review-parameters";
/// Empty rows below those that say something.
const SPARE: u16 = 3;

/// The card, with the dialog that reviews it.
pub fn card(cluster: Signal<Cluster>) -> Html {
    let query = use_query_map();
    let draft = Memo::new(move |_| read(&query.read()));
    let refused = Signal::derive(move || {
        let errors = draft.read().as_ref().map(|draft| draft.review(&cluster.read()).errors).unwrap_or_default();
        (!errors.is_empty()).then_some(Error::Invalid(errors))
    });
    let form = Typed::draft(refused, None);
    let table = draft.get_untracked().unwrap_or_else(|| Table::of(&cluster.read_untracked().spec));
    let rows = table.rows();
    let next = rows.last().map_or(0, |(n, ..)| n + 1);
    let spare = (next..next + SPARE).map(|n| (n, String::new(), String::new()));
    let rows = rows.into_iter().chain(spare).map(|(n, name, value)| row(form, n, name, value)).drawn_all();
    let body = view! {
        <Form method="get" action="" noscroll=true>
            <input type="hidden" name="dialog" value=DIALOG/>
            <div class="scroll"><table class="tbl stackable">
                <thead><tr><th scope="col">"Parameter"</th><th scope="col">"Value"</th><th scope="col">"Takes effect"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
            <div class="body" style="padding-block:0">{form_errors(form, &["names", "values"])}</div>
            <footer><span>"An emptied value goes back to its default. More rows appear after a review."</span>{review_button()}</footer>
        </Form>
        {dialog(cluster, draft)}
    };
    basic::card("parameters", "Parameters", (), body.drawn())
}

fn row(form: Typed, n: u16, name: String, value: String) -> Html {
    let typed = RwSignal::new(name.clone());
    let effect = move || match typed.read().trim() {
        "" => ().drawn(),
        name if needs_restart(name) => view! { <span class="tag" data-s="warn">{icon("rotate")}"restart needed"</span> },
        _ => view! { <span class="tag">{icon("zap")}"at once"</span> },
    };
    let (name_field, value_field) = (format!("n{n}"), format!("v{n}"));
    let (name_error, value_error) = (form.at(format!("names.{n}")), form.at(format!("values.{n}")));
    let invalid = |error: Signal<Option<String>>| move || error.read().is_some().then_some("true");
    let described = |error: Signal<Option<String>>, id: String| move || error.read().is_some().then(|| format!("{id}-e"));
    view! {
        <tr>
            <th scope="row">
                <input class="mono" name=name_field.clone() aria-label=format!("Name of parameter {}", n + 1) value=name autocomplete="off" spellcheck="false"
                    on:input=move |event| typed.set(event_target_value(&event)) aria-invalid=invalid(name_error) aria-describedby=described(name_error, name_field.clone())/>
                {error_line(name_field, name_error)}
            </th>
            <td data-l="Value"><div style="flex:1">
                <input class="mono" name=value_field.clone() aria-label=format!("Value of parameter {}", n + 1) value=value autocomplete="off" spellcheck="false"
                    aria-invalid=invalid(value_error) aria-describedby=described(value_error, value_field.clone())/>
                {error_line(value_field, value_error)}
            </div></td>
            <td data-l="Takes effect">{effect}</td>
        </tr>
    }
}

/// The draft in the address: `n0=work_mem&v0=16MB`.
fn read(query: &ParamsMap) -> Option<Table> {
    let mut table = Table::default();
    for (key, text) in query.latest_values() {
        let row = |prefix: char| key.strip_prefix(prefix)?.parse::<u16>().ok();
        if let Some(n) = row('n') {
            table.names.insert(n, text.to_owned());
        } else if let Some(n) = row('v') {
            table.values.insert(n, text.to_owned());
        }
    }
    (!table.names.is_empty()).then_some(table)
}

fn dialog(cluster: Signal<Cluster>, draft: Memo<Option<Table>>) -> Html {
    let wanted = wanted_dialog();
    let is_wanted = Memo::new(move |_| wanted.read().as_deref() == Some(DIALOG));
    let drawn = move || {
        let draft = draft.get().filter(|_| is_wanted.get())?;
        let review = draft.review(&cluster.read_untracked());
        if !review.errors.is_empty() {
            return None;
        }
        let post = Post::to(SetParameters::PATH);
        let said = draft.rows().into_iter().filter(|(_, name, value)| !name.trim().is_empty() && !value.trim().is_empty());
        let rows = said.flat_map(|(n, name, value)| [(format!("table[names][{n}]"), name), (format!("table[values][{n}]"), value)]).collect();
        Some(review_dialog(DIALOG, &review, post, seen(cluster, post), rows))
    };
    drawn.drawn()
}
