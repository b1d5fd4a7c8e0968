//! The databases: table, and the dialogs to add, change and remove one.

use super::{by_hand, item};
use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::{
        databases::{AddDatabase, RemoveDatabase, SetDatabase},
        post::Post,
    },
    component::{Field, basic::card, dialog_path, icon, menu},
    frame::may,
    link::Link,
    page::actions::{Ask, ask, seen, wanted_dialog},
};
use domain::{Action, Cluster, DatabaseName, RoleName, database::Database, name::Group};
use leptos::{prelude::*, server_fn::ServerFn};

/// The table.
pub fn table(cluster: Signal<Cluster>) -> Html {
    let count = move || view! { <span class="count">{cluster.read().spec.databases.len()}</span> };
    let body = move || {
        let cluster = cluster.read();
        if cluster.spec.databases.is_empty() && cluster.status.foreign_databases.is_empty() {
            return nothing();
        }
        let own = cluster.spec.databases.iter().map(|(name, database)| row(&cluster, name, database)).drawn_all();
        let foreign = cluster.status.foreign_databases.iter().map(|name| {
            view! { <tr><th scope="row">{name.clone()}</th><td></td><td data-l="Extensions">{by_hand()}</td><td></td><td></td></tr> }
        });
        view! {
            <div class="scroll"><table class="tbl stackable">
                <thead><tr>
                    <th scope="col">"Name"</th><th scope="col">"Owner"</th><th scope="col">"Extensions"</th><th scope="col">"State"</th>
                    <th><span class="sr">"Actions"</span></th>
                </tr></thead>
                <tbody>{own}{foreign.drawn_all()}</tbody>
            </table></div>
        }
    };
    card("databases", "Databases", count, body)
}

fn nothing() -> Html {
    let step = may(Action::Operate).then(|| view! { <a class="btn" href=dialog_path("add-database")>{icon("plus")}"Create database"</a> });
    crate::component::empty("No databases yet", "Tables live in a database. Each has its own groups of users who may change or read it.", step)
}

fn row(cluster: &Cluster, name: &DatabaseName, database: &Database) -> Html {
    let owner = database.owner.as_ref().map_or_else(|| name.group(Group::Admin), ToString::to_string);
    let extensions = database.extensions.iter().map(|extension| view! { <span class="tag">{extension.to_string()}</span> }).drawn_all();
    let actions = may(Action::Operate).then(|| {
        let entry = |id: &str, class: &'static str, symbol: &'static str, label: &'static str| view! { <a class=class href=dialog_path(&format!("{id}-{name}"))>{icon(symbol)}{label}</a> };
        let connect = format!("{}?db={name}#connect", Link::Overview(cluster.name.clone()).path());
        let extensions = format!("{}?ext={name}#extensions", Link::Data(cluster.name.clone()).path());
        let remove = may(Action::Configure).then(|| view! { <hr/>{entry("remove-database", "danger", "trash", "Remove database")} });
        let items = view! {
            <a href=connect>{icon("link")}"Connect"</a>
            {entry("edit-database", "", "crown", "Change owner")}
            <a href=extensions>{icon("ext")}"Extensions"</a>
            {remove}
        };
        menu(format!("m-db-{name}"), format!("Actions for {name}"), "btn icon ghost small", items)
    });
    view! {
        <tr>
            <th scope="row">{name.to_string()}<p class="xs muted" style="font-weight:400">{database.description.to_string()}</p></th>
            <td data-l="Owner"><code>{owner}</code></td>
            <td data-l="Extensions"><div class="row" style="--gap:.25rem">{extensions}</div></td>
            <td data-l="State">{item(cluster, cluster.status.databases.get(name), 0)}</td>
            <td class="n">{actions}</td>
        </tr>
    }
}

/// The dialog that the address asks for, if it is about a database.
pub fn dialogs(cluster: Signal<Cluster>, offered: StoredValue<Vec<String>>) -> Html {
    let wanted = wanted_dialog();
    let drawn = move || {
        let wanted = wanted.get().unwrap_or_default();
        let named = |prefix: &str| {
            let name: DatabaseName = wanted.strip_prefix(prefix)?.parse().ok()?;
            let database = cluster.read_untracked().spec.databases.get(&name).cloned()?;
            Some((name, database))
        };
        if wanted == "add-database" {
            return add(cluster, offered);
        }
        if let Some((name, database)) = named("edit-database-") {
            return edit(cluster, wanted.clone(), &name, &database);
        }
        if let Some((name, _)) = named("remove-database-") {
            return remove(cluster, wanted.clone(), &name);
        }
        ().drawn()
    };
    drawn.drawn()
}

