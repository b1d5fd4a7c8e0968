//! What the topology shows, as words: from a cluster and its last measurement to nodes and wires. Pure.

use super::tone::Tone;
use domain::{
    Cluster,
    quantity::human,
    spec::Power,
    status::{EndpointKind, InstanceRole, InstanceState, InstanceStatus},
    vitals::{Lag, Sync, Vitals},
};

/// Seconds behind from which a replica is worth a look.
const LATE: f64 = 10.0;
/// Seconds without a report after which the other numbers of a replica say nothing. Replicas report at least every ten.
const SILENT: f64 = 15.0;

/// The whole picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Addresses that lead into the cluster.
    pub ends: Vec<End>,
    /// The instance that accepts writes; none: none does.
    pub primary: Option<Node>,
    /// The others, each at the end of a wire.
    pub replicas: Vec<(Wire, Node)>,
    /// How commits are confirmed, in words; none: there is nobody to confirm.
    pub quorum: Option<String>,
}

/// An address.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// What it leads to, in words.
    pub title: &'static str,
    /// The icon of it.
    pub icon: &'static str,
    /// Its name.
    pub name: String,
    /// Host and port.
    pub address: String,
}

/// An instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its number.
    pub ordinal: u8,
    /// Its name.
    pub name: String,
    /// How it is.
    pub tone: Tone,
    /// How it is, in words.
    pub text: String,
    /// What it uses of what it may.
    pub meters: Vec<Meter>,
}

/// What leads from the primary to a replica.
#[derive(Debug, Clone, PartialEq)]
pub struct Wire {
    /// How it is.
    pub tone: Tone,
    /// Commits wait for what is at its end.
    pub sync: bool,
    /// The lag in seconds, or a word. Never zero for unknown.
    pub lag: String,
    /// The lag in bytes, or why there is no number.
    pub detail: String,
}

/// A share of a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Meter {
    /// Of what.
    pub title: &'static str,
    /// Percent, at most 100.
    pub percent: u32,
}

/// The picture of a cluster; without a measurement every lag is unknown.
pub fn picture(cluster: &Cluster, vitals: Option<&Vitals>) -> Picture {
    let status = &cluster.status;
    let primary = status.primary().map(|instance| {
        let text = match instance.state {
            InstanceState::Ready => "Accepts writes".to_owned(),
            _ => state(&instance.state),
        };
        Node { text, meters: meters(cluster, vitals, instance.ordinal), ..node(instance) }
    });
    let replicas = status.instances.iter().filter(|instance| instance.role == InstanceRole::Replica);
    let replicas = replicas.map(|instance| {
        let wire = wire(instance, vitals.and_then(|vitals| vitals.lag(instance.ordinal)));
        let text = match instance.state {
            InstanceState::Ready => format!("{}, serves reads", wire.detail),
            _ => state(&instance.state),
        };
        (wire, Node { text, ..node(instance) })
    });
    Picture { ends: ends(cluster), primary, replicas: replicas.collect(), quorum: quorum(cluster) }
}

/// The largest lag that is known, with the name of its replica; and how many are unknown.
pub fn worst<'a>(cluster: &'a Cluster, vitals: Option<&'a Vitals>) -> (Option<(&'a str, &'a Lag)>, usize) {
    let replicas = || cluster.status.instances.iter().filter(|instance| instance.role == InstanceRole::Replica);
    let known = replicas().filter_map(|instance| Some((instance.name.as_str(), vitals?.lag(instance.ordinal)?)));
    let worst = known.clone().max_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds));
    (worst, replicas().count() - known.count())
}

/// Seconds for people: `0.1 s`, `14 s`, `3 min`.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

fn node(instance: &InstanceStatus) -> Node {
    let tone = match instance.state {
        InstanceState::Creating | InstanceState::Starting => Tone::Busy,
        InstanceState::Ready => Tone::Ok,
        InstanceState::NotStreaming => Tone::Warn,
        InstanceState::Failed(_) => Tone::Bad,
        InstanceState::Stopped | InstanceState::Unknown(_) => Tone::Idle,
    };
    Node { ordinal: instance.ordinal, name: instance.name.clone(), tone, text: String::new(), meters: Vec::new() }
}

fn state(state: &InstanceState) -> String {
    match state {
        InstanceState::Creating => "Its data directory is being made".into(),
        InstanceState::Starting => "Starting".into(),
        InstanceState::Ready => "Ready".into(),
        InstanceState::NotStreaming => "Answers, but does not follow the primary".into(),
        InstanceState::Stopped => "Stopped on purpose".into(),
        InstanceState::Failed(why) => format!("Failed: {why}"),
        InstanceState::Unknown(why) => format!("Unknown: {why}"),
    }
}

