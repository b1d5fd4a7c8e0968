//! A data root of its own for each test, and everything in it ended and deleted afterwards, also when the test fails.

use domain::{
    Cluster, ClusterId, ClusterName, ProjectId, Spec, Timestamp,
    observed::{Observed, Progress},
    spec::Power,
    status::{InstanceRole, InstanceState, InstanceStatus},
    topology::Topology,
    version::Major,
};
use server::engine::{
    Engine,
    local::{Local, LocalConfig},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, postgres::PgConnectOptions};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Where PostgreSQL is looked for.
pub fn installs() -> Vec<PathBuf> {
    match std::env::var_os("HOWDAH_POSTGRES") {
        Some(folders) => std::env::split_paths(&folders).collect(),
        None => ["/var/lib/howdah-postgres"].map(PathBuf::from).into_iter().filter(|path| path.exists()).collect(),
    }
}

/// An engine on a data root of its own.
pub struct Place {
    pub root: PathBuf,
    pub engine: Option<Arc<Local>>,
    pub major: Major,
}

impl Place {
    /// None, and a line that says so, where there is no PostgreSQL.
    pub async fn open(name: &str) -> Option<Self> {
        let root = PathBuf::from(format!("/tmp/howdah-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        if std::env::var_os("HOWDAH_TRACE").is_some() {
            let _already = tracing_subscriber::fmt().with_env_filter("server=debug").with_ansi(false).with_test_writer().try_init();
        }
        let mut place = Self { root, engine: None, major: Major::V17 };
        place.reopen().await;
        let wanted = std::env::var("HOWDAH_TEST_MAJOR").ok().and_then(|major| major.parse().ok());
        let offer = place.engine().offer();
        let Some(release) = offer.releases.iter().find(|r| wanted.is_none_or(|wanted| r.major == wanted)) else {
            eprintln!("SKIPPED {name}: no PostgreSQL is installed (HOWDAH_POSTGRES names folders with bin/postgres)");
            return None;
        };
        place.major = release.major;
        Some(place)
    }

    /// As after a restart of the portal: a new engine on the same data.
    pub async fn reopen(&mut self) {
        self.engine = None;
        let config = LocalConfig { root: self.root.clone(), installs: installs(), run_as: None };
        let deadline = Instant::now() + Duration::from_secs(5);
        self.engine = loop {
            match Local::open(config.clone()).await {
                Ok(engine) => break Some(engine),
                Err(error) if Instant::now() > deadline => panic!("{error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
    }

    pub fn engine(&self) -> &Local {
        self.engine.as_deref().unwrap()
    }

    /// A cluster that nobody has made yet.
    pub fn cluster(&self, instances: u8) -> Cluster {
        let name: ClusterName = "orders".parse().unwrap();
        let mut spec = Spec::new(&name, self.major);
        spec.instances = instances;
        spec.topology = Topology::for_instances(instances);
        Cluster::create(ClusterId(uuid::Uuid::now_v7()), ProjectId::DEFAULT, domain::PlaceName::local(), name, spec, Timestamp::now()).unwrap()
    }

    /// Passes until it is settled.
    pub async fn settle(&self, cluster: &Cluster) {
        self.settle_within(cluster, Duration::from_secs(90)).await;
    }

    pub async fn settle_within(&self, cluster: &Cluster, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut last = String::new();
        loop {
            assert!(Instant::now() < deadline, "not settled in time: {last}");
            match self.engine().converge(cluster, &Default::default()).await {
                Ok(Progress::Settled) => return,
                Ok(Progress::Moved(reason)) => last = format!("{reason:?}"),
                Ok(Progress::Working(reason)) => {
                    last = format!("{reason:?}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok(Progress::Blocked(reason)) => panic!("blocked: {reason:?}"),
                Err(error) => {
                    last = format!("{error:#}");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    pub async fn observed(&self, cluster: &Cluster) -> Observed {
        self.engine().observe(cluster).await.unwrap()
    }

    /// As soon as all of them could be looked at: one that a busy disk keeps from answering is unknown for a while.
    pub async fn instances(&self, cluster: &Cluster) -> Vec<InstanceStatus> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let instances = self.observed(cluster).await.instances.known().unwrap().clone();
            if !instances.iter().any(|i| matches!(i.state, InstanceState::Unknown(_))) {
                return instances;
            }
            assert!(Instant::now() < deadline, "{instances:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn primary(&self, cluster: &Cluster) -> InstanceStatus {
        self.instances(cluster).await.into_iter().find(|i| i.role == InstanceRole::Primary).unwrap()
    }

    /// All instances are ready, and as many as asked for.
    pub async fn ready(&self, cluster: &Cluster) -> Vec<InstanceStatus> {
        let instances = self.instances(cluster).await;
        assert_eq!(instances.len(), usize::from(cluster.spec.instances), "{instances:?}");
        assert!(instances.iter().all(|i| i.state == InstanceState::Ready), "{instances:?}");
        instances
    }

    /// Start times of postmasters, by ordinal.
    pub async fn starts(&self, cluster: &Cluster) -> BTreeMap<u8, Option<Timestamp>> {
        self.instances(cluster).await.into_iter().map(|i| (i.ordinal, i.started_at)).collect()
    }

    /// A superuser's session on one instance.
    pub async fn session(&self, cluster: &Cluster, ordinal: u8) -> PgConnection {
        let port = self.instances(cluster).await.into_iter().find(|i| i.ordinal == ordinal).unwrap().port;
        let short = cluster.id.0.simple().to_string()[22..].to_owned();
        let socket = self.root.join("s").join(format!("{short}.{ordinal}"));
        let options = PgConnectOptions::new_without_pgpass().socket(socket).port(port).username("postgres").database("postgres");
        PgConnection::connect_with(&options).await.unwrap()
    }

    pub async fn run(&self, cluster: &Cluster, ordinal: u8, sql: &str) {
        let mut session = self.session(cluster, ordinal).await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut session).await.unwrap();
    }

    pub async fn text(&self, cluster: &Cluster, ordinal: u8, sql: &str) -> String {
        self.attempt(cluster, ordinal, sql).await.unwrap()
    }

    async fn attempt(&self, cluster: &Cluster, ordinal: u8, sql: &str) -> Result<String, sqlx::Error> {
        let mut session = self.session(cluster, ordinal).await;
        Ok(sqlx::query(AssertSqlSafe(format!("select ({sql})::text"))).fetch_one(&mut session).await?.get(0))
    }

    /// Waits until an instance answers this.
    pub async fn eventually(&self, cluster: &Cluster, ordinal: u8, sql: &str, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            // A replica may not have the table yet.
            let now = self.attempt(cluster, ordinal, sql).await.unwrap_or_else(|error| error.to_string());
            if now == expected {
                return;
            }
            assert!(Instant::now() < deadline, "instance {ordinal} says {now}, not {expected}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn folder(&self, cluster: &Cluster) -> PathBuf {
        self.root.join(cluster.id.to_string())
    }

    /// The pid in an instance's pid file.
    pub fn postmaster(&self, cluster: &Cluster, ordinal: u8) -> i32 {
        let file = self.folder(cluster).join(ordinal.to_string()).join("data/postmaster.pid");
        fs::read_to_string(file).unwrap().lines().next().unwrap().parse().unwrap()
    }

    pub fn kill_9(&self, cluster: &Cluster, ordinal: u8) {
        kill(self.postmaster(cluster, ordinal));
    }

    /// Takes the cluster away and proves that nothing is left.
    pub async fn remove(&self, cluster: &Cluster) {
        let started = Instant::now();
        while self.engine().remove(cluster).await.unwrap() != Progress::Settled {
            assert!(started.elapsed() < Duration::from_secs(60), "it goes");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        eprintln!("removed in {:?}", started.elapsed());
        assert!(!self.folder(cluster).exists());
        assert!(processes_under(&self.root).is_empty(), "processes are left");
        let short = cluster.id.0.simple().to_string()[22..].to_owned();
        let sockets: Vec<_> = fs::read_dir(self.root.join("s")).unwrap().flatten().filter(|e| e.file_name().to_string_lossy().starts_with(&short)).collect();
        assert!(sockets.is_empty(), "{sockets:?}");
        for controller in ["cpu", "memory"] {
            for group in fs::read_dir(format!("/sys/fs/cgroup/{controller}")).into_iter().flatten().flatten() {
                if group.file_name().to_string_lossy().starts_with("howdah-") {
                    let inside = fs::read_dir(group.path()).unwrap().flatten().any(|e| e.file_name().to_string_lossy().starts_with(&short));
                    assert!(!inside, "a control group is left");
                }
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.engine = None;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !processes_under(&self.root).is_empty() && Instant::now() < deadline {
            for pid in processes_under(&self.root) {
                kill(pid);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for controller in ["cpu", "memory"] {
            for group in fs::read_dir(format!("/sys/fs/cgroup/{controller}")).into_iter().flatten().flatten() {
                if group.file_name().to_string_lossy().starts_with("howdah-") {
                    for inner in fs::read_dir(group.path()).into_iter().flatten().flatten().filter(|e| e.path().is_dir()) {
                        // Groups in use stay: they belong to a test that runs beside this one.
                        let _in_use = fs::remove_dir(inner.path());
                    }
                    let _in_use = fs::remove_dir(group.path());
                }
            }
        }
        if std::thread::panicking() && std::env::var_os("HOWDAH_KEEP").is_some() {
            eprintln!("kept: {}", self.root.display());
            return;
        }
        let _gone = fs::remove_dir_all(&self.root);
    }
}

pub fn kill(pid: i32) {
    let _gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
}

/// Every process that stands in or below a folder.
pub fn processes_under(folder: &Path) -> Vec<i32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))).collect()
}

pub fn off(cluster: &Cluster) -> Cluster {
    let mut cluster = cluster.clone();
    cluster.spec.power = Power::Off;
    cluster
}
