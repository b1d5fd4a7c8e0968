//! What test binaries share: a real PostgreSQL that ends with the process, one migrated database per test, and waiting without sleeps.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used)]

use app::fake::FakePortal;
use domain::{
    PlaceName,
    offer::{Offer, Release},
    place::Report,
    version::Major,
};
use server::{
    places::{Places, Site},
    store::Store,
};
use sqlx::{Connection, Executor, PgConnection};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{ChildStdin, Command, Stdio},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

/// Starts PostgreSQL in a folder of its own and waits on stdin: when that closes, however the tests ended, server and folder go.
const KEEPER: &str = r#"
set -eu
bin=$1
dir=$(mktemp -d /tmp/howdah-test.XXXXXX)
trap 'kill -QUIT "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
trap '' INT TERM HUP
pid=
"$bin/initdb" -D "$dir/data" -U howdah -A trust --encoding UTF8 --locale C --no-sync >"$dir/initdb" 2>&1 || { cat "$dir/initdb" >&2; exit 1; }
run() {
    "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=200 >>"$dir/log" 2>&1 </dev/null &
    pid=$!
    until "$bin/pg_isready" -q -h "$dir"; do kill -0 "$pid" || { cat "$dir/log" >&2; exit 1; }; sleep 0.05; done
}
run
echo "$dir"
while read -r word; do
    case $word in
    stop) kill -INT "$pid"; wait "$pid" || true ;;
    start) run ;;
    esac
    echo "$word"
done
"#;

/// A PostgreSQL of this process.
pub struct Server {
    folder: PathBuf,
    keeper: std::sync::Mutex<(ChildStdin, BufReader<std::process::ChildStdout>)>,
}

impl Server {
    /// Starts one, as user postgres when the tests run as root.
    pub fn start() -> Self {
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(bin()).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C ends the tests; the keeper then cleans up undisturbed.
        keeper.process_group(0);
        if nix::unistd::Uid::effective().is_root() {
            let user = nix::unistd::User::from_name("postgres").unwrap().expect("a user postgres");
            keeper.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        // Waited for by nobody: it outlives this process by the moment that cleaning up takes.
        #[allow(clippy::zombie_processes)]
        let mut child = keeper.spawn().expect("sh");
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut folder = String::new();
        said.read_line(&mut folder).unwrap();
        assert!(!folder.is_empty(), "PostgreSQL did not start");
        Self { folder: folder.trim().into(), keeper: std::sync::Mutex::new((child.stdin.take().unwrap(), said)) }
    }

    /// The URL of a database in it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://howdah@localhost/{database}?host={}", self.folder.display())
    }

    /// Stops it, as an outage would.
    pub fn stop(&self) {
        self.tell("stop");
    }

    /// Starts it again.
    pub fn resume(&self) {
        self.tell("start");
    }

    fn tell(&self, word: &str) {
        use std::io::Write;
        let mut keeper = self.keeper.lock().unwrap();
        writeln!(keeper.0, "{word}").unwrap();
        let mut answer = String::new();
        keeper.1.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), word);
    }

    /// A fresh, migrated database.
    pub async fn database(&self) -> String {
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        connection.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();
        let url = self.url(&name);
        Store::connect(&url).await.unwrap().migrate().await.unwrap();
        url
    }
}

/// The PostgreSQL to test with: the first of `HOWDAH_POSTGRES`, else the newest of this machine.
fn bin() -> PathBuf {
    let chosen = std::env::var_os("HOWDAH_POSTGRES").unwrap_or_default();
    let folders = std::env::split_paths(&chosen).filter(|folder| !folder.as_os_str().is_empty()).chain([PathBuf::from("/usr/lib/postgresql")]);
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    let newest = |folder: PathBuf| {
        let children = std::fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|e| e.path()));
        children.chain([folder]).filter(|place| place.join("bin/initdb").is_file()).max_by_key(number)
    };
    folders.filter_map(newest).next().expect("PostgreSQL in HOWDAH_POSTGRES or under /usr/lib/postgresql").join("bin")
}

fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

/// The URL of the maintenance database of this process' PostgreSQL, started with the first call.
pub async fn postgres() -> String {
    tokio::task::spawn_blocking(|| shared().url("postgres")).await.unwrap()
}

/// The URL of a fresh, migrated database for one test: cloned from a template, which takes a tenth of migrating anew.
pub async fn database() -> String {
    static TEMPLATE: OnceCell<()> = OnceCell::const_new();
    let admin = postgres().await;
    let template = async {
        let mut connection = PgConnection::connect(&admin).await.unwrap();
        connection.execute("create database template_migrated").await.unwrap();
        let store = Store::connect(&shared().url("template_migrated")).await.unwrap();
        store.migrate().await.unwrap();
        // A template must have no sessions.
        store.pool().close().await;
    };
    TEMPLATE.get_or_init(|| template).await;
    let name = format!("t{}", uuid::Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(format!("create database {name} template template_migrated strategy file_copy"))).await.unwrap();
    shared().url(&name)
}

/// A store over a fresh database.
pub async fn store() -> Store {
    Store::connect(&database().await).await.unwrap()
}

/// What the place of the tests can do.
pub fn offer() -> Offer {
    let release = |major| Release { major, full: "17.1".into(), image: String::new(), extensions: ["hstore".into()].into() };
    Offer { releases: vec![release(Major::V17), release(Major::V16)], external: Err("Loopback only.".into()), storage: Ok(()), ..FakePortal::default().offer() }
}

/// The place of an engine that is in another process, known by what that one wrote down.
pub fn places() -> Arc<Places> {
    let notice = std::env::temp_dir().join(format!("howdah-offer-{}.json", uuid::Uuid::new_v4()));
    let report = Report { engine: "local".into(), reachable: Ok(()), checked_at: None, facts: Vec::new(), findings: Vec::new() };
    std::fs::write(&notice, serde_json::to_vec(&(offer(), report)).unwrap()).unwrap();
    Arc::new(Places::new([Site::waiting(PlaceName::local(), String::new(), notice)]))
}

/// Asks until the answer is some, for at most ten seconds. `what` is the rest of the sentence "it never came about that …".
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < until, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
