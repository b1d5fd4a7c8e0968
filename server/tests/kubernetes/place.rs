//! An engine at a place, and a reconciler in few lines: what a pass of the portal does, without its store and without PostgreSQL.

use super::{
    operator::{Mood, Operator, kind},
    support::{Server, namespace},
};
use domain::{
    Change, Cluster, ClusterId, ClusterName, Phase, ProjectId, Spec, Status, Timestamp, Uuid,
    database::Grants,
    name::Description,
    observed::{Observed, Progress, Seen},
    status::Reason,
    version::Major,
};
use futures::{StreamExt, stream::BoxStream};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::Value;
use server::{
    engine::{
        Engine, EngineError, Verifiers,
        kube::{Choice, Target, open},
    },
    secret::{self, Verifier},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace of its own, and an engine that works in it.
pub struct Place {
    pub namespace: String,
    /// An administrator.
    pub client: Client,
    pub engine: Arc<dyn Engine>,
    pub verifiers: Verifiers,
    pub kubeconfig: PathBuf,
    catalog: Option<String>,
    pod_monitor: bool,
    stop: CancellationToken,
    folder: tempfile::TempDir,
}

impl Place {
    /// In a fresh namespace, as an administrator.
    pub async fn open(server: &Server) -> Self {
        let client = server.client().await;
        let namespace = namespace(&client).await;
        Self::at(client, namespace, server.kubeconfig())
    }

    /// As whom the kubeconfig says.
    pub fn at(client: Client, namespace: String, kubeconfig: PathBuf) -> Self {
        if std::env::var_os("HOWDAH_TRACE").is_some() {
            let _already = tracing_subscriber::fmt().with_env_filter("server=debug").with_ansi(false).with_test_writer().try_init();
        }
        let (engine, stop) = engine(&kubeconfig, &namespace, None, false);
        let (verifiers, folder) = (Verifiers::new(), tempfile::tempdir().unwrap());
        Self { namespace, client, engine, verifiers, kubeconfig, catalog: None, pod_monitor: false, stop, folder }
    }

    /// As after a kill of the portal: nothing is remembered.
    pub fn reopen(&mut self) {
        self.stop.cancel();
        (self.engine, self.stop) = engine(&self.kubeconfig, &self.namespace, self.catalog.clone(), self.pod_monitor);
    }

    /// As after a kill of the portal, with an image catalog that its configuration names.
    pub fn with_catalog(&mut self, catalog: &str) {
        self.catalog = Some(catalog.to_owned());
        self.reopen();
    }

    /// As after a kill of the portal, with another wish in its configuration.
    pub fn with_pod_monitor(&mut self, wanted: bool) {
        self.pod_monitor = wanted;
        self.reopen();
    }

    /// As after a kill of the portal, with another kubeconfig from now on: that of the place, changed. A later call changes the file that is in use.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut Value)) {
        let mut config: Value = serde_json::from_slice(&std::fs::read(&self.kubeconfig).unwrap()).unwrap();
        change(&mut config);
        let path = self.folder.path().join("kubeconfig");
        std::fs::write(&path, config.to_string()).unwrap();
        if self.kubeconfig != path {
            self.kubeconfig = path;
            self.reopen();
        }
    }

    /// An operator that works in the namespace.
    pub fn operator(&self, mood: Mood) -> Operator {
        Operator::start(self.client.clone(), Some(self.namespace.clone()), mood)
    }

    pub fn api(&self, name: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind(name))
    }

    /// Folds changes into the wish, with passwords for new users.
    pub fn wish(&mut self, cluster: &mut Cluster, changes: impl IntoIterator<Item = Change>) {
        *cluster = cluster.change(None, changes.into_iter().collect(), Timestamp::now()).unwrap();
        for (user, wish) in &cluster.spec.users {
            if self.verifiers.get(user).is_none_or(|verifier| verifier.version != wish.password_version) {
                let scram = secret::scram_verifier(&secret::password());
                self.verifiers.insert(user.clone(), Verifier { version: wish.password_version, scram });
            }
        }
    }

    /// One pass, as the reconciler makes it.
    pub async fn pass(&self, cluster: &mut Cluster) -> Progress {
        let (progress, seen) = self.glance(cluster).await;
        cluster.status = Status::derive(cluster, &seen, &progress, Timestamp::now());
        progress
    }

    async fn glance(&self, cluster: &Cluster) -> (Progress, Observed) {
        let progress = match self.engine.converge(cluster, &self.verifiers).await {
            Ok(progress) => progress,
            Err(EngineError::Blocked(reason)) => Progress::Blocked(reason),
            Err(EngineError::Retry(error)) => Progress::Working(Reason::new("Retrying", format!("{error:#}"))),
        };
        let unknown = |why: String| Observed { instances: Seen::Unknown(why.clone()), endpoints: Vec::new(), inside: Seen::Unknown(why), notes: Vec::new() };
        let seen = self.engine.observe(cluster).await.unwrap_or_else(|error| unknown(error.to_string()));
        (progress, seen)
    }

    /// Passes until `holds`; what was said on the way is printed.
    pub async fn until(&self, cluster: &mut Cluster, what: &str, holds: impl Fn(&Cluster, &Progress) -> bool) -> Progress {
        let started = Instant::now();
        let mut last = String::new();
        loop {
            let progress = self.pass(cluster).await;
            let said = format!("{:?} {progress:?}", cluster.status.phase);
            if said != last {
                eprintln!("{:6.1} {} {said}", started.elapsed().as_secs_f32(), cluster.name);
                last = said;
            }
            if holds(cluster, &progress) {
                return progress;
            }
            assert!(started.elapsed() < PATIENCE, "{}: {what}: {progress:?}\n{:#?}", cluster.name, cluster.status);
            if !matches!(progress, Progress::Moved(_)) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Passes until the wish is reached.
    pub async fn reach(&self, cluster: &mut Cluster) {
        self.until(cluster, "reached", |cluster, progress| {
            *progress == Progress::Settled && cluster.status.generation == cluster.generation && matches!(cluster.status.phase, Phase::Ready | Phase::Paused)
        })
        .await;
    }

    /// Passes until they are blocked for that reason; the words for people.
    pub async fn blocked(&self, cluster: &mut Cluster, code: &str) -> String {
        match self.until(cluster, code, |_, progress| matches!(progress, Progress::Blocked(reason) if reason.code == code)).await {
            Progress::Blocked(reason) => reason.message,
            other => panic!("{other:?}"),
        }
    }

    /// Asks for nothing to be left until that is so.
    pub async fn remove(&self, cluster: &mut Cluster) {
        cluster.deleted_at = Some(Timestamp::now());
        let started = Instant::now();
        loop {
            let progress = self.engine.remove(cluster).await;
            if matches!(progress, Ok(Progress::Settled)) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{progress:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Uid, generation and version of every object of ours, by kind and name.
    pub async fn versions(&self) -> BTreeMap<String, (String, i64, String)> {
        let mut all = BTreeMap::new();
        for name in ["Cluster", "DatabaseRole", "Database"] {
            for object in self.api(name).list(&ListParams::default().labels("howdah.dev/cluster")).await.unwrap() {
                let meta = object.metadata;
                let version = (meta.uid.unwrap(), meta.generation.unwrap_or_default(), meta.resource_version.unwrap());
                all.insert(format!("{name}/{}", meta.name.unwrap()), version);
            }
        }
        all
    }

    /// As somebody does with `kubectl edit`.
    pub async fn edit(&self, name: &str, patch: Value) {
        self.edit_as("kubectl-edit", name, patch).await;
    }

    /// As that field manager does.
    pub async fn edit_as(&self, manager: &str, name: &str, patch: Value) {
        let params = PatchParams { field_manager: Some(manager.into()), ..PatchParams::default() };
        self.api("Cluster").patch(name, &params, &Patch::Merge(&patch)).await.unwrap();
    }

    /// What the place says about itself, once it is as wanted.
    pub async fn report(&self, what: &str, wanted: impl Fn(&domain::place::Report) -> bool) -> domain::place::Report {
        super::support::eventually(what, async || Some(self.engine.report()).filter(&wanted)).await
    }

    pub fn nudges(&self) -> BoxStream<'static, ClusterId> {
        self.engine.nudges()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Waits for a nudge of that cluster.
pub async fn nudged(nudges: &mut BoxStream<'static, ClusterId>, id: ClusterId) {
    let heard = async { while nudges.next().await.expect("nudges") != id {} };
    tokio::time::timeout(PATIENCE, heard).await.expect("a nudge");
}

fn engine(kubeconfig: &Path, namespace: &str, catalog: Option<String>, pod_monitor: bool) -> (Arc<dyn Engine>, CancellationToken) {
    let stop = CancellationToken::new();
    let target = Target {
        name: "test".parse().unwrap(),
        kubeconfig: Some(kubeconfig.to_owned()),
        context: None,
        namespace: namespace.to_owned(),
        engine: Choice::Auto,
        catalog,
        pod_monitor,
        stop: stop.clone(),
    };
    (open(target), stop)
}

/// The wish for one instance.
pub fn cluster(name: &str) -> Cluster {
    let name: ClusterName = name.parse().unwrap();
    let spec = Spec::new(&name, Major::V17);
    Cluster::create(ClusterId(Uuid::now_v7()), ProjectId::DEFAULT, "test".parse().unwrap(), name, spec, Timestamp::now()).unwrap()
}

/// A user to add.
pub fn add_user(name: &str) -> Change {
    Change::AddUser { id: Uuid::now_v7(), name: name.parse().unwrap(), replication: false, description: Description::default() }
}

/// A database to add, with nobody's rights but its owner's.
pub fn add_database(name: &str, owner: &str, extensions: &[&str]) -> Change {
    Change::AddDatabase {
        id: Uuid::now_v7(),
        name: name.parse().unwrap(),
        owner: Some(owner.parse().unwrap()),
        roles: Grants::default(),
        extensions: extensions.iter().map(|extension| extension.parse().unwrap()).collect(),
        description: Description::default(),
    }
}
