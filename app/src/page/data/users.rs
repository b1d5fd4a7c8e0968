//! The users: table, and the dialogs to add, change and remove one and to set a password.

use super::{by_hand, item};
use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::{
        post::Post,
        users::{AddUser, RemoveUser, RotatePassword, SetUser},
    },
    component::{Field, basic::card, check, dialog_path, icon, menu, time::ago},
    draft::access::Access,
    frame::may,
    page::actions::{Ask, ask, seen, wanted_dialog},
};
use domain::{Action, Cluster, RoleName, user::User};
use leptos::{prelude::*, server_fn::ServerFn};

/// The table.
pub fn table(cluster: Signal<Cluster>) -> Html {
    let count = move || view! { <span class="count">{cluster.read().spec.users.len()}</span> };
    let body = move || {
        let cluster = cluster.read();
        if cluster.spec.users.is_empty() && cluster.status.foreign_users.is_empty() {
            return nobody();
        }
        let own = cluster.spec.users.iter().map(|(name, user)| row(&cluster, name, user)).drawn_all();
        let foreign = cluster.status.foreign_users.iter().map(|name| {
            view! { <tr><th scope="row"><code>{name.clone()}</code></th><td></td><td data-l="Rights">{by_hand()}</td><td></td><td></td><td></td></tr> }
        });
        view! {
            <div class="scroll"><table class="tbl stackable">
                <thead><tr>
                    <th scope="col">"Name"</th><th scope="col">"Used for"</th><th scope="col">"Rights"</th><th scope="col">"Password"</th>
                    <th scope="col">"State"</th><th><span class="sr">"Actions"</span></th>
                </tr></thead>
                <tbody>{own}{foreign.drawn_all()}</tbody>
            </table></div>
        }
    };
    card("users", "Users", count, body)
}

fn nobody() -> Html {
    let step = may(Action::Operate).then(|| view! { <a class="btn" href=dialog_path("add-user")>{icon("user")}"Create user"</a> });
    crate::component::empty("No users yet", "Applications and people sign in to PostgreSQL as a user. Its password is made here and shown once.", step)
}

fn row(cluster: &Cluster, name: &RoleName, user: &User) -> Html {
    let rights = user.replication.then(|| view! { <span class="tag">{icon("swap")}"Replication"</span> });
    let set = view! { <span class="muted">{if user.password_version > 1 { "Set anew " } else { "Set " }}{ago(user.updated_at)}</span> };
    let state = item(cluster, cluster.status.users.get(name), user.password_version);
    let actions = may(Action::Operate).then(|| {
        let entry = |id: &str, class: &'static str, symbol: &'static str, label: &'static str| view! { <a class=class href=dialog_path(&format!("{id}-{name}"))>{icon(symbol)}{label}</a> };
        let remove = may(Action::Configure).then(|| view! { <hr/>{entry("remove-user", "danger", "trash", "Remove user")} });
        let items = view! { {entry("password", "", "key", "Set a new password")}{entry("edit-user", "", "edit", "Edit rights")}{remove} };
        menu(format!("m-user-{name}"), format!("Actions for {name}"), "btn icon ghost small", items)
    });
    view! {
        <tr>
            <th scope="row"><code>{name.to_string()}</code></th>
            <td data-l="Used for" class="muted">{user.description.to_string()}</td>
            <td data-l="Rights">{rights}</td>
            <td data-l="Password">{set}</td>
            <td data-l="State">{state}</td>
            <td class="n">{actions}</td>
        </tr>
    }
}

/// The dialog that the address asks for, if it is about a user.
pub fn dialogs(cluster: Signal<Cluster>) -> Html {
    let wanted = wanted_dialog();
    let drawn = move || {
        let wanted = wanted.get().unwrap_or_default();
        let named = |prefix: &str| {
            let name: RoleName = wanted.strip_prefix(prefix)?.parse().ok()?;
            let user = cluster.read_untracked().spec.users.get(&name).cloned()?;
            Some((name, user))
        };
        if wanted == "add-user" {
            return add(cluster);
        }
        if let Some((name, user)) = named("edit-user-") {
            return edit(cluster, wanted.clone(), &name, &user);
        }
        if let Some((name, _)) = named("password-") {
            return rotate(cluster, wanted.clone(), &name);
        }
        if let Some((name, _)) = named("remove-user-") {
            return remove(cluster, wanted.clone(), &name);
        }
        ().drawn()
    };
    drawn.drawn()
}

fn add(cluster: Signal<Cluster>) -> Html {
    let post = Post::to(AddUser::PATH);
    let body = view! {
        <Field form=post.form name="name" label="Name" required=true hint="Starts with a letter or underscore, 63 characters at most. Names that begin with pg_ or postgres are reserved."/>
        <Field form=post.form name="description" label="Used for" hint="For people, as in: shop back end."/>
        {access(cluster, post, None)}
        {check(post.form, "replication", false, "Replication", "For change capture and external replicas only.")}
        <Field form=post.form name="password" kind="password" autocomplete="new-password" label="Password" hint="Leave it empty: a strong one is made up and shown once."/>
    };
    let hidden = vec![("cluster", Signal::stored(cluster.read_untracked().id.to_string()))];
    let fields = &["name", "description", "password", "access"];
    ask(Ask {
        id: "add-user".into(),
        title: "Create user".into(),
        action: Action::Operate,
        post,
        hidden,
        body: body.drawn(),
        fields,
        button: ("btn primary", "plus", "Create user"),
    })
}

