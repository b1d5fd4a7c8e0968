//! What health shows, as words: conditions of the reconciler and measurements, each with its evidence. Pure.

use super::super::topology::{
    model::{seconds, worst},
    tone::Tone,
};
use domain::{
    Cluster, Timestamp,
    quantity::human,
    spec::Power,
    status::{Condition, kinds},
    vitals::Vitals,
};

/// A check and how it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What is checked.
    pub title: String,
    /// How it stands.
    pub tone: Tone,
    /// How it stands, as a word for those who do not see the colour.
    pub word: &'static str,
    /// Why it stands so.
    pub evidence: String,
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
}

/// Something that a person must know first.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// How bad.
    pub tone: Tone,
    /// What is so.
    pub title: &'static str,
    /// Why.
    pub text: String,
    /// What to do.
    pub advice: &'static str,
}

/// What cannot wait: a reconciler that is stuck, first of all.
pub fn alarms(cluster: &Cluster) -> Vec<Alarm> {
    let holds = |kind| cluster.status.condition(kind).filter(|condition| condition.holds == Some(true));
    let blocked = holds(kinds::BLOCKED).map(|condition| Alarm {
        tone: Tone::Bad,
        title: "Waits for you",
        text: condition.reason.message.clone(),
        advice: "The portal does nothing more until that is changed. Your data is not touched.",
    });
    let stalled = holds(kinds::STALLED).map(|condition| Alarm {
        tone: Tone::Warn,
        title: "Takes longer than it should",
        text: condition.reason.message.clone(),
        advice: "The portal goes on trying. See the recent events; if nothing moves, restart the instances or undo the last change.",
    });
    blocked.into_iter().chain(stalled).collect()
}

/// All checks.
pub fn rows(cluster: &Cluster, vitals: Option<&Vitals>) -> Vec<Row> {
    let shown = |condition: &&Condition| ![kinds::BLOCKED, kinds::STALLED].contains(&condition.kind.as_str());
    let mut rows: Vec<Row> = cluster.status.conditions.iter().filter(shown).map(|condition| of_condition(cluster, condition)).collect();
    if cluster.spec.power == Power::On {
        rows.extend(of_lag(cluster, vitals));
        rows.extend(of_connections(vitals));
        rows.extend(of_disk(cluster, vitals));
    }
    rows
}

/// How many of the checks pass, in words, and how that looks.
pub fn summary(rows: &[Row]) -> (Tone, String) {
    let count = |tone| rows.iter().filter(|row| row.tone == tone).count();
    let checks = |n: usize| if n == 1 { "1 check".to_owned() } else { format!("{n} checks") };
    match (count(Tone::Bad), count(Tone::Warn)) {
        _ if rows.is_empty() => (Tone::Idle, "Nothing checked yet".into()),
        (0, 0) if count(Tone::Ok) == 0 => (Tone::Idle, "Unknown".into()),
        (0, 0) => (Tone::Ok, format!("{} {}", checks(count(Tone::Ok)), if count(Tone::Ok) == 1 { "passes" } else { "pass" })),
        (0, n) => (Tone::Warn, format!("{} to look at", checks(n))),
        (n, _) => (Tone::Bad, format!("{} failed", checks(n))),
    }
}

fn of_condition(cluster: &Cluster, condition: &Condition) -> Row {
    let paused = cluster.spec.power == Power::Off;
    let (title, failed) = match condition.kind.as_str() {
        kinds::READY if paused => ("As asked for".to_owned(), Tone::Idle),
        kinds::READY if cluster.is_settling() => ("As asked for".to_owned(), Tone::Busy),
        kinds::READY => ("As asked for".to_owned(), Tone::Bad),
        kinds::INSTANCES => ("Instances ready".to_owned(), if cluster.is_settling() { Tone::Busy } else { Tone::Warn }),
        kinds::INSIDE => ("Users and databases".to_owned(), if cluster.is_settling() { Tone::Busy } else { Tone::Warn }),
        kinds::PARAMETERS => ("Parameters".to_owned(), Tone::Warn),
        kinds::NO_WAY_INSIDE => ("Way into PostgreSQL".to_owned(), Tone::Warn),
        kinds::QUORUM => ("Commit quorum".to_owned(), Tone::Warn),
        kinds::LIMITS => ("Limits of CPU and memory".to_owned(), Tone::Idle),
        other => (words(other), Tone::Warn),
    };
    let (tone, word) = match condition.holds {
        Some(true) => (Tone::Ok, "passes"),
        None => (Tone::Idle, "unknown"),
        Some(false) => (
            failed,
            if matches!(failed, Tone::Busy) {
                "on its way"
            } else if matches!(failed, Tone::Idle) {
                "note"
            } else {
                "fails"
            },
        ),
    };
    Row { title, tone, word, evidence: condition.reason.message.clone(), since: Some(condition.since) }
}

