//! A cluster's first minutes: what is done, what is going on, what comes next. Derived from the cluster alone, so it may be left and found again.

use crate::view::{Html, view};
use crate::{
    component::{Step, card, copy, icon, since, steps},
    frame::link_button,
    link::Link,
    live::{seconds, use_live},
    page::cluster::{cluster_head, use_cluster},
};
use domain::{
    Cluster, Phase,
    status::{EndpointKind, InstanceRole, InstanceState, kinds},
};
use leptos::prelude::*;

/// The page.
pub fn creating() -> Html {
    let cluster = use_cluster();
    let name = cluster.read_untracked().name.clone();
    let started = cluster.read_untracked().created_at;
    let all = Memo::new(move |_| progress(&cluster.read()));
    let drawn = move || {
        let all = all.get();
        let running: Vec<bool> = all.iter().map(|step| step.state == "busy").collect();
        let took = cluster.with(took);
        steps(all, move |at| {
            let done = took.get(at).copied().flatten().map(|text| view! { <time>{format!("{text} s")}</time> });
            done.or_else(|| running[at].then(|| since(started)))
        })
    };
    let address = move || {
        cluster.read().status.endpoint(EndpointKind::Rw).map(|endpoint| {
            let text = format!("{}:{}", endpoint.host, endpoint.port);
            view! { <p class="hint">"The address is already final. Put it in your configuration now."</p>{copy("Copy host and port", text)} }
        })
    };
    let now = use_live().now();
    let late = move || {
        (seconds(started, now.get()) > 120 || cluster.read().status.condition(kinds::STALLED).is_some()).then(
            || view! { <p class="hint">"This takes longer than usual. Nothing is lost: the portal goes on trying, and says above what it waits for."</p> },
        )
    };
    view! {
        {cluster_head(view! {
            {link_button("btn", &Link::Yaml(name.clone()), "yaml", "YAML")}
            <a class="btn danger" href=format!("{}#danger", Link::Settings(name.clone()).path())>{icon("trash")}"Cancel creation"</a>
        })}
        <div class="split">
            {card("progress", "Progress", (), view! {
                <div class="body stack">{drawn}{late}</div>
                <footer style="flex-wrap:nowrap">{icon("info")}<span>"You can leave this page: the work goes on, and the list of clusters shows it."</span></footer>
            })}
            {card("connect", "Connect", view! { <span class="tag push" data-s="busy">"Not yet"</span> }, view! {
                <div class="body stack" style="--gap:var(--s3)">{address}
                    <p class="hint">"Users and databases can be wished for already; they are made as soon as the primary answers."</p>
                    {link_button("btn block", &Link::Data(name), "users", "Users and databases")}
                </div>
            })}
        </div>
    }
}

/// The four steps of a cluster that comes up.
pub fn progress(cluster: &Cluster) -> Vec<Step> {
    let status = &cluster.status;
    let (wished, replicas) = (cluster.spec.instances, cluster.spec.replicas());
    let ready = |role| status.instances.iter().filter(|i| i.role == role && i.state == InstanceState::Ready).count();
    let (primary, followers) = (ready(InstanceRole::Primary) > 0, ready(InstanceRole::Replica));
    let done = [status.phase != Phase::New, primary, primary && followers >= usize::from(replicas), status.phase == Phase::Ready || status.generation > 0];
    let texts = [
        format!("{wished} instance{}, {} each", if wished == 1 { "" } else { "s" }, domain::quantity::human(cluster.spec.storage.get())),
        status.primary().map(|i| format!("{} runs PostgreSQL {}", i.name, cluster.spec.version.number())).unwrap_or_default(),
        if replicas == 0 { "None asked for".into() } else { format!("{followers} of {replicas} follow the primary") },
        "Addresses, users and databases".into(),
    ];
    let titles = ["Scheduled", "Primary initialised", "Replicas join", "Accepting connections"];
    let failed = status.condition(kinds::BLOCKED).filter(|c| c.holds == Some(true)).map(|c| c.reason.message.clone());
    let current = done.iter().position(|done| !done);
    titles
        .into_iter()
        .zip(texts)
        .enumerate()
        .map(|(at, (title, text))| match (done[at], current == Some(at), &failed) {
            (true, _, _) => Step { state: "ok", title, text },
            (false, true, Some(why)) => Step { state: "bad", title, text: why.clone() },
            (false, true, None) => Step { state: "busy", title, text: status.reason.as_ref().map_or(text, |reason| reason.message.clone()) },
            (false, false, _) => Step { state: "idle", title, text },
        })
        .collect()
}

/// Seconds from the wish until the primary started, where that is known, by step.
fn took(cluster: &Cluster) -> [Option<i64>; 4] {
    let started = cluster.status.primary().filter(|i| i.state == InstanceState::Ready).and_then(|i| i.started_at);
    [None, started.map(|at| seconds(cluster.created_at, at)), None, None]
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ClusterId, ProjectId, Spec, Timestamp, Uuid, status::InstanceStatus, status::Reason, version::Major, vitals::Sync};

    fn check(change: impl FnOnce(&mut Cluster), expect: [&str; 4]) {
        let name: domain::ClusterName = "orders".parse().expect("a name");
        let mut spec = Spec::new(&name, Major::V17);
        (spec.instances, spec.topology) = (2, domain::topology::Topology::Replicated);
        let mut cluster =
            Cluster::create(ClusterId(Uuid::nil()), ProjectId::DEFAULT, domain::PlaceName::local(), name, spec, Timestamp::UNIX_EPOCH).expect("a cluster");
        change(&mut cluster);
        assert_eq!(progress(&cluster).iter().map(|step| step.state).collect::<Vec<_>>(), expect);
    }

    fn instance(ordinal: u8, role: InstanceRole) -> InstanceStatus {
        let (host, state, sync) = ("127.0.0.1".into(), InstanceState::Ready, Sync::Async);
        InstanceStatus { ordinal, name: format!("orders-{ordinal}"), role, state, host, port: 1, sync, started_at: None }
    }

    #[test]
    fn steps_are_done_in_order() {
        check(|_| {}, ["busy", "idle", "idle", "idle"]);
        check(|c| c.status.phase = Phase::Creating, ["ok", "busy", "idle", "idle"]);
        let with = |all: Vec<InstanceStatus>| move |c: &mut Cluster| (c.status.phase, c.status.instances) = (Phase::Creating, all);
        check(with(vec![instance(1, InstanceRole::Primary)]), ["ok", "ok", "busy", "idle"]);
        check(with(vec![instance(1, InstanceRole::Primary), instance(2, InstanceRole::Replica)]), ["ok", "ok", "ok", "busy"]);
    }

    #[test]
    fn what_only_a_person_can_mend_is_shown_at_its_step() {
        let blocked = domain::status::Condition {
            kind: kinds::BLOCKED.into(),
            holds: Some(true),
            reason: Reason::new("NoPort", "No port is free."),
            since: Timestamp::UNIX_EPOCH,
        };
        check(|c| (c.status.phase, c.status.conditions) = (Phase::Creating, vec![blocked]), ["ok", "bad", "idle", "idle"]);
    }
}
