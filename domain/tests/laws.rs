//! Laws that hold for every wish, change and document.

mod given;

use domain::{
    Change, Cluster, ClusterId, ClusterName, Command, Confirm, DatabaseName, Phase, ProjectId, Spec, Status, Timestamp, Uuid, manifest,
    name::Group,
    observed::{Inside, Observed, Progress, Seen},
    quantity::{Bytes, Cpu},
    quorum::{Durability, Quorum},
    spec::Power,
    status::{InstanceRole, InstanceState, Item, Reason},
    version::Major,
};
use proptest::prelude::*;

fn cluster(spec: Spec) -> Cluster {
    let name = "orders".parse().expect("a name");
    Cluster::create(ClusterId(Uuid::from_u128(7)), ProjectId::DEFAULT, domain::PlaceName::local(), name, spec, Timestamp::UNIX_EPOCH).expect("a valid wish")
}

proptest! {
    #[test]
    fn any_sequence_of_accepted_changes_keeps_the_rules(start in given::spec(), changes in prop::collection::vec(given::change(), 0..12)) {
        let mut spec = start;
        for change in changes {
            let before = spec.clone();
            if let Ok(next) = spec.apply([change], Timestamp::UNIX_EPOCH) {
                prop_assert_eq!(next.check(), vec![]);
                prop_assert!(next.storage >= before.storage, "a volume shrank");
                prop_assert_eq!(next.version, before.version);
                prop_assert!(next.restarts >= before.restarts && next.takeovers >= before.takeovers, "a count went back");
                spec = next;
            }
        }
    }

    #[test]
    fn a_database_never_leaves_the_wish_without_its_name(spec in given::spec(), change in given::change()) {
        if let Ok(next) = spec.apply([change.clone()], Timestamp::UNIX_EPOCH) {
            for gone in spec.databases.keys().filter(|name| !next.databases.contains_key(*name)) {
                let named = match &change {
                    Change::RemoveDatabase { name, confirm } => name == gone && confirm.holds(gone.as_str()),
                    Change::Replace { allow_drop, .. } => allow_drop.contains(gone),
                    _ => false,
                };
                prop_assert!(named, "{gone} went by {change:?}");
            }
        }
    }

    #[test]
    fn a_printed_document_reads_back_as_the_same_wish(spec in given::spec()) {
        let cluster = cluster(spec);
        let text = manifest::print(&cluster);
        let document = manifest::parse(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        let (command, costs) = document.command(Some(&cluster), cluster.project, None, Major::V15, Uuid::nil).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        let Command::Change { changes, .. } = command else { return Err(TestCaseError::fail("not a change")) };
        let again = cluster.change(None, changes, cluster.updated_at).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(&again, &cluster, "the same document changes nothing\n{}", text);
        prop_assert_eq!(costs, Vec::<String>::new());
        prop_assert_eq!(manifest::print(&again), text);
    }

    #[test]
    fn no_text_makes_the_reader_fail_otherwise_than_by_saying_so(text in "\\PC{0,200}|[a-z{}\\[\\]:, \n-]{0,200}") {
        if let Err(error) = manifest::parse(&text) {
            prop_assert!(matches!(error, domain::Error::Invalid(all) if !all.is_empty()));
        }
    }

    #[test]
    fn quantities_read_back(bytes in 0u64..=1 << 60, millis in 1u32..1_000_000) {
        prop_assert_eq!(Bytes::from(bytes).to_string().parse::<Bytes>(), Ok(Bytes::from(bytes)));
        prop_assert_eq!(Cpu::millis(millis).to_string().parse::<Cpu>(), Ok(Cpu::millis(millis)));
    }

    #[test]
    fn a_valid_name_comes_of_any_title(title in "\\PC{0,300}", suffix in 0u32..100_000) {
        let name = ClusterName::from_title(&title, suffix);
        prop_assert_eq!(name.as_str().parse::<ClusterName>(), Ok(name.clone()));
        prop_assert_eq!(ClusterName::from_title("New!", suffix.min(1)).to_string(), "new-cluster");
    }

    #[test]
    fn group_roles_fit_postgresql_and_differ(a in "[a-z_][a-z0-9_]{0,62}", b in "[a-z_][a-z0-9_]{0,62}") {
        prop_assume!(a != b);
        let (Ok(a), Ok(b)) = (a.parse::<DatabaseName>(), b.parse::<DatabaseName>()) else { return Ok(()) };
        for group in [Group::Admin, Group::Readonly] {
            prop_assert!(a.group(group).len() <= 63);
            prop_assert_ne!(a.group(group), b.group(group));
        }
    }

    #[test]
    fn a_self_healing_quorum_never_waits_for_more_than_are_healthy(min in 0u8..16, extra in 0u8..16, healthy in 0u8..16) {
        let quorum = Quorum::healing(min, min.saturating_add(extra));
        let n = quorum.effective(healthy, 15);
        prop_assert!(n <= healthy && n <= quorum.max);
        prop_assert!(healthy < quorum.min || n >= quorum.min);
    }

    #[test]
    fn ready_only_when_what_was_seen_matches(spec in given::spec(), seen in given::observed(), settled in any::<bool>()) {
        let cluster = cluster(spec);
        let progress = if settled { Progress::Settled } else { Progress::Working(Reason::new("Waiting", "Waiting.")) };
        let status = Status::derive(&cluster, &seen, &progress, Timestamp::UNIX_EPOCH);
        if status.phase == Phase::Ready {
            prop_assert!(settled);
            let instances = seen.instances.known().expect("ready without a look");
            prop_assert_eq!(instances.len(), usize::from(cluster.spec.instances));
            prop_assert!(instances.iter().all(|i| i.state == InstanceState::Ready));
            prop_assert!(instances.iter().any(|i| i.role == InstanceRole::Primary));
            let inside = seen.inside.known().expect("ready without a look inside");
            let applied = |u| matches!(inside.users.get(u), Some(Item::Active { .. }));
            prop_assert!(cluster.spec.users.keys().all(applied));
        }
        prop_assert_eq!(status.phase == Phase::Ready || status.phase == Phase::Paused, status.generation == cluster.generation);
        prop_assert!(status.generation <= cluster.generation);
        // Deriving again from the same look changes nothing: an idle cluster is not written.
        let mut again = cluster.clone();
        again.status = status.clone();
        prop_assert_eq!(Status::derive(&again, &seen, &progress, Timestamp::UNIX_EPOCH), status);
    }
}

#[test]
fn writes_wait_only_where_that_was_asked_for() {
    assert_eq!(Quorum::strict(2).effective(0, 2), 2);
    assert_eq!(Quorum::strict(2).effective(0, 0), 0);
    assert_eq!(Quorum::healing(1, 2).effective(0, 2), 0);
    assert_eq!(Quorum::default().durability, Durability::Preferred);
}

#[test]
fn a_deletion_wants_the_name() {
    let cluster = cluster(Spec::new(&"orders".parse().expect("a name"), Major::V17));
    assert!(cluster.delete(&Confirm::Typed("order".into()), Timestamp::UNIX_EPOCH).is_err());
    let gone = cluster.delete(&Confirm::Typed("orders".into()), Timestamp::UNIX_EPOCH).expect("confirmed");
    assert!(gone.change(None, vec![Change::Restart], Timestamp::UNIX_EPOCH).is_err());
}

#[test]
fn the_reference_document_is_understood() {
    let text = include_str!("reference.yaml");
    let document = manifest::parse(text).expect("a document");
    assert_eq!(document.spec.instances, 3);
    assert_eq!(document.spec.quorum, Quorum::healing(1, 2));
    assert_eq!(document.passwords.len(), 2);
    assert_eq!(document.spec.databases.len(), 2);
    let (command, _) = document.command(None, ProjectId::DEFAULT, None, Major::V17, Uuid::nil).expect("a command");
    assert!(matches!(command, Command::Create { spec, .. } if spec.version == Major::V17 && spec.power == Power::On));
}

#[test]
fn errors_name_the_field_and_its_line() {
    let check = |text: &str, field: &str, part: &str| {
        let error = manifest::parse(text).and_then(|d| d.command(None, ProjectId::DEFAULT, None, Major::V17, Uuid::nil).map(drop)).expect_err("a refusal");
        let said = error.at(field).unwrap_or_else(|| panic!("nothing at {field}: {error:?}"));
        assert!(said.contains(part), "{said}");
    };
    let head = "apiVersion: apps.cozystack.io/v1alpha1\nkind: Postgres\nmetadata:\n  name: a\nspec:\n";
    check(&format!("{head}  replicaz: 3\n"), "spec.replicaz", "line 6");
    check(&format!("{head}  resourcesPreset: giant\n"), "spec.resourcesPreset", "nano");
    check(&format!("{head}  quorum:\n    maxSyncReplicas: 5\n"), "spec.quorum.maxSyncReplicas", "below");
    check(&format!("{head}  users:\n    postgres: {{}}\n"), "spec.users.postgres", "reserved");
    check(&format!("{head}  users:\n    my-app: {{}}\n"), "spec.users.my-app", "hyphens");
    check(&format!("{head}  databases:\n    d:\n      roles:\n        admin: [nobody]\n"), "spec.databases.d", "nobody");
    check(&format!("{head}  postgresql:\n    parameters:\n      Archive_Command: x\n"), "spec.postgresql.parameters.Archive_Command", "portal");
    check("a: [\n", "line 2", "YAML");
    check("", "line 1", "apiVersion");
}

#[test]
fn tidying_up_is_no_degradation() {
    let mut cluster = cluster(Spec::new(&"orders".parse().expect("a name"), Major::V17));
    let seen = Observed { instances: Seen::Known(vec![given::primary()]), endpoints: vec![], inside: Seen::Known(Inside::default()), notes: vec![] };
    let working = Progress::Working(Reason::new("Tidying", "Tidying up."));
    let derive = |cluster: &Cluster, progress: &Progress| Status::derive(cluster, &seen, progress, Timestamp::UNIX_EPOCH).phase;
    assert_eq!(derive(&cluster, &working), Phase::Creating, "never reached yet");
    cluster.status = Status::derive(&cluster, &seen, &Progress::Settled, Timestamp::UNIX_EPOCH);
    assert_eq!(derive(&cluster, &working), Phase::Ready);
    assert_eq!(derive(&cluster, &Progress::Blocked(Reason::new("Port", "Taken."))), Phase::Degraded);
    cluster.generation += 1;
    assert_eq!(derive(&cluster, &working), Phase::Changing);
}

#[test]
fn refused_parameters_are_a_wish_that_is_not_reached() {
    let cluster = cluster(Spec::new(&"orders".parse().expect("a name"), Major::V17));
    let notes = vec![Reason::new("ParameterRejected", "work_mem: no.")];
    let seen = Observed { instances: Seen::Known(vec![given::primary()]), endpoints: vec![], inside: Seen::Known(Inside::default()), notes };
    let status = Status::derive(&cluster, &seen, &Progress::Settled, Timestamp::UNIX_EPOCH);
    assert_eq!((status.phase, status.generation), (Phase::Degraded, 0));
    assert_eq!(status.condition("Blocked").map(|c| c.reason.message.as_str()), Some("work_mem: no."));
    assert_eq!(status.condition("ParametersApplied").and_then(|c| c.holds), Some(false));
}

#[test]
fn an_unseen_instance_is_never_counted_as_gone() {
    let mut cluster = cluster(Spec::new(&"orders".parse().expect("a name"), Major::V17));
    let instance = given::primary();
    let look = |instances| Observed { instances, endpoints: vec![], inside: Seen::Known(Inside::default()), notes: vec![] };
    cluster.status = Status::derive(&cluster, &look(Seen::Known(vec![instance.clone()])), &Progress::Settled, Timestamp::UNIX_EPOCH);
    assert_eq!(cluster.status.phase, Phase::Ready);
    let status = Status::derive(&cluster, &look(Seen::Unknown("no answer".into())), &Progress::Settled, Timestamp::UNIX_EPOCH);
    assert_eq!((status.phase, status.instances), (Phase::Unknown, vec![instance]));
}

#[test]
fn only_a_cluster_that_stands_still_takes_too_long() {
    let mut spec = Spec::new(&"orders".parse().expect("a name"), Major::V17);
    (spec.topology, spec.instances) = (domain::topology::Topology::Replicated, 3);
    let mut cluster = cluster(spec);
    let mut stalled = |ready: u8, second: i64| {
        let instance = |ordinal| domain::status::InstanceStatus { ordinal, name: format!("orders-{ordinal}"), ..given::primary() };
        let seen =
            Observed { instances: Seen::Known((1..=ready).map(instance).collect()), endpoints: vec![], inside: Seen::Known(Inside::default()), notes: vec![] };
        let working = Progress::Working(Reason::new("Scaling", "A replica joins."));
        cluster.status = Status::derive(&cluster, &seen, &working, Timestamp::from_second(second).expect("a time"));
        cluster.status.condition("Stalled").is_some()
    };
    assert!(!stalled(1, 0) && !stalled(2, 290), "each replica waits for a checkpoint");
    assert!(!stalled(2, 580));
    assert!(stalled(2, 600));
}
