//! Who can do what: users against databases.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    component::{basic::card, dialog_path, icon},
    draft::access::Access,
    frame::may,
};
use domain::{Action, Cluster, DatabaseName, RoleName};
use leptos::prelude::*;

/// The card; nothing while there are no users or no databases.
pub fn matrix(cluster: Signal<Cluster>) -> Html {
    let drawn = move || {
        let cluster = cluster.read();
        let spec = &cluster.spec;
        if spec.users.is_empty() || spec.databases.is_empty() {
            return ().drawn();
        }
        let heads = spec.databases.keys().map(|name| view! { <th scope="col">{name.to_string()}</th> }).drawn_all();
        let rows = spec.users.keys().map(|user| {
            let cells = spec.databases.iter().map(|(name, database)| cell(user, name, Access::of(user, database))).drawn_all();
            view! { <tr><th scope="row"><code>{user.to_string()}</code></th>{cells}</tr> }
        });
        let lead = may(Action::Operate).then(|| view! { <p>"Choose a cell to change it."</p> });
        let table = view! {
            <div class="scroll"><table class="tbl matrix">
                <thead><tr><th scope="col">"User"</th>{heads}</tr></thead>
                <tbody>{rows.drawn_all()}</tbody>
            </table></div>
        };
        card("access", "Who can do what", lead, table)
    };
    drawn.drawn()
}

fn cell(user: &RoleName, database: &DatabaseName, access: Access) -> Html {
    let look = match access {
        Access::Owner => view! { <span class="st" data-s="busy">{icon("crown")}"Owner"</span> },
        Access::Admin => view! { <span class="st" data-s="busy">{icon("edit")}"Admin"</span> },
        Access::Read => view! { <span class="st" data-s="idle">{icon("eye")}"Read"</span> },
        Access::None => view! { <span class="faint">"none"</span> },
    };
    if !may(Action::Operate) {
        return view! { <td>{look}</td> };
    }
    let label = format!("{user} on {database}: {}. Change", access.title());
    view! { <td><a class="btn ghost small" href=dialog_path(&format!("edit-user-{user}")) aria-label=label>{look}</a></td> }
}
