//! What the exporter beside a primary tells, for when nobody gets into PostgreSQL. Asked through the API server, by a right that is off unless somebody grants
//! it. What is not told stays unknown.

use super::{Cnpg, crd, observe::ordinal};
use crate::engine::kube::object::Object;
use axum::http::Request;
use domain::{
    Cluster, ClusterId, Timestamp,
    vitals::{Lag, Sync, Usage, Vitals},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// The exporter itself asks PostgreSQL only twice a minute.
const KEPT: Duration = Duration::from_secs(10);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
const PORT: u16 = 9187;

/// What was told last.
#[derive(Default)]
pub struct Heard(Mutex<HashMap<ClusterId, (Instant, Option<Vitals>)>>);

impl Heard {
    pub(super) fn forget(&self, id: ClusterId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    fn lately(&self, id: ClusterId) -> Option<Option<Vitals>> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(&id).filter(|(at, _)| at.elapsed() < KEPT).map(|(_, vitals)| vitals.clone())
    }

    fn put(&self, id: ClusterId, vitals: Option<Vitals>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (Instant::now(), vitals));
    }
}

impl Cnpg {
    /// What the exporter tells; none: it is not known.
    pub(super) async fn exported(&self, cluster: &Cluster) -> Option<Vitals> {
        if !self.place.facts().is_some_and(|facts| facts.proxy) {
            return None;
        }
        let heard = match self.heard.lately(cluster.id) {
            Some(heard) => heard,
            None => {
                // One who is cut off here does not ask again at once.
                self.heard.put(cluster.id, None);
                let vitals = self.ask_exporter(cluster).await.and_then(|text| vitals(cluster, &text));
                self.heard.put(cluster.id, vitals.clone());
                vitals
            }
        };
        heard.map(|vitals| Vitals { at: Timestamp::now(), ..vitals })
    }

    async fn ask_exporter(&self, cluster: &Cluster) -> Option<String> {
        let namespace = self.place.namespace(cluster);
        let object = self.eyes.glance(&namespace, cluster.name.as_str())?;
        let client = self.place.client().ok()?;
        let request = Request::get(path(&namespace, &object)?).body(Vec::new()).ok()?;
        // Not as other calls: an exporter that does not answer says nothing of the place.
        timeout(PATIENCE, client.request_text(request)).await.ok()?.ok()
    }

    /// What is measured where nobody gets into PostgreSQL, and what is not: a sentence.
    pub(super) fn exported_words(&self) -> String {
        match self.place.facts().is_some_and(|facts| facts.proxy) {
            true => {
                "Lag, connections and the size of data are shown as far as CloudNativePG's exporter tells them, up to a minute late; transactions and WAL per \
                 second are not measured."
            }
            false => {
                "Lag and connections are not measured; what CloudNativePG's exporter tells of them is shown where the portal may get pods/proxy \
                 (rbac.podProxy of the Helm chart)."
            }
        }
        .into()
    }
}

/// Where the exporter of the primary is.
fn path(namespace: &str, object: &Object<crd::Cluster>) -> Option<String> {
    let primary = object.body.status.current_primary.as_str();
    let spec: Value = serde_json::from_str(&object.body.spec).unwrap_or_default();
    let scheme = if spec["monitoring"]["tls"]["enabled"] == true { "https:" } else { "" };
    (!primary.is_empty()).then(|| format!("/api/v1/namespaces/{namespace}/pods/{scheme}{primary}:{PORT}/proxy/metrics"))
}

/// A line of the exposition format.
#[derive(Debug, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: BTreeMap<&'a str, String>,
    value: f64,
}

