//! Who can do what: users against databases.

use crate::{
    component::{basic::card, dialog_path, icon},
    draft::access::Access,
    frame::may,
};
use domain::{Action, Cluster, DatabaseName, RoleName};
use leptos::prelude::*;

/// The card; nothing while there are no users or no databases.
pub fn matrix(cluster: Signal<Cluster>) -> AnyView {
    let drawn = move || {
        let cluster = cluster.read();
        let spec = &cluster.spec;
        if spec.users.is_empty() || spec.databases.is_empty() {
            return ().into_any();
        }
        let heads = spec.databases.keys().map(|name| view! { <th scope="col">{name.to_string()}</th> }).collect_view();
        let rows = spec.users.keys().map(|user| {
            let cells = spec.databases.iter().map(|(name, database)| cell(user, name, Access::of(user, database))).collect_view();
            view! { <tr><th scope="row"><code>{user.to_string()}</code></th>{cells}</tr> }
        });
        let lead = may(Action::Operate).then(|| view! { <p>"Choose a cell to change it."</p> });
        let table = view! {
            <div class="scroll"><table class="tbl matrix">
                <thead><tr><th scope="col">"User"</th>{heads}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table></div>
        };
        card("access", "Who can do what", lead, table)
    };
    drawn.into_any()
}

fn cell(user: &RoleName, database: &DatabaseName, access: Access) -> AnyView {
    let look = match access {
        Access::Owner => view! { <span class="st" data-s="busy">{icon("crown")}"Owner"</span> }.into_any(),
        Access::Admin => view! { <span class="st" data-s="busy">{icon("edit")}"Admin"</span> }.into_any(),
        Access::Read => view! { <span class="st" data-s="idle">{icon("eye")}"Read"</span> }.into_any(),
        Access::None => view! { <span class="faint">"none"</span> }.into_any(),
    };
    if !may(Action::Operate) {
        return view! { <td>{look}</td> }.into_any();
    }
    let label = format!("{user} on {database}: {}. Change", access.title());
    view! { <td><a class="btn ghost small" href=dialog_path(&format!("edit-user-{user}")) aria-label=label>{look}</a></td> }.into_any()
}
