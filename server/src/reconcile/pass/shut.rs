//! A PostgreSQL that serves and that the portal cannot get into, as behind a network policy. Pure.

use domain::{
    Cluster, Timestamp,
    observed::{Inside, Observed, Seen},
    status::{InstanceRole, InstanceState, Reason, kinds},
};
use std::time::Duration;

/// What is inside by the word of who makes it, once nobody has got in for longer than `patience`; with a note. `made`: that word. `why` and `unmeasured`:
/// sentences.
pub(super) fn believed(cluster: &Cluster, seen: Observed, made: Inside, why: &str, unmeasured: &str, patience: Duration, now: Timestamp) -> Observed {
    if !is_shut(cluster, &seen, patience, now) {
        return Observed { inside: Seen::Unknown(why.to_owned()), ..seen };
    }
    let message = format!(
        "Users and databases are there, but the portal cannot get into PostgreSQL: rights inside databases are not granted. {unmeasured} {why} \
         Open the way to the primary's port, or grant the right that the page of the place lists."
    );
    let mut notes = seen.notes;
    notes.push(Reason::new(kinds::NO_WAY_INSIDE, message));
    Observed { inside: Seen::Known(made), notes, ..seen }
}

/// Whether somebody serves whom nobody has got to for that long.
fn is_shut(cluster: &Cluster, seen: &Observed, patience: Duration, now: Timestamp) -> bool {
    let mut instances = seen.instances.known().into_iter().flatten();
    let Some(primary) = instances.find(|i| i.role == InstanceRole::Primary && i.state == InstanceState::Ready) else { return false };
    let shut = cluster.status.condition(kinds::INSIDE).filter(|condition| condition.holds.is_none());
    // Before it started there was nobody to get to.
    let since = shut.map(|condition| primary.started_at.map_or(condition.since, |started| started.max(condition.since)));
    remembered(cluster).is_some() || since.is_some_and(|since| now.duration_since(since).as_secs_f64() > patience.as_secs_f64())
}

/// What is known of it in the middle of a step, when nobody tries to get in: told on, since it is what it is remembered by.
pub(super) fn remembered(cluster: &Cluster) -> Option<Reason> {
    cluster.status.condition(kinds::NO_WAY_INSIDE).map(|condition| condition.reason.clone())
}

/// What was seen inside, unless it is only said to be there: that is asked about again.
pub(super) fn really_seen(seen: &Observed) -> Option<Inside> {
    let said = seen.notes.iter().any(|note| note.code == kinds::NO_WAY_INSIDE);
    seen.inside.known().filter(|_| !said).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        Phase, Status,
        observed::Progress,
        status::{InstanceStatus, Item},
        vitals::Sync,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn wish() -> Cluster {
        let name: domain::ClusterName = "orders".parse().expect("valid");
        let spec = domain::Spec::new(&name, domain::version::Major::V17);
        let place = "east".parse().expect("valid");
        Cluster::create(domain::ClusterId(domain::Uuid::nil()), domain::ProjectId::DEFAULT, place, name, spec, at(0)).expect("a wish")
    }

    fn seen(state: InstanceState) -> Observed {
        let (name, host) = ("orders-1".to_owned(), "10.0.0.1".to_owned());
        let primary = InstanceStatus { ordinal: 1, name, role: InstanceRole::Primary, state, host, port: 5432, sync: Sync::Async, started_at: Some(at(100)) };
        Observed { instances: Seen::Known(vec![primary]), endpoints: Vec::new(), inside: Seen::Unknown(String::new()), notes: Vec::new() }
    }

    /// A look at that second, with the status that it comes to.
    fn look(wish: &mut Cluster, second: i64, state: InstanceState) -> Observed {
        let seen = believed(wish, seen(state), Inside::default(), "Connection refused.", "Lag is not measured.", Duration::from_secs(60), at(second));
        wish.status = Status::derive(wish, &seen, &Progress::Settled, at(second));
        seen
    }

    #[test]
    fn what_is_said_to_be_there_is_believed_when_nobody_got_in_for_long_and_stays_believed() {
        let mut wish = wish();
        look(&mut wish, 10, InstanceState::Starting);
        look(&mut wish, 90, InstanceState::Starting);
        // It started at 100.
        assert!(look(&mut wish, 110, InstanceState::Ready).inside.known().is_none());
        assert!(look(&mut wish, 150, InstanceState::Ready).inside.known().is_none());
        assert_eq!((wish.status.phase, wish.status.reason.as_ref().map(|r| r.message.as_str())), (Phase::Creating, Some("Connection refused.")));
        let told = look(&mut wish, 170, InstanceState::Ready);
        assert_eq!((wish.status.phase, really_seen(&told)), (Phase::Ready, None));
        let note = wish.status.condition(kinds::NO_WAY_INSIDE).expect("told").clone();
        assert!(note.reason.message.contains("Connection refused.") && note.since == at(170), "{note:?}");
        look(&mut wish, 171, InstanceState::Ready);
        assert_eq!((wish.status.phase, wish.status.condition(kinds::NO_WAY_INSIDE)), (Phase::Ready, Some(&note)), "no flapping");
    }

    #[test]
    fn nobody_to_get_to_is_not_a_way_that_is_shut() {
        let mut wish = wish();
        for second in [10, 500, 1000] {
            let seen = look(&mut wish, second, InstanceState::Starting);
            assert!(seen.inside.known().is_none() && seen.notes.is_empty());
        }
    }

    #[test]
    fn what_the_objects_call_wrong_stays_wrong() {
        let mut wish = wish();
        look(&mut wish, 100, InstanceState::Ready);
        let bad = Inside { users: [("alice".parse().expect("valid"), Item::Error("It exists.".into()))].into(), ..Inside::default() };
        let seen = believed(&wish, seen(InstanceState::Ready), bad, "Connection refused.", "Lag is not measured.", Duration::from_secs(60), at(300));
        let status = Status::derive(&wish, &seen, &Progress::Settled, at(300));
        assert!(status.phase != Phase::Ready && status.reason.is_some_and(|reason| reason.message.contains("alice: It exists.")));
    }
}
