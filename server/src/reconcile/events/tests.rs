//! Which changes of a status are worth an entry in the history, and which are not.

use super::*;
use domain::{
    ClusterId, ClusterName, ProjectId, Spec, Timestamp,
    spec::Switchover,
    status::{Condition, Reason},
    version::Major,
    vitals::Sync,
};
use uuid::Uuid;

fn instance(ordinal: u8, state: InstanceState) -> InstanceStatus {
    let role = if ordinal == 1 { InstanceRole::Primary } else { InstanceRole::Replica };
    InstanceStatus { ordinal, name: format!("orders-{ordinal}"), role, state, host: "127.0.0.1".into(), port: 20000, sync: Sync::Async, started_at: None }
}

fn ready(generation: u64) -> Status {
    Status { generation, phase: Phase::Ready, instances: (1..=3).map(|n| instance(n, InstanceState::Ready)).collect(), ..Status::default() }
}

fn cluster(status: Status) -> Cluster {
    let name: ClusterName = "orders".parse().expect("a name");
    let spec = Spec::new(&name, Major::V17);
    let mut cluster =
        Cluster::create(ClusterId(Uuid::from_u128(1)), ProjectId::DEFAULT, domain::PlaceName::local(), name, spec, Timestamp::UNIX_EPOCH).expect("valid");
    cluster.status = status;
    cluster
}

#[track_caller]
fn check(before: &Status, after: &Status, expect: &[(Kind, &str)]) {
    let all = between(&cluster(before.clone()), Some("orders-1"), after);
    let told: Vec<_> = all.iter().map(|e| (e.kind, e.title.as_str())).collect();
    assert_eq!(told, expect);
}

#[test]
fn nothing_new_is_no_news() {
    check(&ready(1), &ready(1), &[]);
    check(&Status::default(), &Status::default(), &[]);
}

#[test]
fn coming_up_is_told_once_and_as_a_whole() {
    let creating = Status { generation: 0, phase: Phase::Creating, instances: vec![instance(1, InstanceState::Starting)], ..Status::default() };
    check(&Status::default(), &creating, &[]);
    check(&creating, &ready(1), &[(Kind::Good, "Cluster is ready")]);
    check(&ready(1), &ready(2), &[(Kind::Good, "Changes applied")]);
}

#[test]
fn a_replica_that_does_not_follow_is_a_warning_and_its_return_is_told() {
    let mut degraded = ready(1);
    degraded.phase = Phase::Degraded;
    degraded.instances[2].state = InstanceState::NotStreaming;
    check(&ready(1), &degraded, &[(Kind::Warning, "orders-3 is not streaming")]);
    check(&degraded, &degraded, &[]);
    check(&degraded, &ready(1), &[(Kind::Good, "Cluster is healthy again")]);
    let mut changing = degraded.clone();
    changing.phase = Phase::Changing;
    check(&ready(1), &changing, &[]);
}

#[test]
fn a_primary_that_does_not_answer_is_a_failure() {
    let mut down = ready(1);
    down.phase = Phase::Down;
    down.instances[0].state = InstanceState::Failed("disk full".into());
    check(&ready(1), &down, &[(Kind::Failed, "orders-1 failed"), (Kind::Failed, "No primary answers")]);
}

#[test]
fn a_moved_primary_is_told_with_whether_somebody_asked() {
    let mut after = ready(1);
    after.instances[0].role = InstanceRole::Replica;
    after.instances[1].role = InstanceRole::Primary;
    check(&ready(1), &after, &[(Kind::Warning, "Primary moved from orders-1 to orders-2")]);
    let mut asked = cluster(ready(1));
    asked.spec.switchover = Some(Switchover { to: 2, serial: 1 });
    assert_eq!(between(&asked, Some("orders-1"), &after).first().map(|e| e.kind), Some(Kind::Good));
    assert!(between(&asked, Some("orders-2"), &after).is_empty());
    assert!(between(&asked, None, &after).is_empty());
}

#[test]
fn users_and_databases_are_told_by_name() {
    let mut before = ready(1);
    before.users = [("app".parse().expect("a name"), Item::Active { password_version: 1 })].into();
    let mut after = ready(2);
    after.users = [
        ("app".parse().expect("a name"), Item::Active { password_version: 2 }),
        ("bad".parse().expect("a name"), Item::Error("no".into())),
        ("new".parse().expect("a name"), Item::Active { password_version: 1 }),
        ("wait".parse().expect("a name"), Item::New),
    ]
    .into();
    let expect =
        [(Kind::Failed, "User bad could not be applied"), (Kind::Good, "Users applied"), (Kind::Good, "Passwords changed"), (Kind::Good, "Changes applied")];
    check(&before, &after, &expect);
}

#[test]
fn scaling_tells_who_came_and_who_left() {
    let mut two = ready(1);
    two.instances.pop();
    check(&two, &ready(2), &[(Kind::Good, "orders-3 joined"), (Kind::Good, "Changes applied")]);
    two.generation = 2;
    check(&ready(1), &two, &[(Kind::Good, "orders-3 was removed"), (Kind::Good, "Changes applied")]);
}

#[test]
fn conditions_are_told_when_they_begin() {
    let with = |kind: &str, reason: Reason| {
        let mut status = ready(1);
        status.phase = Phase::Changing;
        status.conditions = vec![Condition { kind: kind.into(), holds: Some(true), reason, since: Timestamp::UNIX_EPOCH }];
        status
    };
    let stalled = with(kinds::STALLED, Reason::new("TakesTooLong", "Too long."));
    let mut before = stalled.clone();
    before.conditions.clear();
    check(&before, &stalled, &[(Kind::Warning, "This takes longer than it should")]);
    check(&stalled, &stalled, &[]);
    check(&before, &with(kinds::BLOCKED, Reason::new("PortTaken", "Free it.")), &[(Kind::Failed, "Somebody has to look at this")]);
}
