//! What the object says about its Helm release, and whether that is about the last write. Pure.

use super::{crd::PostgresStatus, mark::Written};
use domain::{Timestamp, status::Reason};

/// Seconds after which `Ready` is believed although no later release came: a wish that went there and back again before anybody looked needs none.
const OVERDUE: i64 = 30;
/// Seconds after a write during which the release may be without the finalizer that lets a deletion take everything along.
const UNSAFE: i64 = 10;

/// What is said about a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Nobody took it up yet.
    Untouched,
    /// An install or upgrade is under way; what, in the platform's words.
    Running(String),
    /// The release of that number is in place: its objects are written and its users and databases made.
    Done(u32),
    /// It did not come about; the platform tries again by itself.
    Failed(String),
}

/// Whether what was last written is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landed {
    /// It is.
    Yes,
    /// Not yet; why.
    NotYet(Reason),
    /// It failed, and most likely will again until something changes.
    Failed(Reason),
}

/// Reads the conditions.
pub fn release(status: &PostgresStatus) -> Release {
    let Some(ready) = status.conditions.iter().find(|condition| condition.kind == "Ready") else { return Release::Untouched };
    match ready.status.as_str() {
        "True" => Release::Done(number(&ready.message).unwrap_or_default()),
        "False" => Release::Failed(ready.message.clone()),
        _ => Release::Running(ready.message.clone()),
    }
}

/// From `… release tenant-a/postgres-orders.v3 with chart …` to 3. Names of applications have no dots.
fn number(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once(".v")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Whether the release tells about the last write. `Ready` stays true of the release before for about a second after a write, so the number decides.
pub fn landed(release: &Release, written: Option<Written>, now: Timestamp) -> Landed {
    let after = written.map_or(0, |written| written.after);
    let fresh = written.is_some_and(|written| age(written, now) < OVERDUE);
    match release {
        Release::Untouched => Landed::NotYet(Reason::new("Waiting", "Cozystack has not taken it up yet.")),
        Release::Running(message) => Landed::NotYet(Reason::new("Releasing", format!("Cozystack applies it: {}.", message.trim_end_matches('.')))),
        Release::Done(number) if *number > after || !fresh => Landed::Yes,
        Release::Done(_) => Landed::NotYet(Reason::new("Waiting", "Cozystack has not taken up the last change yet.")),
        // What failed may be what was there before the last write.
        Release::Failed(_) if written.is_some_and(|written| age(written, now) < UNSAFE) => {
            Landed::NotYet(Reason::new("Waiting", "Cozystack has not taken up the last change yet."))
        }
        Release::Failed(message) => Landed::Failed(Reason::new(
            "ReleaseFailed",
            format!("Cozystack could not apply it and tries again by itself: {}. If that does not help, change what it names.", message.trim_end_matches('.')),
        )),
    }
}

/// Why a deletion now could leave everything behind, invisible: every write takes the release's finalizer off until Cozystack looks at it again.
pub fn unsafe_to_delete(release: &Release, written: Option<Written>, now: Timestamp) -> Option<Reason> {
    match release {
        // Nothing was made yet, so nothing could stay behind, unless it is being taken up this moment.
        Release::Untouched => written
            .filter(|written| age(*written, now) < OVERDUE)
            .map(|_| Reason::new("Waiting", "Cozystack has not taken it up yet; deleting waits a moment for that.")),
        Release::Running(message) => {
            let words = "A release is under way, and deleting now could leave pods and volumes behind; it waits for its end, 10 minutes at most";
            Some(Reason::new("WaitsForRelease", format!("{words} ({}).", message.trim_end_matches('.'))))
        }
        Release::Done(_) | Release::Failed(_) => written.filter(|written| age(*written, now) < UNSAFE).map(|_| {
            Reason::new(
                "WaitsForRelease",
                format!("It was changed a moment ago; deleting waits {UNSAFE} s after the last change so that nothing is left behind."),
            )
        }),
    }
}

/// The number that a release has to pass to be about a write of now.
pub fn before(release: &Release, written: Option<Written>) -> u32 {
    let after = written.map_or(0, |written| written.after);
    match release {
        Release::Untouched | Release::Failed(_) => after,
        // What is under way has a number of its own and does not know of this write.
        Release::Running(_) => after + 1,
        Release::Done(number) => after.max(*number),
    }
}

/// Seconds since a write; a clock that went back counts as just now.
fn age(written: Written, now: Timestamp) -> i64 {
    (now.as_second() - written.at.as_second()).max(0)
}

#[cfg(test)]
mod tests {
    use super::{super::crd::Condition, *};

    fn status(status: &str, message: &str) -> PostgresStatus {
        let condition = Condition { kind: "Ready".into(), status: status.into(), reason: String::new(), message: message.into() };
        PostgresStatus { conditions: vec![condition] }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap_or_default()
    }

    #[test]
    fn the_platforms_words_are_understood() {
        let done = "Helm upgrade succeeded for release tenant-a/postgres-orders-v17.v12 with chart postgres@0.0.0+913aa08dc7b1";
        assert_eq!(release(&status("True", done)), Release::Done(12));
        assert_eq!(release(&status("Unknown", "Running 'upgrade' action")), Release::Running("Running 'upgrade' action".into()));
        assert_eq!(release(&PostgresStatus::default()), Release::Untouched);
    }

    #[test]
    fn ready_of_the_release_before_is_not_believed() {
        let written = Some(Written { after: 3, at: at(100) });
        assert!(matches!(landed(&Release::Done(3), written, at(101)), Landed::NotYet(_)));
        assert_eq!(landed(&Release::Done(4), written, at(101)), Landed::Yes);
        assert_eq!(landed(&Release::Done(3), written, at(130)), Landed::Yes);
    }

    #[test]
    fn nothing_is_deleted_while_it_could_stay_behind() {
        let written = Some(Written { after: 3, at: at(100) });
        assert!(unsafe_to_delete(&Release::Done(4), written, at(105)).is_some());
        assert!(unsafe_to_delete(&Release::Running(String::new()), written, at(900)).is_some());
        assert!(unsafe_to_delete(&Release::Done(4), written, at(110)).is_none());
        assert!(unsafe_to_delete(&Release::Failed(String::new()), None, at(0)).is_none());
    }
}
