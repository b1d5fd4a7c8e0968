//! Asks the primary itself whether the parameters and the quorum of the wish are in its configuration: a healthy phase right after a change proves nothing.

use super::{Cnpg, build};
use crate::engine::kube::parameters;
use domain::{Cluster, quorum::Durability, status::Reason};
use sqlx::{ConnectOptions, types::Json};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

/// Longest wait for the answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How long a quorum is waited for that may never come: the operator lowers a preferred one by itself as long as replicas are missing.
const DOUBT: Duration = Duration::from_secs(120);
/// Code of the reason about a quorum that the operator may lower.
const PREFERRED: &str = "Quorum";

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

/// What is still waited for although the operator says that all is well. `lacking`: as [`Cnpg::lacking`] says, and `doubted` for how long; `fresh`: the
/// change is so young that the operator may not have seen it.
pub(super) fn awaited(lacking: Option<Option<Reason>>, doubted: Duration, fresh: bool) -> Option<Reason> {
    match lacking {
        Some(Some(reason)) if doubted < DOUBT => Some(reason),
        Some(Some(reason)) if reason.code == PREFERRED => None,
        Some(Some(reason)) => {
            let late = "That takes longer than it should: CloudNativePG's operator may be down, or something else in the configuration overrules it.";
            Some(Reason::new(&reason.code, format!("{} {late}", reason.message)))
        }
        None if fresh => Some(Reason::new("Applied", "The operator takes up the change.")),
        Some(None) | None => None,
    }
}

fn missing(cluster: &Cluster, answer: &Answer) -> Option<Reason> {
    let parameters = parameters::parameters(&cluster.spec);
    // The operator writes a backslash as it is, and PostgreSQL reads it as the beginning of another character.
    let there = |name: &str, value: &String| answer.files.get(name).is_some_and(|there| there == value || value.contains('\\'));
    if let Some((name, value)) = parameters.iter().find(|(name, value)| !there(name, value)) {
        return Some(Reason::new("Parameters", format!("{name} = {value} is on its way to the instances.")));
    }
    if !answer.pending.is_empty() {
        return Some(Reason::new("Restarting", format!("Instances are restarted, replicas first, for {}.", answer.pending.join(", "))));
    }
    let start = build::synchronous_number(&cluster.spec).map_or_else(String::new, |number| format!("ANY {number} ("));
    let same = if start.is_empty() { answer.sync.is_empty() } else { answer.sync.starts_with(&start) };
    let code = match cluster.spec.quorum.durability {
        Durability::Preferred => PREFERRED,
        Durability::Required => "RequiredQuorum",
    };
    (!same).then(|| Reason::new(code, "The new number of replicas to wait for is on its way to the primary."))
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
        let mut escaped = wish.clone();
        escaped.spec.parameters.0.insert("work_mem".into(), r"4\115B".into());
        assert_eq!(missing(&escaped, &old), None, "PostgreSQL reads it otherwise than it is written");
    }

    /// The phase of before stays when nobody is there to change it.
    #[test]
    fn an_operator_that_is_down_never_makes_a_parameter_come_into_effect() {
        let (soon, late) = (Duration::from_secs(30), Duration::from_secs(3600));
        let code = |reason: Option<Reason>| reason.map(|reason| reason.code);
        for lacks in ["Parameters", "Restarting", "RequiredQuorum"] {
            let lacking = || Some(Some(Reason::new(lacks, "It is on its way.")));
            assert_eq!(awaited(lacking(), soon, false).map(|reason| reason.message), Some("It is on its way.".into()));
            let told = awaited(lacking(), late, false).expect("still waited for");
            assert!(told.code == lacks && told.message.starts_with("It is on its way.") && told.message.contains("operator may be down"), "{told:?}");
        }
        let lowered = || Some(Some(Reason::new(PREFERRED, "It is on its way.")));
        assert_eq!((code(awaited(lowered(), soon, false)), awaited(lowered(), late, false)), (Some(PREFERRED.into()), None));
        assert_eq!((awaited(Some(None), late, true), awaited(None, late, false)), (None, None));
        assert_eq!(code(awaited(None, soon, true)), Some("Applied".into()));
    }
}
