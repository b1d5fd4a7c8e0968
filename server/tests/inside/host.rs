//! A real PostgreSQL of a test's own, on a socket in a temporary folder; gone with the value.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};
use tempfile::TempDir;

/// Folders with `bin/`, by major version.
fn installs() -> BTreeMap<u16, PathBuf> {
    let homes = ["/usr/lib/postgresql", "/var/lib/howdah-postgres"];
    let folders = homes.iter().filter_map(|home| fs::read_dir(home).ok()).flatten().flatten().map(|entry| entry.path());
    let all: BTreeMap<_, _> = folders.filter(|path| path.join("bin/initdb").exists()).filter_map(|path| Some((major(&path)?, path))).collect();
    assert!(!all.is_empty(), "no PostgreSQL found in {homes:?}");
    all
}

/// The oldest and the newest of them; all with `HOWDAH_TEST_MAJORS=all`.
pub fn chosen() -> BTreeMap<u16, PathBuf> {
    let mut all = installs();
    if std::env::var("HOWDAH_TEST_MAJORS").is_ok_and(|which| which == "all") {
        return all;
    }
    let ends: Vec<_> = all.keys().next().into_iter().chain(all.keys().last()).copied().collect();
    all.retain(|major, _| ends.contains(major));
    all
}

fn major(install: &Path) -> Option<u16> {
    install.file_name()?.to_str()?.parse().ok()
}

/// A running instance.
pub struct Server {
    pub install: PathBuf,
    pub home: TempDir,
    child: Child,
}

impl Server {
    /// A fresh one: users log in with passwords, `postgres` without.
    pub async fn start(install: &Path) -> Self {
        let home = folder();
        let template = template(install);
        run(Command::new("cp").arg("-a").arg(template).arg(home.path().join("data")));
        Self::run(install.into(), home).await
    }

    /// A replica of this one that calls itself `name`.
    pub async fn replica(&self, name: &str) -> Self {
        let home = folder();
        let mut command = as_postgres(&self.install.join("bin/pg_basebackup"));
        run(command.arg("-h").arg(self.home.path()).args(["-U", "postgres", "-c", "fast", "-R", "-D"]).arg(home.path().join("data")));
        let conninfo = format!("primary_conninfo = 'host={} user=postgres application_name={name}'\n", self.home.path().display());
        fs::write(home.path().join("data/postgresql.auto.conf"), conninfo).unwrap();
        Self::run(self.install.clone(), home).await
    }

    async fn run(install: PathBuf, home: TempDir) -> Self {
        let child = postmaster(&install, home.path());
        let server = Self { install, home, child };
        server.ready().await;
        server
    }

    /// Stops it at once and starts it again.
    pub async fn restart(&mut self) {
        self.stop();
        self.child = postmaster(&self.install, self.home.path());
        self.ready().await;
    }

    /// Appends to its configuration and tells it.
    pub async fn configure(&self, lines: &str) {
        let path = self.home.path().join("data/postgresql.conf");
        fs::write(&path, format!("{}\n{lines}\n", fs::read_to_string(&path).unwrap())).unwrap();
        let before: String = self.value("select pg_conf_load_time()::text").await;
        self.run_sql("postgres", "select pg_reload_conf()").await;
        while self.value::<String>("select pg_conf_load_time()::text").await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn value<T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>>(&self, sql: &'static str) -> T {
        let mut connection = self.connect("postgres").await;
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    }

    async fn ready(&self) {
        for _ in 0..500 {
            if self.options().connect().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not ready: {}", self.log());
    }

    /// How the superuser gets in.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass().socket(self.home.path()).username("postgres").database("postgres")
    }

    /// A session of the superuser.
    pub async fn connect(&self, database: &str) -> PgConnection {
        self.options().database(database).connect().await.unwrap()
    }

    /// Runs statements as superuser.
    pub async fn run_sql(&self, database: &str, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut self.connect(database).await).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    /// Sends its postmaster a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn stop(&mut self) {
        self.signal(Signal::SIGQUIT);
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn postmaster(install: &Path, home: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(home.join("log")).unwrap();
    let mut command = as_postgres(&install.join("bin/postgres"));
    command.arg("-D").arg(home.join("data")).arg("-k").arg(home).args(["-c", "listen_addresses=", "-c", "fsync=off"]);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// PostgreSQL refuses root.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some(user) = postgres() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn postgres() -> Option<nix::unistd::User> {
    nix::unistd::geteuid().is_root().then(|| nix::unistd::User::from_name("postgres").unwrap().expect("a user postgres"))
}

fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("hw").tempdir_in("/tmp").unwrap();
    if let Some(user) = postgres() {
        nix::unistd::chown(folder.path(), Some(user.uid), Some(user.gid)).unwrap();
    }
    folder
}

/// A data directory to copy: initdb takes a second, a copy a tenth of one. Never started itself.
fn template(install: &Path) -> PathBuf {
    static MADE: Mutex<BTreeMap<PathBuf, TempDir>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let home = made.entry(install.into()).or_insert_with(|| {
        let home = folder();
        let data = home.path().join("data");
        let mut initdb = as_postgres(&install.join("bin/initdb"));
        run(initdb.arg("-D").arg(&data).args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=trust", "--wal-segsize=1"]));
        let hba = "local all postgres trust\nlocal replication postgres trust\nlocal all all scram-sha-256\nlocal replication all scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), hba).unwrap();
        let conf = fs::read_to_string(data.join("postgresql.conf")).unwrap();
        let ours = "shared_buffers = 16MB\nwal_level = logical\nlog_statement = all\nwal_receiver_status_interval = 1s\n";
        fs::write(data.join("postgresql.conf"), conf + ours).unwrap();
        home
    });
    home.path().join("data")
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