fn wire(instance: &InstanceStatus, lag: Option<&Lag>) -> Wire {
    let word = |tone, lag: &str, detail: &str, sync| Wire { tone, sync, lag: lag.into(), detail: detail.into() };
    let waits = instance.sync != Sync::Async;
    match (&instance.state, lag) {
        (InstanceState::Stopped, _) => word(Tone::Idle, "stopped", "Stopped", waits),
        (InstanceState::Creating, None) => word(Tone::Busy, "copying", "Not following yet", false),
        (_, None) => word(Tone::Idle, "unknown", "Lag unknown", waits),
        (_, Some(lag @ Lag { silent: Some(silent), .. })) if *silent > SILENT => {
            let text = format!("No report for {}", seconds(*silent));
            word(Tone::Warn, "unknown", &text, lag.sync != Sync::Async)
        }
        (_, Some(lag)) => {
            let tone = if lag.seconds > LATE { Tone::Warn } else { Tone::Ok };
            let detail = if lag.bytes == 0 { "Nothing behind".into() } else { format!("{} behind", human(lag.bytes)) };
            Wire { tone, sync: lag.sync != Sync::Async, lag: seconds(lag.seconds), detail }
        }
    }
}

fn ends(cluster: &Cluster) -> Vec<End> {
    let kinds = [(EndpointKind::Rw, "Read and write", "edit"), (EndpointKind::Ro, "Read only", "eye")];
    let known = kinds.into_iter().filter_map(|(kind, title, icon)| {
        let end = cluster.status.endpoint(kind)?;
        Some(End { title, icon, name: end.name.clone(), address: format!("{}:{}", end.host, end.port) })
    });
    known.collect()
}

fn quorum(cluster: &Cluster) -> Option<String> {
    let replicas = cluster.spec.instances.saturating_sub(1);
    if replicas == 0 || cluster.spec.power == Power::Off {
        return None;
    }
    let ready = |i: &&InstanceStatus| i.role == InstanceRole::Replica && i.state == InstanceState::Ready;
    let healthy = u8::try_from(cluster.status.instances.iter().filter(ready).count()).unwrap_or(u8::MAX);
    Some(match cluster.spec.quorum.effective(healthy, replicas) {
        0 => "Commits wait for no replica".into(),
        n => format!("Quorum: {n} of {replicas} {} each commit", if replicas == 1 { "replica confirms" } else { "replicas confirm" }),
    })
}

fn meters(cluster: &Cluster, vitals: Option<&Vitals>, ordinal: u8) -> Vec<Meter> {
    let Some(usage) = vitals.and_then(|vitals| vitals.usage.iter().find(|usage| usage.ordinal == ordinal)) else {
        return Vec::new();
    };
    let size = &cluster.spec.size;
    let cpu = usage.cpu.map(|cores| ("CPU", cores * 1000.0 / f64::from(size.cpu().get())));
    let share = |used: Option<u64>, of: u64| used.map(|used| used as f64 / of as f64);
    let all = [cpu, share(usage.memory, size.memory().get()).map(|s| ("Memory", s)), share(usage.disk, cluster.spec.storage.get()).map(|s| ("Disk", s))];
    all.into_iter().flatten().map(|(title, share)| Meter { title, percent: (share * 100.0).clamp(0.0, 100.0).round() as u32 }).collect()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::fake::sample;

    fn lags(cluster: &Cluster, vitals: Option<&Vitals>) -> Vec<(String, String)> {
        picture(cluster, vitals).replicas.into_iter().map(|(wire, _)| (wire.lag, wire.detail)).collect()
    }

    #[test]
    fn an_unknown_lag_is_a_word_and_never_zero() {
        let said = lags(&sample::ready(), Some(&sample::vitals()));
        assert_eq!(said, [("0.1 s".into(), "48 KiB behind".into()), ("unknown".into(), "Lag unknown".into())]);
        assert!(lags(&sample::ready(), None).iter().all(|(lag, _)| lag == "unknown"));
    }

    #[test]
    fn a_replica_that_reports_no_more_is_not_believed() {
        let mut vitals = sample::vitals();
        vitals.replicas[0].silent = Some(40.0);
        assert_eq!(lags(&sample::ready(), Some(&vitals))[0], ("unknown".into(), "No report for 40 s".into()));
    }

    #[test]
    fn a_late_replica_is_marked() {
        let mut vitals = sample::vitals();
        vitals.replicas[0].seconds = 150.0;
        let picture = picture(&sample::ready(), Some(&vitals));
        assert_eq!((picture.replicas[0].0.tone, picture.replicas[0].0.lag.as_str()), (Tone::Warn, "2 min"));
    }

    #[test]
    fn a_failed_instance_says_why() {
        let picture = picture(&sample::degraded(), None);
        assert_eq!(picture.replicas[1].1.tone, Tone::Bad);
        assert_eq!(picture.replicas[1].1.text, "Failed: the disk is full. Free some space.");
    }

    #[test]
    fn the_quorum_follows_the_healthy_replicas() {
        assert_eq!(picture(&sample::ready(), None).quorum.as_deref(), Some("Quorum: 2 of 2 replicas confirm each commit"));
        assert_eq!(picture(&sample::degraded(), None).quorum.as_deref(), Some("Quorum: 1 of 2 replicas confirm each commit"));
        assert_eq!(picture(&sample::paused(), None).quorum, None);
    }

    #[test]
    fn meters_are_shares_of_the_limits() {
        let meters = picture(&sample::ready(), Some(&sample::vitals())).primary.map(|node| node.meters).unwrap_or_default();
        assert_eq!(meters.iter().map(|m| m.percent).collect::<Vec<_>>(), [46, 71, 62]);
    }
}
