//! A namespace of its own for each test, and a reconciler in few lines: what a pass of the portal does, without its store.

use domain::{
    Change, Cluster, ClusterId, ClusterName, Phase, PlaceName, ProjectId, Spec, Status, Timestamp, Uuid,
    database::Grants,
    name::Description,
    observed::{Inside, Observed, Progress, Seen},
    parameter::Parameters,
    quantity::{Bytes, Cpu},
    size::{Preset, Size},
    spec::Power,
    status::{InstanceRole, InstanceState, InstanceStatus},
    topology::Topology,
    version::Major,
};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::{
    engine::{
        Engine, Sql, Verifiers,
        kube::{Choice, Target, open},
    },
    postgres::inside,
    secret::{self, Verifier},
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// A namespace, and an engine that works in it.
pub struct Place {
    pub namespace: String,
    pub client: Client,
    pub engine: Arc<dyn Engine>,
    pub passwords: BTreeMap<String, SecretString>,
    pub verifiers: Verifiers,
    /// What the portal would have stored.
    pub cluster: Cluster,
    kubeconfig: PathBuf,
    stop: CancellationToken,
}

impl Place {
    /// None, and a line that says so, where there is no Kubernetes cluster.
    pub async fn open(name: &str, instances: u8) -> Option<Self> {
        let Some(kubeconfig) = std::env::var_os("HOWDAH_TEST_KUBECONFIG").map(PathBuf::from) else {
            eprintln!("SKIPPED {name}: HOWDAH_TEST_KUBECONFIG names no Kubernetes cluster with CloudNativePG");
            return None;
        };
        let _already = rustls::crypto::ring::default_provider().install_default();
        if std::env::var_os("HOWDAH_TRACE").is_some() {
            let _already = tracing_subscriber::fmt().with_env_filter("server=debug").with_ansi(false).with_test_writer().try_init();
        }
        let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(&kubeconfig).unwrap(), &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let namespace = format!("howdah-test-{name}-{}", std::process::id());
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        all(&client, "", "Namespace", "namespaces").patch(&namespace, &PatchParams::apply("test"), &Patch::Apply(&object)).await.unwrap();
        let (engine, stop) = engine(&kubeconfig, &namespace);
        let cluster = cluster(instances);
        Some(Self { namespace, client, engine, passwords: BTreeMap::new(), verifiers: BTreeMap::new(), cluster, kubeconfig, stop })
    }

    /// As after a kill of the portal: nothing is remembered.
    pub fn reopen(&mut self) {
        self.stop.cancel();
        (self.engine, self.stop) = engine(&self.kubeconfig, &self.namespace);
    }

    pub fn wish(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.cluster = self.cluster.change(None, changes.into_iter().collect(), Timestamp::now()).unwrap();
        for (user, wish) in &self.cluster.spec.users {
            if self.verifiers.get(user).is_none_or(|verifier| verifier.version != wish.password_version) {
                let password = secret::password();
                self.verifiers.insert(user.clone(), Verifier { version: wish.password_version, scram: secret::scram_verifier(&password) });
                self.passwords.insert(user.to_string(), password);
            }
        }
    }

    pub fn users(&mut self, users: &[&str]) {
        let add = |user: &&str| Change::AddUser { id: Uuid::now_v7(), name: user.parse().unwrap(), replication: false, description: Description::default() };
        self.wish(users.iter().map(add).collect::<Vec<_>>());
    }

    pub fn database(&mut self, name: &str, admin: &[&str], readonly: &[&str], extensions: &[&str]) {
        let names = |list: &[&str]| list.iter().map(|name| name.parse().unwrap()).collect();
        let roles = Grants { admin: names(admin), readonly: names(readonly) };
        let extensions = extensions.iter().map(|name| name.parse().unwrap()).collect();
        self.wish([Change::AddDatabase {
            id: Uuid::now_v7(),
            name: name.parse().unwrap(),
            owner: None,
            roles,
            extensions,
            description: Description::default(),
        }]);
    }

    pub fn parameters(&mut self, parameters: &[(&str, &str)]) {
        let mut all = self.cluster.spec.parameters.0.clone();
        all.extend(parameters.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        self.wish([Change::SetParameters { parameters: Parameters(all) }]);
    }

    /// One pass, as the reconciler makes it.
    pub async fn pass(&mut self) -> Progress {
        let progress = match self.engine.converge(&self.cluster, &self.verifiers).await {
            Ok(progress) => progress,
            Err(server::engine::EngineError::Blocked(reason)) => Progress::Blocked(reason),
            Err(error) => Progress::Working(domain::status::Reason::new("Retry", error.to_string())),
        };
        let seen = self.look().await;
        self.cluster.status = Status::derive(&self.cluster, &seen, &progress, Timestamp::now());
        progress
    }

    pub async fn look(&self) -> Observed {
        let unknown = |why: String| Observed { instances: Seen::Unknown(why.clone()), endpoints: Vec::new(), inside: Seen::Unknown(why), notes: Vec::new() };
        let mut seen = self.engine.observe(&self.cluster).await.unwrap_or_else(|error| unknown(error.to_string()));
        if self.cluster.spec.power == Power::On {
            seen.inside = match self.engine.primary(&self.cluster).await {
                Ok(Some(options)) => match self.engine.sql() {
                    Sql::Everything => inside::converge(&options, &self.cluster, &self.verifiers).await,
                    Sql::Rights => inside::converge_rights(&options, &self.cluster, &self.verifiers, seen.inside.known().unwrap_or(&Inside::default())).await,
                    Sql::Nothing => seen.inside,
                },
                Ok(None) => Seen::Unknown("No primary.".into()),
                Err(error) => Seen::Unknown(error.to_string()),
            };
        }
        seen
    }

    /// Passes until the wish is reached.
    pub async fn reach(&mut self) {
        self.reach_within(Duration::from_secs(240)).await;
    }

    pub async fn reach_within(&mut self, patience: Duration) {
        let started = Instant::now();
        let mut last = String::new();
        loop {
            let progress = self.pass().await;
            let status = &self.cluster.status;
            let said = format!("{:?} {progress:?} {:?}", status.phase, status.reason);
            if said != last {
                eprintln!("{:6.1} {said}", started.elapsed().as_secs_f32());
                last = said;
            }
            if status.generation == self.cluster.generation && matches!(status.phase, Phase::Ready | Phase::Paused) {
                return;
            }
            assert!(started.elapsed() < patience, "not reached in time: {last}\n{:#?}", self.cluster.status);
            if !matches!(progress, Progress::Moved(_)) {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// Passes until `holds`.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Cluster, &Progress) -> bool) {
        let started = Instant::now();
        loop {
            let progress = self.pass().await;
            if holds(&self.cluster, &progress) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "{what}: {progress:?} {:#?}", self.cluster.status);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    pub fn instances(&self) -> &[InstanceStatus] {
        &self.cluster.status.instances
    }

    pub fn primary(&self) -> &InstanceStatus {
        self.instances().iter().find(|instance| instance.role == InstanceRole::Primary).expect("a primary")
    }

    pub fn ready(&self) {
        let instances = self.instances();
        assert_eq!(instances.len(), usize::from(self.cluster.spec.instances), "{instances:?}");
        assert!(instances.iter().all(|instance| instance.state == InstanceState::Ready), "{instances:?}");
    }

    /// One text, as superuser.
    pub async fn ask(&self, database: &str, sql: &str) -> String {
        let options = self.engine.primary(&self.cluster).await.unwrap().expect("a primary");
        let mut session = options.database(database).connect().await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(format!("select coalesce(({sql})::text, '')"))).fetch_one(&mut session).await.unwrap()
    }

    pub async fn run(&self, database: &str, sql: &str) {
        let options = self.engine.primary(&self.cluster).await.unwrap().expect("a primary");
        let mut session = options.database(database).connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut session).await.unwrap();
    }

    /// A session of that user, by its password.
    pub async fn enter(&self, user: &str, database: &str) -> sqlx::Result<PgConnection> {
        use secrecy::ExposeSecret;
        let options = self.engine.primary(&self.cluster).await.unwrap().expect("a primary");
        PgConnection::connect_with(&options.username(user).password(self.passwords[user].expose_secret()).database(database)).await
    }

    pub fn api(&self, group: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(group, kind, plural))
    }

    pub async fn object(&self) -> DynamicObject {
        self.api("postgresql.cnpg.io", "Cluster", "clusters").get(self.cluster.name.as_str()).await.unwrap()
    }

    /// As somebody does with `kubectl edit`.
    pub async fn edit(&self, patch: Value) {
        let params = PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        self.api("postgresql.cnpg.io", "Cluster", "clusters").patch(self.cluster.name.as_str(), &params, &Patch::Merge(&patch)).await.unwrap();
    }

    /// Names and versions of all objects that carry our label.
    pub async fn versions(&self) -> BTreeMap<String, String> {
        let kinds = [
            ("postgresql.cnpg.io", "Cluster", "clusters"),
            ("postgresql.cnpg.io", "Database", "databases"),
            ("postgresql.cnpg.io", "DatabaseRole", "databaseroles"),
            ("", "Secret", "secrets"),
            ("", "PersistentVolumeClaim", "persistentvolumeclaims"),
            ("", "Pod", "pods"),
        ];
        let mut all = BTreeMap::new();
        for (group, kind, plural) in kinds {
            for object in self.api(group, kind, plural).list(&ListParams::default().labels("howdah.dev/cluster")).await.unwrap() {
                all.insert(format!("{kind}/{}", object.metadata.name.unwrap()), object.metadata.resource_version.unwrap());
            }
        }
        all
    }

    /// Deletes the cluster and sees that nothing is left of it.
    pub async fn remove(&mut self) {
        self.cluster.deleted_at = Some(Timestamp::now());
        let started = Instant::now();
        loop {
            match self.engine.remove(&self.cluster).await {
                Ok(Progress::Settled) => break,
                Ok(progress) => assert!(started.elapsed() < Duration::from_secs(120), "{progress:?}"),
                Err(error) => assert!(started.elapsed() < Duration::from_secs(120), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        eprintln!("removed after {:?}", started.elapsed());
        assert_eq!(self.versions().await, BTreeMap::new());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.cancel();
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _gone = all(&client, "", "Namespace", "namespaces").delete(&namespace, &DeleteParams::background()).await;
            });
            // The runtime of a test ends with it.
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

fn engine(kubeconfig: &std::path::Path, namespace: &str) -> (Arc<dyn Engine>, CancellationToken) {
    let stop = CancellationToken::new();
    let name: PlaceName = "test".parse().unwrap();
    let target = Target {
        name,
        kubeconfig: Some(kubeconfig.to_owned()),
        context: None,
        namespace: namespace.to_owned(),
        engine: Choice::Auto,
        catalog: None,
        pod_monitor: false,
        stop: stop.clone(),
    };
    (open(target), stop)
}

fn cluster(instances: u8) -> Cluster {
    let name: ClusterName = "orders".parse().unwrap();
    let mut spec = Spec::new(&name, Major::V17);
    spec.instances = instances;
    spec.topology = Topology::for_instances(instances);
    spec.storage = Bytes::gib(1);
    spec.size = Size { preset: Preset::Micro, cpu: Some(Cpu::millis(500)), memory: None };
    // Or a new replica waits minutes for a checkpoint.
    spec.parameters.0.insert("checkpoint_completion_target".into(), "0".into());
    Cluster::create(ClusterId(Uuid::now_v7()), ProjectId::DEFAULT, "test".parse().unwrap(), name, spec, Timestamp::now()).unwrap()
}

fn resource(group: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural)
}

fn all(client: &Client, group: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &resource(group, kind, plural))
}
