//! Measures once a second the clusters that somebody looks at, as many as can be measured that often. One cluster that does not answer never delays another.

use super::feed::Known;
use crate::{engine::Engine, postgres::statistics::Probe, service::observe::Live};
use domain::{
    Cluster, ClusterId, PlaceName, Timestamp,
    spec::Power,
    status::kinds,
    update::Update,
    vitals::{Usage, Vitals},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

const PERIOD: Duration = Duration::from_secs(1);
/// Of one measurement; less than the period, so that measurements of one cluster do not pile up.
const LIMIT: Duration = Duration::from_millis(900);
/// Clusters measured at a time, each with a session of its own that stays open. Who reads a list of thousands does not look at each.
const MOST: usize = 64;

/// Measures the clusters of a place until `stop`.
pub async fn run(place: PlaceName, engine: Arc<dyn Engine>, live: Arc<Live>, known: Arc<Known>, stop: CancellationToken) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // What the next measurement of a cluster goes on from; absent while one is under way.
    let mut probes: HashMap<ClusterId, Probe> = HashMap::new();
    let mut busy: HashSet<ClusterId> = HashSet::new();
    let mut tasks: JoinSet<(ClusterId, Option<Probe>)> = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(done) = tasks.join_next() => match done {
                Ok((id, probe)) => {
                    busy.remove(&id);
                    probes.extend(probe.map(|probe| (id, probe)));
                }
                // A panic does not say whose it was: start anew with all that are not under way.
                Err(error) => {
                    debug!(%error, "a measurement ended badly");
                    tasks.abort_all();
                    busy.clear();
                }
            },
            _ = ticks.tick() => {
                let watched = live.watched().into_iter().filter_map(|id| known.get(id).filter(|cluster| is_measured(cluster, &place)));
                let watched: Vec<_> = watched.take(MOST).collect();
                // Connections to clusters that nobody looks at any more are closed.
                probes.retain(|id, _| watched.iter().any(|cluster| cluster.id == *id));
                for cluster in watched {
                    if !busy.insert(cluster.id) {
                        continue;
                    }
                    let probe = probes.remove(&cluster.id);
                    let (engine, live) = (engine.clone(), live.clone());
                    tasks.spawn(async move { (cluster.id, sample(engine.as_ref(), &live, &cluster, probe).await) });
                }
            }
        }
    }
}

fn is_measured(cluster: &Cluster, place: &PlaceName) -> bool {
    cluster.place == *place && cluster.spec.power == Power::On && cluster.deleted_at.is_none()
}

/// One measurement. None: it failed, and the next starts with a fresh connection to whoever is the primary then.
async fn sample(engine: &dyn Engine, live: &Live, cluster: &Cluster, probe: Option<Probe>) -> Option<Probe> {
    let inside = async {
        let mut probe = match probe {
            Some(probe) => probe,
            None => Probe::new(engine.primary(cluster).await.ok().flatten()?),
        };
        match probe.vitals(cluster).await {
            Ok(vitals) => Some((vitals, probe)),
            Err(error) => {
                debug!(cluster.id = %cluster.id, error = format!("{error:#}"), "no measurement");
                None
            }
        }
    };
    // Only where it is known that nobody gets in: one second without an answer is not worth asking others.
    let shut = cluster.status.condition(kinds::NO_WAY_INSIDE).is_some();
    let told = async { if shut { engine.hearsay(cluster).await } else { None } };
    let (measured, told, usage) = tokio::join!(timeout(LIMIT, inside), timeout(LIMIT, told), timeout(LIMIT, engine.usage(cluster)));
    let (vitals, probe) = match measured.ok().flatten() {
        Some((vitals, probe)) => (vitals, Some(probe)),
        None => (told.ok().flatten().unwrap_or_else(|| blank(cluster.id)), None),
    };
    let usage = merged(usage.unwrap_or_default(), &vitals.usage);
    live.publish(Update::Vitals(Vitals { usage, ..vitals }));
    probe
}

/// What instances use, with what else is told of their disks.
fn merged(mut usage: Vec<Usage>, told: &[Usage]) -> Vec<Usage> {
    for told in told {
        match usage.iter_mut().find(|usage| usage.ordinal == told.ordinal) {
            Some(usage) => usage.disk = usage.disk.or(told.disk),
            None => usage.push(told.clone()),
        }
    }
    usage
}

/// Nobody answered: everything is unknown.
fn blank(cluster: ClusterId) -> Vitals {
    Vitals { cluster, at: Timestamp::now(), primary: None, replicas: Vec::new(), connections: None, transactions: None, wal: None, usage: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_disk_takes_nothing_from_what_is_measured() {
        let usage = |ordinal, cpu, disk| Usage { ordinal, cpu, memory: None, disk };
        let told = [usage(1, None, Some(7))];
        assert_eq!(merged(vec![usage(1, Some(0.5), None), usage(2, None, None)], &told), [usage(1, Some(0.5), Some(7)), usage(2, None, None)]);
        assert_eq!(merged(vec![usage(1, None, Some(9))], &told), [usage(1, None, Some(9))]);
        assert_eq!(merged(Vec::new(), &told), told);
    }
}
