//! What can be done to a whole cluster from more than one page: switch primary, restart, pause, resume, delete. Each is a dialog with an address.

use crate::view::{Drawn, DrawnAll, Html, view};
use crate::{
    api::{
        post::{Post, post_form},
        settings::{DeleteCluster, PauseCluster, RestartCluster, ResumeCluster, SwitchPrimary, TakeOver},
    },
    component::{Dialog, Field, dialog_path, form_errors, health, icon, refused, submit, topology::model},
    frame::may,
    link::Link,
    live::{STALE_AFTER, seconds, use_live},
    page::{cluster::cluster_head, collision::collision},
};
use domain::{
    Action, Cluster, Timestamp,
    offer::Offer,
    quantity::human,
    spec::Power,
    status::{InstanceRole, InstanceState, kinds, reasons},
    vitals::Vitals,
};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::hooks::use_query_map;

/// What stands above every page of a cluster: its header, and what cannot wait.
pub fn top(actions: impl Drawn) -> Html {
    let cluster = crate::page::cluster::use_cluster();
    let alarms = Memo::new(move |_| health::rows::alarms(&cluster.read()));
    let overview = Link::Overview(cluster.read_untracked().name.clone()).path();
    let others = Memo::new(move |_| cluster.read().status.condition(kinds::BLOCKED).is_some_and(|c| c.reason.code == reasons::MANAGED_BY_OTHERS));
    let act = move || {
        others.get().then(|| view! { <p style="margin-block-end:var(--s4)"><a class="btn" href=format!("{overview}?dialog=take-over")>{icon("edit")}"Take over these fields"</a></p> })
    };
    view! { {cluster_head(actions)}{health::alarms(alarms)}{act} }
}

/// The last measurement, as the stream or the first look gave it. None while there is nothing to measure.
pub fn vitals(cluster: Signal<Cluster>, first: Option<Vitals>) -> Memo<Option<Vitals>> {
    let live = use_live().vitals(cluster.read_untracked().id);
    Memo::new(move |_| live.get().or_else(|| first.clone()).filter(|_| cluster.read().spec.power == Power::On))
}

/// When the measurement was made, if it is too old to be believed.
pub fn old(vitals: Memo<Option<Vitals>>) -> Signal<Option<Timestamp>> {
    let now = use_live().now();
    let old = Memo::new(move |_| vitals.read().as_ref().map(|vitals| vitals.at).filter(|at| seconds(*at, now.get()) > STALE_AFTER));
    old.into()
}

/// The name of the dialog that the address asks for.
pub fn wanted_dialog() -> Memo<Option<String>> {
    let query = use_query_map();
    Memo::new(move |_| query.read().get("dialog"))
}

/// The items of the menu in the header.
pub fn items(cluster: Signal<Cluster>) -> Html {
    let is_off = Memo::new(move |_| cluster.read().spec.power == Power::Off);
    let has_replica = Memo::new(move |_| cluster.read().spec.instances > 1);
    let item = |id: &str, class: &'static str, symbol: &'static str, label: &'static str| {
        view! { <a class=class href=dialog_path(id)>{icon(symbol)}{label}</a> }
    };
    let running = move || {
        let switch = has_replica.get().then(|| item("switch", "", "swap", "Switch primary"));
        (!is_off.get()).then(|| view! { {switch}{item("restart", "", "rotate", "Restart instances")}{item("pause", "", "pause", "Pause cluster")} })
    };
    let stopped = move || is_off.get().then(|| item("resume", "", "play", "Resume cluster"));
    let delete = may(Action::Delete).then(|| view! { <hr/>{item("delete", "danger", "trash", "Delete cluster")} });
    view! { {running}{stopped}{delete} }
}

/// The dialog that the address asks for, if it is one of these.
pub fn dialogs(cluster: Signal<Cluster>, vitals: Memo<Option<Vitals>>, offer: &Offer) -> Html {
    let wanted = wanted_dialog();
    let (pause, switch, restart) = (offer.pause, offer.switchover, offer.restart);
    let drawn = move || {
        let name = cluster.read_untracked().name.to_string();
        match wanted.get().as_deref() {
            Some("switch") if switch => switch_dialog(cluster, vitals),
            Some("restart") if restart => restart_dialog(cluster),
            Some("take-over") => take_over_dialog(cluster),
            Some("pause") if pause => pause_dialog(cluster, vitals),
            Some("resume") => resume_dialog(cluster),
            Some("delete") => delete_dialog(cluster, vitals, pause),
            Some("switch" | "pause" | "restart") => {
                view! { <Dialog id="switch" title=format!("{name}: not offered here")><div class="body"><p>"This place does not offer it."</p></div></Dialog> }
            }
            _ => ().drawn(),
        }
    };
    drawn.drawn()
}