fn add(cluster: Signal<Cluster>, offered: StoredValue<Vec<String>>) -> Html {
    let post = Post::to(AddDatabase::PATH);
    let all =
        offered.with_value(|all| super::extensions::boxes(all, &|name| post.form.typed(&format!("extensions[{name}]")).is_some_and(|typed| !typed.is_empty())));
    let extensions = offered.with_value(|all| !all.is_empty()).then(|| {
        view! { <fieldset class="field"><legend style="margin-block-end:.3rem">"Extensions"</legend><div class="grid" style="--min:9rem;gap:.25rem;max-block-size:11rem;overflow-y:auto" tabindex="0">{all}</div></fieldset> }
    });
    let body = view! {
        <Field form=post.form name="name" label="Name" required=true hint="Letters, digits and underscores, 63 characters at most."/>
        {owner(cluster, post, None)}
        <Field form=post.form name="description" label="Used for" hint="For people."/>
        {extensions}
    };
    let hidden = vec![("cluster", Signal::stored(cluster.read_untracked().id.to_string()))];
    let fields = &["name", "owner", "description"];
    ask(Ask {
        id: "add-database".into(),
        title: "Create database".into(),
        action: Action::Operate,
        post,
        hidden,
        body: body.drawn(),
        fields,
        button: ("btn primary", "plus", "Create database"),
    })
}

fn edit(cluster: Signal<Cluster>, id: String, name: &DatabaseName, database: &Database) -> Html {
    let post = Post::only(SetDatabase::PATH, "database", name.as_str());
    let body = view! {
        {owner(cluster, post, Some(database))}
        <Field form=post.form name="description" label="Used for" value=database.description.to_string()/>
    };
    let mut hidden = seen(cluster, post);
    hidden.push(("database", Signal::stored(name.to_string())));
    let fields = &["owner", "description"];
    ask(Ask {
        id,
        title: format!("Owner of {name}"),
        action: Action::Operate,
        post,
        hidden,
        body: body.drawn(),
        fields,
        button: ("btn primary", "check", "Save database"),
    })
}

fn owner(cluster: Signal<Cluster>, post: Post, database: Option<&Database>) -> Html {
    let now = database.and_then(|database| database.owner.as_ref());
    let chosen = post.form.value("owner", now.map(ToString::to_string).unwrap_or_default());
    let option = |user: &RoleName| {
        let (value, selected) = (user.to_string(), user.as_str() == chosen);
        view! { <option value=value selected=selected>{user.to_string()}</option> }
    };
    let users = cluster.read_untracked().spec.users.keys().map(option).drawn_all();
    // A database that has an owner can be given another, not none.
    let nobody = now.is_none().then(|| view! { <option value="">"nobody: its group of admins"</option> });
    let error = crate::component::error_line("owner".into(), post.form.at("owner"));
    view! {
        <div class="field"><label for="owner">"Owner"</label><select id="owner" name="owner" aria-describedby="owner-h">{nobody}{users}</select>
            <p class="hint" id="owner-h">"The owner may connect, and change the schema, without being listed under access."</p>{error}</div>
    }
}

fn remove(cluster: Signal<Cluster>, id: String, name: &DatabaseName) -> Html {
    let post = Post::only(RemoveDatabase::PATH, "database", name.as_str());
    let body = view! {
        <div class="note" data-s="bad">{icon("bad")}<div><b>"This cannot be undone."</b>" All tables and data in "{name.to_string()}" go at once, and sessions in it end. Other databases are not touched."</div></div>
        <Field form=post.form name="confirm" label=format!("Type {name} to confirm") required=true/>
    };
    let hidden = vec![("cluster", Signal::stored(cluster.read_untracked().id.to_string())), ("database", Signal::stored(name.to_string()))];
    ask(Ask {
        id,
        title: format!("Remove the database {name}?"),
        action: Action::Configure,
        post,
        hidden,
        body: body.drawn(),
        fields: &["confirm"],
        button: ("btn danger primary", "trash", "Remove database"),
    })
}