fn edit(cluster: Signal<Cluster>, id: String, name: &RoleName, user: &User) -> Html {
    let post = Post::only(SetUser::PATH, "user", name.as_str());
    let body = view! {
        <Field form=post.form name="description" label="Used for" value=user.description.to_string()/>
        {access(cluster, post, Some(name))}
        {check(post.form, "replication", user.replication, "Replication", "For change capture and external replicas only.")}
    };
    let mut hidden = seen(cluster, post);
    hidden.push(("user", Signal::stored(name.to_string())));
    let fields = &["description", "access"];
    ask(Ask {
        id,
        title: format!("Rights of {name}"),
        action: Action::Operate,
        post,
        hidden,
        body: body.drawn(),
        fields,
        button: ("btn primary", "check", "Save rights"),
    })
}

/// What the user may do in each database, as a table of choices.
fn access(cluster: Signal<Cluster>, post: Post, user: Option<&RoleName>) -> Html {
    let cluster = cluster.read_untracked();
    if cluster.spec.databases.is_empty() {
        return ().drawn();
    }
    let rows = cluster.spec.databases.iter().map(|(database, wish)| {
        let name = format!("access[{database}]");
        let now = user.map_or(Access::None, |user| Access::granted(user, wish));
        let chosen = post.form.value(&name, now.name());
        let choices = Access::CHOICES.map(|access| {
            let checked = access.name() == chosen;
            view! { <label><input type="radio" name=name.clone() value=access.name() checked=checked/>{access.title()}</label> }
        });
        let owns = user.is_some_and(|user| wish.owner.as_ref() == Some(user)).then(|| view! { " "<span class="tag">{icon("crown")}"owner"</span> });
        view! { <tr><th scope="row">{database.to_string()}{owns}</th><td class="n"><div class="seg" role="radiogroup" aria-label=format!("Access to {database}")>{choices}</div></td></tr> }
    });
    let error = crate::component::error_line("access".into(), post.form.at("access"));
    view! {
        <fieldset class="field">
            <legend style="margin-block-end:.3rem">"Access"</legend>
            <table class="tbl" style="border:1px solid var(--line);border-radius:var(--r2)"><tbody>{rows.drawn_all()}</tbody></table>
            <p class="hint">"Read sees every table, also those made later. Admin may do everything in the database. None cannot even connect."</p>
            {error}
        </fieldset>
    }
}

fn rotate(cluster: Signal<Cluster>, id: String, name: &RoleName) -> Html {
    let post = Post::only(RotatePassword::PATH, "user", name.as_str());
    let body = view! {
        <div class="note" data-s="warn">{icon("warn")}<div><b>"The old password stops working at once."</b>" Sessions that are open stay open; whoever connects anew needs the new one."</div></div>
        <Field form=post.form name="password" kind="password" autocomplete="new-password" label="New password" hint="Leave it empty: a strong one is made up and shown once."/>
    };
    let hidden = vec![("cluster", Signal::stored(cluster.read_untracked().id.to_string())), ("user", Signal::stored(name.to_string()))];
    ask(Ask {
        id,
        title: format!("New password for {name}"),
        action: Action::Operate,
        post,
        hidden,
        body: body.drawn(),
        fields: &["password"],
        button: ("btn primary", "key", "Set a new password"),
    })
}

fn remove(cluster: Signal<Cluster>, id: String, name: &RoleName) -> Html {
    let post = Post::only(RemoveUser::PATH, "user", name.as_str());
    let seen = cluster.get_untracked();
    let owned: Vec<String> =
        seen.spec.databases.iter().filter(|(_, database)| database.owner.as_ref() == Some(name)).map(|(name, _)| name.to_string()).collect();
    let first = (!owned.is_empty()).then(|| {
        let text = format!("{name} owns {}: give it another owner first.", owned.join(", "));
        view! { <div class="note" data-s="warn">{icon("warn")}<div>{text}</div></div> }
    });
    let body = view! {
        <p>"Nobody can sign in as "<b>{name.to_string()}</b>" any more; its open sessions end. Tables and everything else that it owns go to the group "<code>"<database>_admin"</code>" of each database. No data is lost."</p>
        {first}
    };
    let hidden = vec![("cluster", Signal::stored(seen.id.to_string())), ("user", Signal::stored(name.to_string()))];
    ask(Ask {
        id,
        title: format!("Remove the user {name}?"),
        action: Action::Configure,
        post,
        hidden,
        body: body.drawn(),
        fields: &[],
        button: ("btn danger primary", "trash", "Remove user"),
    })
}
