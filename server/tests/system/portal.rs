//! A portal started as a person would, in a folder of its own; ended with all that it started.

use serde_json::Value;
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

const HOWDAH: &str = env!("CARGO_BIN_EXE_howdah");

/// Warnings that a portal may write that is killed again and again on a busy machine.
const EXPECTED: [&str; 3] = ["database system", "does not answer", "slow"];

pub struct Portal {
    pub data: PathBuf,
    child: Child,
    url: String,
    token: String,
    http: reqwest::Client,
    /// Of `howdah serve`, beyond those that every portal gets.
    flags: Vec<String>,
}

/// How often each death is tried: 2, or `HOWDAH_TEST_ROUNDS`.
pub fn rounds() -> u32 {
    std::env::var("HOWDAH_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2)
}

/// Asks again and again until the answer is yes.
pub async fn eventually(what: &str, within: Duration, check: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !check().await {
        assert!(start.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Portal {
    pub async fn start() -> Option<Self> {
        Self::start_with(Vec::new()).await
    }

    /// With more flags for `howdah serve`.
    pub async fn start_with(flags: Vec<String>) -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        if !std::path::Path::new("/usr/sbin/haproxy").exists() && std::env::var_os("HOWDAH_POSTGRES").is_none() {
            eprintln!("skipped: neither HAProxy nor a PostgreSQL install was found");
            return None;
        }
        let data = PathBuf::from(format!("/tmp/howdah-system-{}-{}", std::process::id(), uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&data).expect("a folder");
        let (child, url) = serve(&data, &flags).await;
        let out = Command::new(HOWDAH).args(["token", "create", "--name", "test"]).env("HOWDAH_DATA", &data).output().await.expect("a token");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let token = String::from_utf8(out.stdout).expect("text").trim().to_owned();
        Some(Self { data, child, url, token, http: reqwest::Client::new(), flags })
    }

    /// The portal dies without a word, some time from now, and is started again.
    pub async fn kill_after(&mut self, pause: Duration) {
        tokio::time::sleep(pause).await;
        self.child.kill().await.expect("killed");
        let (child, url) = serve(&self.data, &self.flags).await;
        (self.child, self.url) = (child, url);
    }

    /// Sends a request, again while the answer is that it should be tried again: on a slow disk the portal's own database may stall for seconds.
    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let start = Instant::now();
        loop {
            let again = request.try_clone().expect("a body in memory");
            let answer = again.bearer_auth(&self.token).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("text");
            if status != 503 || start.elapsed() > Duration::from_secs(60) {
                return (status, serde_json::from_str(&text).unwrap_or(Value::String(text)));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(self.http.post(format!("{}{path}", self.url)).json(&body)).await;
        assert_eq!(status, 201, "{answer:#}");
        answer
    }

    pub async fn create(&self, body: Value) -> String {
        self.post("/v1/postgres/instances", body).await["uuid"].as_str().expect("a uuid").to_owned()
    }

    pub async fn put(&self, id: &str, body: Value) {
        let (status, answer) = self.send(self.http.put(format!("{}/v1/postgres/instances/{id}", self.url)).json(&body)).await;
        assert_eq!(status, 200, "{answer:#}");
    }

    pub async fn put_text(&self, path: &str, text: &str) -> (u16, Value) {
        self.send(self.http.put(format!("{}{path}", self.url)).header("content-type", "application/yaml").body(text.to_owned())).await
    }

    pub async fn get(&self, id: &str) -> Value {
        self.look(&format!("/v1/postgres/instances/{id}")).await
    }

    /// What is at a path.
    pub async fn look(&self, path: &str) -> Value {
        let (status, answer) = self.send(self.http.get(format!("{}{path}", self.url))).await;
        assert_eq!(status, 200, "{answer:#}");
        answer
    }

    pub async fn named(&self, name: &str) -> Value {
        let (status, answer) = self.send(self.http.get(format!("{}/v1/postgres/instances?name={name}", self.url))).await;
        assert_eq!(status, 200, "{answer:#}");
        answer[0].clone()
    }

    pub async fn delete(&self, id: &str) {
        self.delete_path(&format!("/v1/postgres/instances/{id}")).await;
    }

    pub async fn delete_path(&self, path: &str) {
        let (status, answer) = self.send(self.http.delete(format!("{}{path}", self.url))).await;
        assert_eq!(status, 204, "{answer:#}");
    }

    /// Waits until everything asked for is there.
    pub async fn active(&self, id: &str) {
        self.active_within(id, Duration::from_secs(120)).await;
    }

    /// As [`Self::active`], with a limit of one's own.
    pub async fn active_within(&self, id: &str, limit: Duration) {
        let start = Instant::now();
        loop {
            let now = self.get(id).await;
            if now["status"] == "ACTIVE" && now["generation"] == now["observed_generation"] {
                return;
            }
            assert!(start.elapsed() < limit, "not reached: {now:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Runs the command line against this portal, with `input` on its standard input.
    pub async fn cli(&self, args: &[&str], input: &str) -> (i32, String) {
        let mut child = Command::new(HOWDAH)
            .args(args)
            .env("HOWDAH_URL", &self.url)
            .env("HOWDAH_TOKEN", &self.token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        child.stdin.take().expect("stdin").write_all(input.as_bytes()).await.expect("written");
        let out = child.wait_with_output().await.expect("ended");
        (out.status.code().unwrap_or(-1), format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
    }

    pub fn endpoint(&self, instance: &Value, kind: &str) -> u16 {
        let all = instance["endpoints"].as_array().expect("endpoints");
        let found = all.iter().find(|e| e["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {instance:#}"));
        found["port"].as_u64().and_then(|p| u16::try_from(p).ok()).expect("a port")
    }

    pub async fn connect(&self, instance: &Value, kind: &str, user: &str, password: &str, database: &str) -> sqlx::Result<PgConnection> {
        self.connect_port(self.endpoint(instance, kind), user, password, database).await
    }

    /// Over TLS, with the certificate and the host's name checked.
    pub async fn connect_port(&self, port: u16, user: &str, password: &str, database: &str) -> sqlx::Result<PgConnection> {
        let ca = self.http.get(format!("{}/v1/ca.pem", self.url)).send().await.expect("a CA").bytes().await.expect("a CA");
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .username(user)
            .password(password)
            .database(database)
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert_from_pem(ca.to_vec());
        tokio::time::timeout(Duration::from_secs(5), PgConnection::connect_with(&options)).await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    /// When each postmaster started, by its process.
    pub async fn starts(&self, _instance: &Value) -> Vec<(u32, u64)> {
        let mut all: Vec<_> = self.postmasters().into_iter().map(|p| (p.pid, p.start)).collect();
        all.sort_unstable();
        all
    }

    pub async fn kill_primary(&self, instance: &Value) {
        let name = instance["nodes"].as_array().expect("nodes").iter().find(|n| n["role"] == "primary").expect("a primary")["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        let ordinal = name.rsplit('-').next().expect("an ordinal").to_owned();
        let all = self.postmasters();
        let found = all.iter().find(|p| p.cwd.ends_with(format!("{ordinal}/data"))).expect("its process");
        let killed = Command::new("kill").args(["-9", &found.pid.to_string()]).status().await.expect("kill");
        assert!(killed.success());
    }

    /// The processes that are nobody's backend.
    fn postmasters(&self) -> Vec<Process> {
        let all = processes(&self.data.join("clusters"));
        let pids: Vec<u32> = all.iter().map(|p| p.pid).collect();
        all.into_iter().filter(|p| p.name == "postgres" && !pids.contains(&p.parent)).collect()
    }

    /// Processes and folders of clusters that are still there.
    pub fn leftovers(&self) -> Vec<String> {
        let clusters = self.data.join("clusters");
        let mut all: Vec<String> = processes(&clusters).into_iter().map(|p| format!("{} {}", p.pid, p.name)).collect();
        let folders = std::fs::read_dir(&clusters).into_iter().flatten().flatten().filter(|e| uuid::Uuid::parse_str(&e.file_name().to_string_lossy()).is_ok());
        all.extend(folders.map(|e| e.path().display().to_string()));
        all
    }

    /// Deletes every cluster, stops the portal, and checks that nothing is left.
    pub async fn end(mut self) {
        let (_, all) = self.send(self.http.get(format!("{}/v1/postgres/instances", self.url))).await;
        for id in all.as_array().into_iter().flatten().filter_map(|i| i["uuid"].as_str()) {
            self.delete(id).await;
        }
        eventually("every cluster is gone", Duration::from_secs(60), async || self.leftovers().is_empty()).await;
        let pid = self.child.id().expect("running").to_string();
        assert!(Command::new("kill").arg(&pid).status().await.expect("kill").success());
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await.expect("the portal ends on SIGTERM").expect("ended");
        assert!(ended.success(), "{ended}");
        eventually("no process is left", Duration::from_secs(10), async || processes(&self.data).is_empty()).await;
        let log = std::fs::read_to_string(self.data.join("portal.log")).expect("the portal's log");
        let bad: Vec<_> =
            log.lines().filter(|line| line.contains(" ERROR ") || line.contains(" WARN ") && !EXPECTED.iter().any(|words| line.contains(words))).collect();
        assert!(bad.is_empty(), "{}", bad.join("\n"));
    }
}

impl Drop for Portal {
    /// Also when a test fails, nothing goes on running.
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        for process in processes(&self.data) {
            let _ = std::process::Command::new("kill").args(["-9", &process.pid.to_string()]).status();
        }
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.data);
        }
    }
}

async fn serve(data: &std::path::Path, flags: &[String]) -> (Child, String) {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(data.join("portal.log")).expect("a log");
    let mut child = Command::new(HOWDAH)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await.expect("a line") {
            if let Some(url) = line.strip_prefix("ready ") {
                return url.trim_end_matches('/').to_owned();
            }
        }
        panic!("the portal ended before it was ready; see {}", data.join("portal.log").display());
    };
    let url = tokio::time::timeout(Duration::from_secs(60), ready).await.expect("ready in time");
    // The pipe must not fill up.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, url)
}

pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub name: String,
    pub start: u64,
    pub cwd: PathBuf,
}

/// Every process that works in a folder.
pub fn processes(folder: &std::path::Path) -> Vec<Process> {
    let folder = folder.canonicalize().unwrap_or(folder.to_owned());
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).ok().filter(|cwd| cwd.starts_with(&folder))?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let name = head.split_once('(')?.1.to_owned();
        Some(Process { pid, parent: fields.get(1)?.parse().ok()?, name, start: fields.get(19)?.parse().ok()?, cwd })
    })
    .collect()
}
