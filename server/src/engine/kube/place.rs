//! One Kubernetes API server as every engine on it uses it: calls with a time limit whose failures are told apart, strict reads, one field manager.

use super::{
    Target,
    failure::{Failure, is_refusal, is_silence, is_unserved, proves_absence, told},
    link::{Address, Link, Way},
    object::{Kind, MANAGER, Object, Readable},
    probe::Facts,
    rights::Part,
};
use domain::{Cluster, ClusterId, ProjectId, Timestamp};
use kube::{
    Client,
    api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{broadcast, watch},
    time::timeout,
};

/// Longest wait for an answer to a read.
const READ: Duration = Duration::from_secs(5);
/// Longest wait for an answer to a write: webhooks of the operator are asked on the way.
const WRITE: Duration = Duration::from_secs(12);
/// Nudges that nobody has taken yet; more than clusters that can change within a moment.
const NUDGES: usize = 16_384;

/// One API server.
pub struct Place {
    /// What was said about it when it was opened.
    pub(super) target: Target,
    pub(super) link: Link,
    /// What its last look came to.
    pub(super) facts: watch::Sender<Checked>,
    nudges: broadcast::Sender<ClusterId>,
    /// Clusters that anybody asked about: all are looked at again when the place comes back.
    asked: Mutex<BTreeSet<ClusterId>>,
    /// How often it came back.
    returns: AtomicU64,
}

/// The outcome of the last look at a place.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// When; none: never.
    pub at: Option<Timestamp>,
    /// It does not answer; why.
    pub down: Option<String>,
    /// What was found when it last answered.
    pub facts: Option<Arc<Facts>>,
}

impl Place {
    pub(super) fn new(target: Target) -> Arc<Self> {
        let (nudges, _) = broadcast::channel(NUDGES);
        Arc::new(Self {
            target,
            link: Link::default(),
            facts: watch::Sender::new(Checked::default()),
            nudges,
            asked: Mutex::default(),
            returns: AtomicU64::new(0),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.target.name.as_str()
    }

    /// What was said about it when it was opened.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where a cluster's objects are.
    pub fn namespace(&self, cluster: &Cluster) -> String {
        self.namespace_of(cluster.project)
    }

    /// Where the objects of a project's clusters are.
    pub fn namespace_of(&self, project: ProjectId) -> String {
        namespace(&self.target.namespace, project)
    }

    /// What its last look found; none: it never answered.
    pub fn facts(&self) -> Option<Arc<Facts>> {
        self.facts.borrow().facts.clone()
    }

    /// The outcome of its last look.
    pub fn checked(&self) -> Checked {
        self.facts.borrow().clone()
    }

    /// Whether PodMonitors are wanted and can be had.
    pub fn monitors(&self) -> bool {
        self.target.pod_monitor && self.facts().is_some_and(|facts| self.may_monitor(&facts))
    }

    pub(super) fn may_monitor(&self, facts: &Facts) -> bool {
        // Where each project has a namespace and rights only in there, whether that is so shows there.
        let inside = self.target.namespace.contains("{project}") && !facts.wide;
        facts.monitors && (inside || !facts.missing.iter().any(|lack| lack.right.part == Part::PodMonitors))
    }

    /// Waits, at most that long, until the place was looked at for the first time.
    pub async fn looked_at(&self, patience: Duration) {
        let mut facts = self.facts.subscribe();
        // Whether it came about is told by whoever asks next.
        let _ = timeout(patience, facts.wait_for(|checked| checked.at.is_some())).await;
    }

    pub(super) fn address(&self) -> Address {
        Address { kubeconfig: self.target.kubeconfig.clone(), context: self.target.context.clone() }
    }

    /// Says that something happened to a cluster.
    pub fn nudge(&self, id: ClusterId) {
        // Nobody listens: then nobody is to be woken.
        let _ = self.nudges.send(id);
    }

    /// Hears what [`Place::nudge`] says.
    pub fn nudges(&self) -> broadcast::Receiver<ClusterId> {
        self.nudges.subscribe()
    }

    /// Has this cluster looked at again when the place comes back.
    pub fn remember(&self, id: ClusterId) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// The cluster is gone.
    pub fn forget(&self, id: ClusterId) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// How often it came back: what was remembered before may be of another time, as after a restored backup.
    pub fn returns(&self) -> u64 {
        self.returns.load(Ordering::Relaxed)
    }

    /// It answers again: everything there is looked at.
    pub(super) fn returned(&self) {
        self.returns.fetch_add(1, Ordering::Relaxed);
        self.wake();
    }

    /// Has all clusters that anybody asked about looked at.
    pub(super) fn wake(&self) {
        let all = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.into_iter().for_each(|id| self.nudge(id));
    }

    /// A client to call by [`Place::call`] or to build streams on. At once: a place that is down says so without a wait.
    pub fn client(&self) -> Result<Client, Failure> {
        self.link.client()
    }

    /// One call within `limit`. `what` says what it is for, as in `reading Cluster orders`.
    pub async fn call<T>(&self, what: &str, limit: Duration, call: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
        match timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failed(what, &error)),
            Err(_) => {
                self.link.doubt();
                Err(Failure::Retry(format!("{what}: no answer within {} s", limit.as_secs())))
            }
        }
    }

