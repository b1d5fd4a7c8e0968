//! A cluster at a real place, the reconciler's part of a pass, and what somebody else does to it by hand.

use domain::{
    Cluster, ClusterId, PlaceName, ProjectId, Spec, Status, Timestamp, Uuid,
    database::{Database, Grants},
    name::{Description, ExtensionName, RoleName},
    observed::{Observed, Progress},
    quantity::Bytes,
    status::InstanceRole,
    user::User,
    version::Major,
};
use futures::StreamExt;
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use server::{
    engine::{
        Engine, EngineError, Verifiers,
        kube::{Choice, Target, open},
    },
    secret::{Verifier, scram_verifier},
};
use sqlx::{
    ConnectOptions, Connection, Row,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const VARIABLE: &str = "HOWDAH_TEST_COZYSTACK_KUBECONFIG";
/// A release that has to wait for another one, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

pub struct World {
    target: Target,
    engine: Arc<dyn Engine>,
    client: Client,
    namespace: String,
    pub cluster: Cluster,
    verifiers: Verifiers,
}

impl World {
    /// None, with a word about it: there is no such platform here.
    pub async fn open(name: &str) -> Option<Self> {
        let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
            eprintln!("skipped: {VARIABLE} names no kubeconfig of a tenant of Cozystack");
            return None;
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(&path).unwrap(), &KubeConfigOptions::default()).await.unwrap();
        let namespace = config.default_namespace.clone();
        let target = Target {
            name: "cozystack".parse::<PlaceName>().unwrap(),
            kubeconfig: Some(path),
            context: None,
            namespace: namespace.clone(),
            engine: Choice::Auto,
            catalog: None,
            pod_monitor: false,
            stop: CancellationToken::new(),
        };
        // A name is never used twice: what an earlier run may have left would be adopted.
        let name = format!("{name}-{}", &Uuid::new_v4().simple().to_string()[..8]).parse().unwrap();
        let mut spec = Spec::new(&name, Major::V17);
        spec.storage = Bytes::gib(1);
        let cluster = Cluster::create(ClusterId(Uuid::new_v4()), ProjectId::DEFAULT, target.name.clone(), name, spec, Timestamp::now()).unwrap();
        let engine = open(target.clone());
        let world = Self { target, engine, client: Client::try_from(config).unwrap(), namespace, cluster, verifiers: Verifiers::new() };
        world.ready().await;
        Some(world)
    }

    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    /// Waits until the engine knows its place.
    async fn ready(&self) {
        let started = Instant::now();
        while self.engine.report().reachable.is_err() || self.engine.offer().storage_classes.is_empty() {
            assert!(started.elapsed() < Duration::from_secs(30), "{:?}", self.engine.report());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// As if the portal were killed and started again.
    async fn reopen(&mut self) {
        self.target.stop.cancel();
        self.target.stop = CancellationToken::new();
        self.engine = open(self.target.clone());
        self.ready().await;
    }

    pub fn password(&mut self, user: &str, password: &str) {
        let name: RoleName = user.parse().unwrap();
        let (now, scram) = (Timestamp::now(), scram_verifier(&password.to_owned().into()));
        let version = self.cluster.spec.users.get(&name).map_or(1, |user| user.password_version + 1);
        self.verifiers.insert(name.clone(), Verifier { version, scram });
        let user =
            User { id: Uuid::new_v4(), replication: false, password_version: version, description: Description::default(), created_at: now, updated_at: now };
        self.cluster.spec.users.insert(name, user);
    }

    /// The wish changed.
    pub fn wish(&mut self) {
        assert_eq!(self.cluster.spec.check(), []);
        self.cluster.generation += 1;
    }

    /// What the reconciler does in one pass.
    pub async fn pass(&mut self) -> Progress {
        let progress = match self.engine.converge(&self.cluster, &self.verifiers).await {
            Ok(progress) => progress,
            Err(EngineError::Blocked(reason)) => Progress::Blocked(reason),
            Err(EngineError::Retry(error)) => panic!("{error:#}"),
        };
        let seen = self.seen().await;
        self.cluster.status = Status::derive(&self.cluster, &seen, &progress, Timestamp::now());
        progress
    }

    pub async fn seen(&self) -> Observed {
        self.engine.observe(&self.cluster).await.unwrap()
    }

    pub async fn until(&mut self, reached: impl Fn(&Progress) -> bool) {
        let (started, mut last) = (Instant::now(), None);
        loop {
            let progress = self.pass().await;
            if reached(&progress) {
                return;
            }
            if last.as_ref() != Some(&progress) {
                eprintln!("{:5.1}s {}: {progress:?}", started.elapsed().as_secs_f32(), self.cluster.name);
                last = Some(progress.clone());
            }
            assert!(started.elapsed() < PATIENCE, "{progress:?} {:?}", self.cluster.status);
            sleep(Duration::from_millis(500)).await;
        }
    }

    pub async fn settles(&mut self) {
        self.until(|progress| *progress == Progress::Settled).await;
        assert_eq!(self.cluster.status.generation, self.cluster.generation, "{:?}", self.cluster.status);
    }

    /// Passes cut off at any moment, by a portal that dies and comes again.
    pub async fn settles_in_spite_of_everything(&mut self) {
        for turn in 0..8u64 {
            let moment = Duration::from_millis(rand::random_range(0..150 * (turn + 1)));
            let _ = timeout(moment, self.engine.converge(&self.cluster, &self.verifiers)).await;
            self.reopen().await;
        }
        self.settles().await;
    }

    /// How long it takes until the reconciler hears of what is done there.
    pub async fn nudged_by(&self, act: impl Future<Output = ()>) -> Duration {
        // Clusters of other tests live beside this one.
        let id = self.cluster.id;
        let mut nudges = self.engine.nudges().filter(move |nudged| std::future::ready(*nudged == id));
        // What came before is told first, and is not meant.
        while timeout(Duration::from_secs(1), nudges.next()).await.is_ok() {}
        let started = Instant::now();
        act.await;
        let heard = timeout(Duration::from_secs(10), nudges.next()).await.expect("nobody was told");
        assert_eq!(heard, Some(self.cluster.id));
        started.elapsed()
    }

    /// Nothing is written while everything is as wished for.
    pub async fn stays_as_it_is(&mut self) {
        let before = self.version().await;
        for _ in 0..3 {
            assert_eq!(self.pass().await, Progress::Settled);
        }
        assert_eq!(self.version().await, before);
    }

    pub async fn remove(&self) -> Progress {
        self.engine.remove(&self.cluster).await.unwrap()
    }

    /// Deletes it, and looks whether anything stays.
    pub async fn leaves_nothing(&mut self) {
        self.cluster.deleted_at = Some(Timestamp::now());
        let (started, mut last, mut taken_back) = (Instant::now(), None, 0);
        loop {
            let progress = self.remove().await;
            if progress == Progress::Settled {
                break;
            }
            taken_back += usize::from(matches!(&progress, Progress::Moved(reason) if reason.code == "Created"));
            assert!(taken_back <= 1, "what is on its way out was not lost");
            if last.as_ref() != Some(&progress) {
                eprintln!("{:5.1}s {}: {progress:?}", started.elapsed().as_secs_f32(), self.cluster.name);
                last = Some(progress.clone());
            }
            assert!(started.elapsed() < PATIENCE, "{progress:?}");
            sleep(Duration::from_millis(500)).await;
        }
        assert!(self.object().await.is_none());
        assert_eq!(self.remains().await, Vec::<String>::new());
        self.target.stop.cancel();
    }

    pub async fn until_gone(&mut self) {
        let started = Instant::now();
        while self.object().await.is_some() || !self.remains().await.is_empty() {
            assert!(started.elapsed() < PATIENCE);
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Everything of it that a tenant may see.
    pub async fn remains(&self) -> Vec<String> {
        let labels = format!("apps.cozystack.io/application.name={}", self.cluster.name);
        let mut all = Vec::new();
        for (group, version, kind, plural) in
            [("", "v1", "Pod", "pods"), ("", "v1", "Service", "services"), ("cozystack.io", "v1alpha1", "Workload", "workloads")]
        {
            let list = self.api(group, version, kind, plural).list(&ListParams::default().labels(&labels)).await.unwrap();
            // The finished job that made users holds nothing, and the platform leaves it for an hour.
            let counts = list.items.into_iter().filter(|object| !object.metadata.labels.iter().flatten().any(|(key, _)| key == "batch.kubernetes.io/job-name"));
            all.extend(counts.filter_map(|object| object.metadata.name).map(|name| format!("{kind} {name}")));
        }
        all
    }

    /// Runs a statement in the database `shop`; the first column of its first row, or nothing.
    pub async fn sql(&self, user: &str, password: &str, statement: &'static str) -> Result<String, sqlx::Error> {
        let primary = self.seen().await.instances.known().unwrap().iter().find(|instance| instance.role == InstanceRole::Primary).cloned().unwrap();
        let options = PgConnectOptions::new_without_pgpass().host(&primary.host).port(primary.port).username(user).password(password).database("shop");
        let mut connection = options.ssl_mode(PgSslMode::Require).connect().await?;
        let row = sqlx::query(statement).fetch_optional(&mut connection).await?;
        connection.close().await?;
        Ok(row.and_then(|row| row.try_get::<String, _>(0).ok()).unwrap_or_default())
    }

    fn api(&self, group: &str, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    fn postgreses(&self) -> Api<DynamicObject> {
        self.api("apps.cozystack.io", "v1alpha1", "Postgres", "postgreses")
    }

    pub async fn object(&self) -> Option<DynamicObject> {
        self.postgreses().get_opt(self.cluster.name.as_str()).await.unwrap()
    }

    pub async fn spec(&self) -> Value {
        self.object().await.unwrap().data["spec"].clone()
    }

    pub async fn version(&self) -> String {
        self.object().await.unwrap().metadata.resource_version.unwrap()
    }

    pub async fn edit(&self, change: &Value) {
        self.postgreses().patch(self.cluster.name.as_str(), &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    }

    pub async fn create_by_hand(&self, spec: &Value) {
        let object = json!({"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Postgres", "metadata": {"name": self.cluster.name.as_str()}, "spec": spec});
        self.postgreses().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    pub async fn delete_by_hand(&self) {
        self.postgreses().delete(self.cluster.name.as_str(), &DeleteParams::default()).await.unwrap();
    }

    pub async fn until_releasing(&self) {
        let started = Instant::now();
        while !self.ready_is("Unknown").await {
            assert!(started.elapsed() < PATIENCE);
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn ready_is(&self, status: &str) -> bool {
        let object = self.object().await.unwrap();
        let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == status)
    }

    /// A deletion at once after a write leaves everything behind.
    pub async fn waits_to_be_deletable(&self) {
        let started = Instant::now();
        while !self.ready_is("True").await && !self.ready_is("False").await {
            assert!(started.elapsed() < PATIENCE);
            sleep(Duration::from_millis(500)).await;
        }
        sleep(Duration::from_secs(10)).await;
    }
}

pub fn database(admin: &[&str], readonly: &[&str], extensions: &[&str]) -> Database {
    let roles = |names: &[&str]| names.iter().map(|name| name.parse::<RoleName>().unwrap()).collect();
    let now = Timestamp::now();
    Database {
        id: Uuid::new_v4(),
        owner: None,
        roles: Grants { admin: roles(admin), readonly: roles(readonly) },
        extensions: extensions.iter().map(|name| name.parse::<ExtensionName>().unwrap()).collect(),
        description: Description::default(),
        created_at: now,
        updated_at: now,
    }
}