/// A dialog around one form.
pub struct Ask {
    /// Its address.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What its reader must be allowed to do.
    pub action: Action,
    /// The form.
    pub post: Post,
    /// Inputs that people do not see.
    pub hidden: Vec<(&'static str, Signal<String>)>,
    /// What is said and asked.
    pub body: Html,
    /// Names of the fields whose errors stand beside them.
    pub fields: &'static [&'static str],
    /// Class, symbol and label of the button.
    pub button: (&'static str, &'static str, &'static str),
}

/// The dialog; or which role is needed for what it asks.
pub fn ask(Ask { id, title, action, post, hidden, body, fields, button }: Ask) -> Html {
    if !may(action) {
        return view! { <Dialog id=id title=title.clone()><div class="body">{refused(button.2, action)}</div></Dialog> };
    }
    let close = crate::component::dialog::closed_path();
    let inner = view! {
        <div class="body stack" style="--gap:var(--s3)">{body}{collision(post.form)}{form_errors(post.form, fields)}</div>
        <footer><a class="btn" href=close>"Cancel"</a>{submit(post.form, button.0, button.1, button.2)}</footer>
    };
    let form = post_form(post, "dlg", hidden, inner.drawn());
    view! { <Dialog id=id title=title>{form}</Dialog> }
}

/// The hidden inputs `cluster` and `expected`.
pub fn seen(cluster: Signal<Cluster>, post: Post) -> Vec<(&'static str, Signal<String>)> {
    let cluster = cluster.read_untracked();
    vec![("cluster", Signal::stored(cluster.id.to_string())), ("expected", post.expected(cluster.generation))]
}

fn only_cluster(cluster: Signal<Cluster>) -> Vec<(&'static str, Signal<String>)> {
    vec![("cluster", Signal::stored(cluster.read_untracked().id.to_string()))]
}

fn switch_dialog(cluster: Signal<Cluster>, vitals: Memo<Option<Vitals>>) -> Html {
    let post = Post::to(SwitchPrimary::PATH);
    let seen_cluster = cluster.get_untracked();
    let primary = seen_cluster.status.primary().map_or_else(|| "the primary".to_owned(), |primary| primary.name.clone());
    let replicas = || seen_cluster.status.instances.iter().filter(|instance| instance.role == InstanceRole::Replica);
    let known = vitals.get_untracked();
    let best =
        replicas().filter(|i| i.state == InstanceState::Ready).min_by_key(|i| known.as_ref().and_then(|v| v.lag(i.ordinal)).map_or(u64::MAX, |lag| lag.bytes));
    let chosen = post.form.typed("to").unwrap_or_else(|| best.map(|i| i.ordinal.to_string()).unwrap_or_default());
    let choices = replicas().map(|instance| {
        let (ordinal, ready) = (instance.ordinal, instance.state == InstanceState::Ready);
        let lag = move || match vitals.read().as_ref().and_then(|v| v.lag(ordinal)) {
            Some(lag) => format!("{} and {} behind", model::seconds(lag.seconds), human(lag.bytes)),
            None => "lag unknown".into(),
        };
        let text = if ready { lag.drawn() } else { "not ready to take over".drawn() };
        let checked = chosen == ordinal.to_string();
        view! { <label class="choice"><input type="radio" name="to" value=ordinal checked=checked disabled=!ready/><b>{instance.name.clone()}</b><span class="hint">{text}</span></label> }
    });
    let choices = choices.drawn_all();
    let none = replicas().next().is_none().then(|| view! { <p class="muted">"There is no replica to switch to. Scale to two or more instances first."</p> });
    let body = view! {
        <p>"Writes move from "<b>{primary}</b>" to the replica you choose. Writes pause for about half a second; open sessions on the primary end and apps connect again. No data is lost."</p>
        <fieldset class="stack" style="--gap:var(--s2)"><legend class="sr">"New primary"</legend>{choices}</fieldset>{none}
    };
    ask(Ask {
        id: "switch".into(),
        title: "Switch primary".into(),
        action: Action::Operate,
        post,
        hidden: seen(cluster, post),
        body: body.drawn(),
        fields: &[],
        button: ("btn primary", "swap", "Switch primary"),
    })
}

fn restart_dialog(cluster: Signal<Cluster>) -> Html {
    let post = Post::to(RestartCluster::PATH);
    let body = match cluster.read_untracked().spec.instances {
        1 => "The one instance stops and starts again: nobody can connect for a second or two, and open sessions end.",
        _ => "Replicas restart first, one by one, then the primary. Sessions on an instance end when it restarts; writes pause while the primary does.",
    };
    let title = format!("Restart {}?", cluster.read_untracked().name);
    ask(Ask {
        id: "restart".into(),
        title,
        action: Action::Operate,
        post,
        hidden: seen(cluster, post),
        body: view! { <p>{body}</p> },
        fields: &[],
        button: ("btn primary", "rotate", "Restart instances"),
    })
}

fn take_over_dialog(cluster: Signal<Cluster>) -> Html {
    let post = Post::to(TakeOver::PATH);
    let why = cluster.read_untracked().status.reason.as_ref().map(|reason| reason.message.clone()).unwrap_or_default();
    let body = view! {
        <p>{why}</p>
        <p>"Taking over sets these fields to what the portal wishes, once. If the other one writes them again, the cluster waits for you again."</p>
    };
    ask(Ask {
        id: "take-over".into(),
        title: "Take these fields over?".into(),
        action: Action::Configure,
        post,
        hidden: seen(cluster, post),
        body: body.drawn(),
        fields: &[],
        button: ("btn primary", "edit", "Take over"),
    })
}

fn pause_dialog(cluster: Signal<Cluster>, vitals: Memo<Option<Vitals>>) -> Html {
    let post = Post::to(PauseCluster::PATH);
    let seen = cluster.get_untracked();
    let mut next = seen.spec.clone();
    next.power = Power::Off;
    let costs = seen.spec.cost(&next).join(" ");
    let body = view! { <p>{open_now(vitals)}{costs}" Data, users and addresses stay. Resuming takes a few seconds."</p> };
    ask(Ask {
        id: "pause".into(),
        title: format!("Pause {}?", seen.name),
        action: Action::Operate,
        post,
        hidden: only_cluster(cluster),
        body: body.drawn(),
        fields: &[],
        button: ("btn primary", "pause", "Pause cluster"),
    })
}

fn resume_dialog(cluster: Signal<Cluster>) -> Html {
    let post = Post::to(ResumeCluster::PATH);
    let title = format!("Resume {}?", cluster.read_untracked().name);
    let body = view! { <p>"Every instance starts again at the same addresses. It takes a few seconds."</p> };
    ask(Ask {
        id: "resume".into(),
        title,
        action: Action::Operate,
        post,
        hidden: only_cluster(cluster),
        body: body.drawn(),
        fields: &[],
        button: ("btn primary", "play", "Resume cluster"),
    })
}

fn delete_dialog(cluster: Signal<Cluster>, vitals: Memo<Option<Vitals>>, pause: bool) -> Html {
    let post = Post::to(DeleteCluster::PATH);
    let seen = cluster.get_untracked();
    let used = vitals.get_untracked().and_then(|v| v.usage.iter().filter_map(|u| u.disk).max());
    let data = used.map_or_else(|| "all data".to_owned(), |bytes| format!("{} of data", human(bytes)));
    let instances = if seen.spec.instances == 1 { "1 instance".to_owned() } else { format!("{} instances", seen.spec.instances) };
    let gentler = (pause && seen.spec.power == Power::On)
        .then(|| view! { <p class="hint">"To stop it and keep the data, "<a href=dialog_path("pause")>"pause the cluster"</a>" instead."</p> });
    let body = view! {
        <div class="note" data-s="bad">{icon("bad")}<div><b>{open_now(vitals)}"This cannot be undone."</b></div></div>
        <ul class="sm" style="list-style:disc;padding-inline-start:1.2rem">
            <li>{format!("{instances} and {data} are removed at once.")}</li>
            <li>{format!("{} databases and {} users go with it. There is no copy.", seen.spec.databases.len(), seen.spec.users.len())}</li>
            <li>{format!("The name {} becomes free.", seen.name)}</li>
        </ul>
        {gentler}
        <Field form=post.form name="confirm" label=format!("Type {} to confirm", seen.name) required=true/>
    };
    ask(Ask {
        id: "delete".into(),
        title: format!("Delete {}?", seen.name),
        action: Action::Delete,
        post,
        hidden: only_cluster(cluster),
        body: body.drawn(),
        fields: &["confirm"],
        button: ("btn danger primary", "trash", "Delete cluster"),
    })
}

/// `74 connections are open now. `, if that is known.
fn open_now(vitals: Memo<Option<Vitals>>) -> Option<String> {
    let (open, _) = vitals.get_untracked()?.connections?;
    Some(if open == 1 { "1 connection is open now. ".into() } else { format!("{open} connections are open now. ") })
}