fn of_lag(cluster: &Cluster, vitals: Option<&Vitals>) -> Option<Row> {
    let (worst, unknown) = worst(cluster, vitals);
    let row = |tone, word, evidence| Row { title: "Replication lag".into(), tone, word, evidence, since: None };
    match worst {
        None if unknown == 0 => None,
        None => Some(row(Tone::Idle, "unknown", "No replica has reported.".into())),
        Some((name, lag)) => {
            let evidence = format!("At most {} and {}, {name}.", seconds(lag.seconds), human(lag.bytes));
            let late = lag.seconds > 10.0;
            Some(match unknown {
                0 => row(if late { Tone::Warn } else { Tone::Ok }, if late { "late" } else { "passes" }, evidence),
                n => row(Tone::Warn, "partly unknown", format!("{evidence} {n} unknown.")),
            })
        }
    }
}

fn of_connections(vitals: Option<&Vitals>) -> Option<Row> {
    let (used, of) = vitals?.connections?;
    let full = u64::from(used) * 10 >= u64::from(of) * 9;
    let tone = if full { Tone::Warn } else { Tone::Ok };
    Some(Row { title: "Connections".into(), tone, word: if full { "nearly full" } else { "passes" }, evidence: format!("{used} of {of} in use."), since: None })
}

fn of_disk(cluster: &Cluster, vitals: Option<&Vitals>) -> Option<Row> {
    let most = vitals?.usage.iter().filter_map(|usage| usage.disk).max()?;
    let storage = cluster.spec.storage.get();
    let (tone, word) = match most.saturating_mul(100) / storage.max(1) {
        0..85 => (Tone::Ok, "passes"),
        85..95 => (Tone::Warn, "nearly full"),
        _ => (Tone::Bad, "full"),
    };
    Some(Row { title: "Disk".into(), tone, word, evidence: format!("{} of {} used.", human(most), human(storage)), since: None })
}

/// `MemoryNotLimited` as `Memory not limited`.
fn words(kind: &str) -> String {
    let mut text = String::new();
    for c in kind.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
            text.push(c.to_ascii_lowercase());
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::fake::sample;

    #[test]
    fn a_healthy_cluster_with_a_silent_replica_has_one_check_to_look_at() {
        let rows = rows(&sample::ready(), Some(&sample::vitals()));
        assert_eq!(summary(&rows), (Tone::Warn, "1 check to look at".into()));
        let lag = rows.iter().find(|row| row.title == "Replication lag").map(|row| row.evidence.as_str());
        assert_eq!(lag, Some("At most 0.1 s and 48 KiB, orders-2. 1 unknown."));
    }

    #[test]
    fn without_a_measurement_the_lag_is_unknown() {
        let rows = rows(&sample::ready(), None);
        assert!(rows.iter().any(|row| row.title == "Replication lag" && row.word == "unknown"));
        assert_eq!(summary(&rows), (Tone::Ok, "5 checks pass".into()));
    }

    #[test]
    fn what_waits_for_a_person_comes_first_and_is_no_mere_row() {
        let cluster = sample::degraded();
        assert_eq!(alarms(&cluster).iter().map(|alarm| alarm.tone).collect::<Vec<_>>(), [Tone::Bad]);
        assert!(rows(&cluster, None).iter().all(|row| row.title != kinds::BLOCKED));
    }

    #[test]
    fn a_paused_cluster_is_not_broken() {
        assert_eq!(summary(&rows(&sample::paused(), None)).0, Tone::Idle);
    }

    #[test]
    fn an_unforeseen_condition_is_put_into_words() {
        assert_eq!(words("MemoryNotLimited"), "Memory not limited");
    }
}