impl<'a> Sample<'a> {
    /// None: a comment, or not understood.
    fn read(line: &'a str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(end);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, value) = rest.split_once("=\"")?;
                let (value, after) = quoted(value)?;
                labels.insert(label, value);
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        // A time may follow.
        let value = rest.split_whitespace().next()?.parse().ok()?;
        (!name.starts_with('#')).then_some(Self { name, labels, value })
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// A value up to its closing quote, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

/// What the exporter of a primary tells. None: PostgreSQL does not answer it, or that is a replica.
fn vitals(cluster: &Cluster, text: &str) -> Option<Vitals> {
    let samples: Vec<_> = text.lines().filter_map(Sample::read).collect();
    let of = |name: &'static str| samples.iter().filter(move |sample| sample.name == name);
    let one = |name| of(name).map(|sample| sample.value).next();
    if one("cnpg_collector_up") != Some(1.0) || one("cnpg_pg_replication_in_recovery") == Some(1.0) {
        return None;
    }
    let setting = |name: &str| of("cnpg_pg_settings_setting").find(|sample| sample.label("name") == name).map(|sample| sample.value);
    // Those of replicas have no database, and count against another limit.
    let sessions = of("cnpg_backends_total").filter(|sample| !sample.label("datname").is_empty()).map(|sample| sample.value);
    let sessions = sessions.reduce(|a, b| a + b);
    let sizes = of("cnpg_pg_database_size_bytes").map(|sample| sample.value).reduce(|a, b| a + b);
    let wal = of("cnpg_collector_pg_wal").find(|sample| sample.label("value") == "size").map(|sample| sample.value);
    let primary = cluster.status.primary().map(|instance| instance.ordinal);
    let disk = sizes.zip(wal).map(|(sizes, wal)| (sizes + wal) as u64);
    let usage = primary.zip(disk).map(|(ordinal, disk)| Usage { ordinal, cpu: None, memory: None, disk: Some(disk) });
    Some(Vitals {
        cluster: cluster.id,
        at: Timestamp::now(),
        primary,
        replicas: lags(cluster, &samples),
        connections: sessions.zip(setting("max_connections")).map(|(used, of)| (used as u32, of as u32)),
        transactions: None,
        wal: None,
        usage: usage.into_iter().collect(),
    })
}

/// The lag of each replica that has told how far it is. Of two connections of one the newer counts.
fn lags(cluster: &Cluster, samples: &[Sample]) -> Vec<Lag> {
    let mut all: BTreeMap<u8, (f64, Lag)> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.name == "cnpg_pg_stat_replication_replay_diff_bytes") {
        let Some(ordinal) = ordinal(cluster, sample.label("application_name")) else { continue };
        let beside = |name: &str| {
            let name = format!("cnpg_pg_stat_replication_{name}");
            samples.iter().find(|other| other.name == name && other.labels == sample.labels).map(|other| other.value).filter(|value| value.is_finite())
        };
        // The exporter says 0 of one that has not told what it replayed; of what it wrote it then says nothing.
        let (Some(_), Some(seconds), true) = (beside("write_diff_bytes"), beside("replay_lag_seconds"), sample.value.is_finite()) else { continue };
        let bytes = sample.value.max(0.0) as u64;
        let sync = cluster.status.instances.iter().find(|instance| instance.ordinal == ordinal).map_or(Sync::Async, |instance| instance.sync);
        let lag = Lag { ordinal, bytes, seconds: if bytes == 0 { 0.0 } else { seconds.max(0.0) }, silent: None, state: String::new(), sync };
        let started = beside("backend_start").unwrap_or_default();
        if all.get(&ordinal).is_none_or(|(known, _)| *known < started) {
            all.insert(ordinal, (started, lag));
        }
    }
    all.into_values().map(|(_, lag)| lag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        ProjectId, Spec, Uuid,
        status::{InstanceRole, InstanceState, InstanceStatus},
        version::Major,
    };

    /// Of the release 1.30, with what matters here and some of what does not.
    const TEXT: &str = r#"# HELP cnpg_backends_total Number of backends
# TYPE cnpg_backends_total gauge
cnpg_backends_total{application_name="",datname="",state="active",usename="streaming_replica"} 2
cnpg_backends_total{application_name="a \"shop\", {1}\\",datname="shop",state="active",usename="alice"} 3
cnpg_backends_total{application_name="cnpg_metrics_exporter",datname="postgres",state="active",usename="postgres"} 1
# HELP cnpg_collector_pg_wal Total size in bytes of WAL segments in the '/var/lib/postgresql/data/pgdata/pg_wal' directory  computed as (wal_segment_size * count)
# TYPE cnpg_collector_pg_wal gauge
cnpg_collector_pg_wal{value="count"} 9
cnpg_collector_pg_wal{value="slots_max"} NaN
cnpg_collector_pg_wal{value="size"} 1.50994944e+08
cnpg_collector_up{cluster="orders"} 1
cnpg_pg_database_size_bytes{datname="postgres"} 7.5e+06
cnpg_pg_database_size_bytes{datname="shop"} 1.25e+07
cnpg_pg_replication_in_recovery 0
cnpg_pg_settings_setting{name="max_connections"} 100
cnpg_pg_settings_setting{name="max_wal_senders"} 10
cnpg_pg_stat_replication_backend_start{application_name="orders-2",client_addr="10.0.0.2",client_port="1",usename="streaming_replica"} 1.7e+09
cnpg_pg_stat_replication_backend_start{application_name="orders-2",client_addr="10.0.0.2",client_port="2",usename="streaming_replica"} 1.8e+09
cnpg_pg_stat_replication_replay_diff_bytes{application_name="orders-2",client_addr="10.0.0.2",client_port="1",usename="streaming_replica"} 9.9e+09
cnpg_pg_stat_replication_replay_diff_bytes{application_name="orders-2",client_addr="10.0.0.2",client_port="2",usename="streaming_replica"} 4096
cnpg_pg_stat_replication_replay_diff_bytes{application_name="orders-3",client_addr="10.0.0.3",client_port="3",usename="streaming_replica"} 0
cnpg_pg_stat_replication_replay_diff_bytes{application_name="orders-4",client_addr="10.0.0.4",client_port="4",usename="streaming_replica"} 0
cnpg_pg_stat_replication_replay_diff_bytes{application_name="elsewhere",client_addr="10.0.0.5",client_port="5",usename="streaming_replica"} 0
cnpg_pg_stat_replication_replay_lag_seconds{application_name="orders-2",client_addr="10.0.0.2",client_port="1",usename="streaming_replica"} 900
cnpg_pg_stat_replication_replay_lag_seconds{application_name="orders-2",client_addr="10.0.0.2",client_port="2",usename="streaming_replica"} 0.25
cnpg_pg_stat_replication_replay_lag_seconds{application_name="orders-3",client_addr="10.0.0.3",client_port="3",usename="streaming_replica"} 0.5
cnpg_pg_stat_replication_replay_lag_seconds{application_name="orders-4",client_addr="10.0.0.4",client_port="4",usename="streaming_replica"} 0
cnpg_pg_stat_replication_write_diff_bytes{application_name="orders-2",client_addr="10.0.0.2",client_port="1",usename="streaming_replica"} 9.9e+09
cnpg_pg_stat_replication_write_diff_bytes{application_name="orders-2",client_addr="10.0.0.2",client_port="2",usename="streaming_replica"} 0
cnpg_pg_stat_replication_write_diff_bytes{application_name="orders-3",client_addr="10.0.0.3",client_port="3",usename="streaming_replica"} 0
cnpg_pg_stat_replication_write_diff_bytes{application_name="orders-4",client_addr="10.0.0.4",client_port="4",usename="streaming_replica"} NaN
go_gc_duration_seconds{quantile="0.25"} 7.27e-05 1395066363000
"#;

    fn wish() -> Cluster {
        let name: domain::ClusterName = "orders".parse().expect("valid");
        let spec = Spec::new(&name, Major::V17);
        let (place, at) = ("east".parse().expect("valid"), Timestamp::UNIX_EPOCH);
        let mut wish = Cluster::create(ClusterId(Uuid::nil()), ProjectId::DEFAULT, place, name, spec, at).expect("a wish");
        let instance = |ordinal, role| InstanceStatus {
            ordinal,
            name: format!("orders-{ordinal}"),
            role,
            state: InstanceState::Ready,
            host: String::new(),
            port: 5432,
            sync: Sync::Quorum,
            started_at: None,
        };
        wish.status.instances = vec![instance(1, InstanceRole::Primary), instance(2, InstanceRole::Replica)];
        wish
    }

    #[test]
    fn a_line_is_read_with_what_is_quoted_in_it() {
        let sample = Sample::read(r#"a_total{x="1, \"2\" }\\",y="l\nm"} +Inf 12"#).expect("a sample");
        assert_eq!((sample.name, sample.label("x"), sample.label("y"), sample.value), ("a_total", r#"1, "2" }\"#, "l\nm", f64::INFINITY));
        assert_eq!(Sample::read("plain 1e3").map(|sample| sample.value), Some(1000.0));
        for not in ["", "# HELP a b", "a{", "a{x=\"1\" 2", "a{x=\"1\\", "a{x} 1", "a", "a b", "<html>"] {
            assert_eq!(Sample::read(not), None, "{not}");
        }
    }

    #[test]
    fn what_the_exporter_of_a_primary_tells_is_told_on_and_nothing_else() {
        let vitals = vitals(&wish(), TEXT).expect("it tells");
        let lags: Vec<_> = vitals.replicas.iter().map(|lag| (lag.ordinal, lag.bytes, lag.seconds, lag.silent, lag.sync)).collect();
        assert_eq!(lags, [(2, 4096, 0.25, None, Sync::Quorum), (3, 0, 0.0, None, Sync::Async)], "the fourth has not reported");
        assert_eq!((vitals.connections, vitals.transactions, vitals.wal, vitals.primary), (Some((4, 100)), None, None, Some(1)));
        assert_eq!(vitals.usage, [Usage { ordinal: 1, cpu: None, memory: None, disk: Some(170_994_944) }]);
    }

    #[test]
    fn a_replica_one_that_is_down_and_one_that_is_fenced_tell_no_zeros() {
        assert_eq!(vitals(&wish(), &TEXT.replace("in_recovery 0", "in_recovery 1")), None);
        assert_eq!(vitals(&wish(), &TEXT.replace("cnpg_collector_up{cluster=\"orders\"} 1", "cnpg_collector_up{cluster=\"orders\"} 0")), None);
        assert_eq!(vitals(&wish(), "<html>no</html>"), None);
        let fenced = vitals(&wish(), "cnpg_collector_fencing_on 1\ncnpg_collector_up{cluster=\"orders\"} 1\n").expect("it answers");
        assert_eq!((fenced.replicas, fenced.connections, fenced.usage), (vec![], None, vec![]));
    }

    #[test]
    fn an_exporter_behind_tls_is_asked_so() {
        let mut object = Object { meta: Default::default(), body: crd::Cluster::default() };
        assert_eq!(path("databases", &object), None, "nobody is the primary");
        object.body.status.current_primary = "orders-2".into();
        assert_eq!(path("databases", &object).as_deref(), Some("/api/v1/namespaces/databases/pods/orders-2:9187/proxy/metrics"));
        object.body.spec = r#"{"monitoring":{"tls":{"enabled":true}}}"#.into();
        assert_eq!(path("databases", &object).as_deref(), Some("/api/v1/namespaces/databases/pods/https:orders-2:9187/proxy/metrics"));
    }
}