    /// What a failed call means. The keeper is told when it is about more than this call.
    fn failed(&self, what: &str, error: &kube::Error) -> Failure {
        if is_silence(error) || is_refusal(error) {
            self.link.doubt();
        }
        if is_unserved(error) {
            self.link.miss();
        }
        told(what, error)
    }

    /// Objects of one kind; `namespace` none: of all namespaces, or a kind without.
    pub fn api(&self, kind: &Kind, namespace: Option<&str>) -> Result<Api<DynamicObject>, Failure> {
        let client = self.client()?;
        Ok(match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &kind.resource()),
            None => Api::all_with(client, &kind.resource()),
        })
    }

    /// The object of that name. None only if the API server says of this very object, twice, that it is not there.
    pub async fn get<T: Readable>(&self, namespace: Option<&str>, name: &str) -> Result<Option<Object<T>>, Failure> {
        let object = self.get_raw(&T::KIND, namespace, name).await?;
        object.map(|object| Object::read(object).map_err(Failure::Retry)).transpose()
    }

    /// As [`Place::get`], the whole object.
    pub async fn get_raw(&self, kind: &Kind, namespace: Option<&str>, name: &str) -> Result<Option<DynamicObject>, Failure> {
        self.ask(kind, namespace, name, 2).await
    }

    /// As [`Place::get`], for whoever has another proof of absence: once is enough.
    pub async fn confirm<T: Readable>(&self, namespace: Option<&str>, name: &str) -> Result<Option<Object<T>>, Failure> {
        let object = self.ask(&T::KIND, namespace, name, 1).await?;
        object.map(|object| Object::read(object).map_err(Failure::Retry)).transpose()
    }

    async fn ask(&self, kind: &Kind, namespace: Option<&str>, name: &str, times: u8) -> Result<Option<DynamicObject>, Failure> {
        let api = self.api(kind, namespace)?;
        let what = format!("reading {} {name}", kind.kind);
        for _ in 0..times {
            // The error itself is needed: `Option` as the client has it means any 404.
            let answer = self.call(&what, READ, async { Ok(api.get(name).await) }).await?;
            match answer {
                Ok(object) => return Ok(Some(object)),
                Err(error) if proves_absence(&error, name) => {}
                Err(error) => return Err(self.failed(&what, &error)),
            }
        }
        Ok(None)
    }

    /// All objects of a kind with these labels. An object that is not understood fails the whole: unknown is not absent.
    pub async fn list<T: Readable>(&self, namespace: Option<&str>, labels: &str) -> Result<Vec<Object<T>>, Failure> {
        let all = self.list_raw(&T::KIND, namespace, labels).await?;
        all.into_iter().map(|object| Object::read(object).map_err(Failure::Retry)).collect()
    }

    /// As [`Place::list`], the whole objects.
    pub async fn list_raw(&self, kind: &Kind, namespace: Option<&str>, labels: &str) -> Result<Vec<DynamicObject>, Failure> {
        let api = self.api(kind, namespace)?;
        let what = format!("listing {}", kind.plural);
        let params = if labels.is_empty() { ListParams::default() } else { ListParams::default().labels(labels) };
        Ok(self.call(&what, READ, api.list(&params)).await?.items)
    }

    /// Server-side apply as our one field manager: what others manage is not touched, but told.
    pub async fn apply(&self, kind: &Kind, namespace: Option<&str>, body: &Value) -> Result<DynamicObject, Failure> {
        self.apply_with(kind, namespace, body, &PatchParams::apply(MANAGER).validation_strict()).await
    }

    /// As [`Place::apply`], and what others manage of these fields becomes ours. Only after somebody asked for it in so many words.
    pub async fn take_over(&self, kind: &Kind, namespace: Option<&str>, body: &Value) -> Result<DynamicObject, Failure> {
        self.apply_with(kind, namespace, body, &PatchParams::apply(MANAGER).validation_strict().force()).await
    }

    async fn apply_with(&self, kind: &Kind, namespace: Option<&str>, body: &Value, params: &PatchParams) -> Result<DynamicObject, Failure> {
        let api = self.api(kind, namespace)?;
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        tracing::debug!(place = self.name(), kind = kind.kind, namespace, name, force = params.force, "apply");
        self.call(&format!("applying {} {name}", kind.kind), WRITE, api.patch(name, params, &Patch::Apply(body))).await
    }

    /// Makes what is not there yet. What is there stays as it is: no right to change it is needed.
    pub async fn create(&self, kind: &Kind, namespace: Option<&str>, body: DynamicObject) -> Result<(), Failure> {
        let api = self.api(kind, namespace)?;
        let what = format!("creating {} {}", kind.kind, body.metadata.name.as_deref().unwrap_or_default());
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        match self.call(&what, WRITE, async { Ok(api.create(&params, &body).await) }).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(error) => Err(self.failed(&what, &error)),
        }
    }

    /// A merge patch.
    pub async fn merge(&self, kind: &Kind, namespace: Option<&str>, name: &str, body: &Value) -> Result<DynamicObject, Failure> {
        let api = self.api(kind, namespace)?;
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        self.call(&format!("changing {} {name}", kind.kind), WRITE, api.patch(name, &params, &Patch::Merge(body))).await
    }

    /// A merge patch of the status.
    pub async fn merge_status(&self, kind: &Kind, namespace: Option<&str>, name: &str, body: &Value) -> Result<DynamicObject, Failure> {
        let api = self.api(kind, namespace)?;
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        self.call(&format!("changing the status of {} {name}", kind.kind), WRITE, api.patch_status(name, &params, &Patch::Merge(body))).await
    }

    /// Asks for the deletion of exactly this object; it may take its time. One that is gone, or is another by now, is left alone.
    pub async fn delete(&self, kind: &Kind, namespace: Option<&str>, name: &str, uid: &str, policy: PropagationPolicy) -> Result<(), Failure> {
        let api = self.api(kind, namespace)?;
        let what = format!("deleting {} {name}", kind.kind);
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), propagation_policy: Some(policy), ..DeleteParams::default() };
        tracing::debug!(place = self.name(), kind = kind.kind, namespace, name, "delete");
        match self.call(&what, WRITE, async { Ok(api.delete(name, &params).await) }).await? {
            Ok(_) => Ok(()),
            Err(error) if proves_absence(&error, name) => Ok(()),
            Err(error) => Err(self.failed(&what, &error)),
        }
    }

    /// Whether the place answers, as far as it is known.
    pub fn is_up(&self) -> bool {
        self.link.client().is_ok()
    }

    pub(super) fn set(&self, way: Way) {
        self.link.set(way);
    }
}

/// A template with the project in it: `default` for the one that every portal has, else its id.
fn namespace(template: &str, project: ProjectId) -> String {
    let project = if project == ProjectId::DEFAULT { "default".to_owned() } else { project.to_string() };
    template.replace("{project}", &project)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_without_a_project_is_one_namespace() {
        assert_eq!(namespace("databases", ProjectId::DEFAULT), "databases");
        assert_eq!(namespace("pg-{project}", ProjectId::DEFAULT), "pg-default");
        assert_eq!(namespace("{project}", ProjectId(domain::Uuid::nil())), "00000000-0000-0000-0000-000000000000");
    }
}
