//! Measures once a second the clusters that somebody looks at, as many as can be measured that often. One cluster that does not answer never delays another.

use super::feed::Known;
use crate::{engine::Engine, postgres::statistics::Probe, service::observe::Live};
use domain::{Cluster, ClusterId, PlaceName, Timestamp, spec::Power, update::Update, vitals::Vitals};
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
    let (measured, usage) = tokio::join!(timeout(LIMIT, inside), timeout(LIMIT, engine.usage(cluster)));
    let (vitals, probe) = measured.ok().flatten().map_or_else(|| (blank(cluster.id), None), |(vitals, probe)| (vitals, Some(probe)));
    live.publish(Update::Vitals(Vitals { usage: usage.unwrap_or_default(), ..vitals }));
    probe
}

/// Nobody answered: everything is unknown.
fn blank(cluster: ClusterId) -> Vitals {
    Vitals { cluster, at: Timestamp::now(), primary: None, replicas: Vec::new(), connections: None, transactions: None, wal: None, usage: Vec::new() }
}
