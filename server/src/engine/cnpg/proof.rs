//! Asks the primary itself whether the parameters and the quorum of the wish are in its configuration: a healthy phase right after a change proves nothing.

use super::{Cnpg, build};
use crate::engine::kube::parameters;
use domain::{Cluster, status::Reason};
use sqlx::{ConnectOptions, types::Json};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

/// Longest wait for the answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What files say last of each parameter, what waits for a restart, and whom commits wait for.
const ASK: &str = "select jsonb_build_object(
  'files', (select coalesce(jsonb_object_agg(name, setting), '{}') from
    (select distinct on (name) lower(name) as name, setting from pg_file_settings where name is not null order by name, seqno desc) f),
  'pending', (select coalesce(jsonb_agg(name order by name), '[]') from pg_settings where pending_restart),
  'sync', current_setting('synchronous_standby_names'))";

/// What the primary answered.
#[derive(Debug, Default, PartialEq, serde::Deserialize)]
pub(super) struct Answer {
    files: BTreeMap<String, String>,
    pending: Vec<String>,
    sync: String,
}

impl Cnpg {
    /// What is not in effect yet; outer none: the primary could not be asked.
    pub(super) async fn lacking(&self, cluster: &Cluster) -> Option<Option<Reason>> {
        let asked = async {
            let options = self.enter(cluster).await.ok().flatten()?;
            let mut session = options.application_name("howdah").disable_statement_logging().connect().await.ok()?;
            let Json(answer) = sqlx::query_scalar::<_, Json<Answer>>(ASK).fetch_one(&mut session).await.ok()?;
            let _ = sqlx::Connection::close(session).await;
            Some(answer)
        };
        let answer = timeout(ANSWER, asked).await.ok().flatten()?;
        Some(missing(cluster, &answer))
    }
}

fn missing(cluster: &Cluster, answer: &Answer) -> Option<Reason> {
    let parameters = parameters::parameters(&cluster.spec);
    if let Some((name, value)) = parameters.iter().find(|(name, value)| answer.files.get(**name) != Some(*value)) {
        return Some(Reason::new("Parameters", format!("{name} = {value} is on its way to the instances.")));
    }
    if !answer.pending.is_empty() {
        return Some(Reason::new("Restarting", format!("Instances are restarted, replicas first, for {}.", answer.pending.join(", "))));
    }
    let start = build::synchronous_number(&cluster.spec).map_or_else(String::new, |number| format!("ANY {number} ("));
    let same = if start.is_empty() { answer.sync.is_empty() } else { answer.sync.starts_with(&start) };
    (!same).then(|| Reason::new("Quorum", "The new number of replicas to wait for is on its way to the primary."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ClusterId, ProjectId, Spec, Timestamp, Uuid, quorum::Quorum, version::Major};

    #[test]
    fn parameters_and_quorum_are_believed_when_the_primary_has_them() {
        let name: domain::ClusterName = "orders".parse().expect("valid");
        let mut spec = Spec::new(&name, Major::V17);
        spec.parameters.0.insert("work_mem".into(), "7MB".into());
        (spec.instances, spec.topology) = (3, domain::topology::Topology::Replicated);
        spec.quorum = Quorum::healing(0, 2);
        let at = Timestamp::UNIX_EPOCH;
        let wish = Cluster::create(ClusterId(Uuid::nil()), ProjectId::DEFAULT, "east".parse().expect("valid"), name, spec, at).expect("a wish");
        let files: BTreeMap<_, _> = parameters::parameters(&wish.spec).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let good = || Answer { files: files.clone(), pending: Vec::new(), sync: "ANY 2 (\"orders-2\",\"orders-3\")".into() };
        assert_eq!(missing(&wish, &good()), None);
        assert!(missing(&wish, &Answer { sync: String::new(), ..good() }).is_some());
        assert!(missing(&wish, &Answer { pending: vec!["max_connections".into()], ..good() }).is_some());
        let mut old = good();
        old.files.insert("work_mem".into(), "4MB".into());
        assert_eq!(missing(&wish, &old).map(|reason| reason.code), Some("Parameters".into()));
    }
}
