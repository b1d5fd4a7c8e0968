//! One postmaster over one data directory: made, started in a session of its own, known again by more than its pid, stopped.

use super::{START, lock, socket};
use crate::engine::local::{
    installs::{Install, Installs},
    process::{self, Account, Identity, Launch},
};
use anyhow::{Context, Result, bail};
use domain::version::Major;
use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::Signal,
    unistd::{SysconfVar, Uid, sysconf},
};
use std::{
    fs::{self, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// The superuser inside; nobody else is ever made.
const ROLE: &str = "howdah";
/// The map from users of the operating system to roles.
const MAP: &str = "portal";
const LOOK: Duration = Duration::from_millis(20);
/// What each start is given, so that a newer portal's opinion counts without touching files.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "port=5432",
    "max_connections=100",
    "shared_buffers=64MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=256MB",
    "min_wal_size=32MB",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    "logging_collector=off",
    "log_destination=stderr",
    "cluster_name=howdah-portal",
];

/// Where a private PostgreSQL lives, and by what it runs.
pub(super) struct Postmaster {
    /// `<data>/portal`.
    home: PathBuf,
    sockets: PathBuf,
    installs: Installs,
    account: Account,
}

impl Postmaster {
    /// Makes the folders and finds the programs; starts nothing.
    pub async fn prepare(data: &Path, folders: &[PathBuf], run_as: Option<&str>) -> Result<Self> {
        let account = account(run_as)?;
        fs::create_dir_all(data).with_context(|| format!("making {}", data.display()))?;
        // One folder has one name, or a second portal would find no socket.
        let data = fs::canonicalize(data).with_context(|| format!("looking at {}", data.display()))?;
        let home = data.join("portal");
        own(&home, 0o700, &account)?;
        let sockets = socket::folder(&home);
        socket::make(&sockets, account.uid, account.gid)?;
        Ok(Self { home, sockets, installs: find(folders).await?, account })
    }

    /// How to connect.
    pub fn url(&self) -> String {
        socket::url(&self.sockets, ROLE)
    }

    /// The file whose shared lock says "in use".
    pub fn users(&self) -> PathBuf {
        self.home.join("users.lock")
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Waits for the right to start and stop it.
    pub async fn hold(&self) -> Result<Flock<File>> {
        let path = self.home.join("lock");
        let until = Instant::now() + START;
        loop {
            match lock(&path, FlockArg::LockExclusiveNonblock) {
                Ok(held) => return Ok(held),
                Err(error) if Instant::now() > until => return Err(error.context("another portal process is starting or stopping the same PostgreSQL")),
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    /// The one that runs, started if none did, once it accepts connections. Only while held.
    pub async fn ensure(&self) -> Result<Identity> {
        let data = self.data();
        if !data.join("PG_VERSION").is_file() {
            self.make().await?;
        }
        let changed = self.admit()?;
        let running = match self.running() {
            Some(running) => {
                if changed {
                    running.signal(Signal::SIGHUP)?;
                }
                running
            }
            None => self.start().await?,
        };
        self.ready(&running).await?;
        Ok(running)
    }

    /// Stops it and waits for its end. Only while held.
    pub async fn stop(&self) -> Result<()> {
        match self.running() {
            Some(running) => process::stop(&running, Signal::SIGINT, Duration::from_secs(20), Signal::SIGQUIT).await,
            None => Ok(()),
        }
    }

    /// Makes the data directory beside its place, so that one half made is never taken for a whole.
    async fn make(&self) -> Result<()> {
        let half = self.home.join("data.new");
        if half.exists() {
            fs::remove_dir_all(&half).with_context(|| format!("removing {}", half.display()))?;
        }
        if self.data().exists() {
            bail!("{} is there, but holds no PostgreSQL data: look at it, then move it away", self.data().display());
        }
        let newest = self.installs.by_major.values().next_back().context("no PostgreSQL was found")?;
        let program = newest.tool("initdb").with_context(|| format!("{} has no initdb", newest.bin.display()))?;
        let mut initdb = self.account.command(&program);
        initdb.current_dir(&self.home);
        initdb.arg("--pgdata").arg(&half).args(["--username", ROLE, "--encoding", "UTF8", "--locale", "C"]);
        initdb.args(["--data-checksums", "--auth-local", "peer", "--auth-host", "reject"]);
        let output = initdb.output().await.context("running initdb")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!("initdb failed as user {}: {said}", self.account.name);
        }
        fs::rename(&half, self.data()).context("putting the new data directory in its place")
    }

    /// Writes who may connect: the user of this process and the one that PostgreSQL runs as. True: that is news.
    fn admit(&self) -> Result<bool> {
        let me = Account::current()?.name;
        let ident = format!("# Written by the portal.\n{MAP} \"{me}\" {ROLE}\n{MAP} \"{}\" {ROLE}\n", self.account.name);
        let hba = format!("# Written by the portal.\nlocal all {ROLE} peer map={MAP}\n");
        let hba = self.write("pg_hba.conf", &hba)?;
        let ident = self.write("pg_ident.conf", &ident)?;
        Ok(hba || ident)
    }

    fn write(&self, name: &str, text: &str) -> Result<bool> {
        let path = self.data().join(name);
        if fs::read_to_string(&path).is_ok_and(|before| before == text) {
            return Ok(false);
        }
        let beside = self.data().join(format!("{name}.new"));
        let write = || {
            fs::write(&beside, text)?;
            fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))?;
            chown(&beside, Some(self.account.uid), Some(self.account.gid))?;
            fs::rename(&beside, &path)
        };
        write().with_context(|| format!("writing {}", path.display())).map(|()| true)
    }

    async fn start(&self) -> Result<Identity> {
        let data = self.data();
        let install = self.made_by()?;
        self.make_way().await?;
        let mut args = vec!["-D".to_owned(), text(&data)?, "-k".into(), text(&self.sockets)?];
        args.extend(SETTINGS.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        let program = install.bin.join("postgres");
        process::start(&Launch { program: &program, args, cwd: &self.home, log: &self.home.join("log"), account: &self.account, cgroups: Vec::new() })
    }

    /// The install that the data directory needs.
    fn made_by(&self) -> Result<&Install> {
        let file = self.data().join("PG_VERSION");
        let version = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let major: Option<Major> = version.trim().parse().ok();
        major.and_then(|major| self.installs.by_major.get(&major)).map(AsRef::as_ref).with_context(|| {
            let (data, version) = (self.data(), version.trim().to_owned());
            format!("{} was made by PostgreSQL {version}, which is not installed any more: install it, or name its folder with --postgres", data.display())
        })
    }

    /// Sees to it that nothing of an earlier one is in the way, and nothing of it is alive. Only called when no postmaster runs.
    async fn make_way(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(15);
        // Backends outlive a killed postmaster by a moment. Data that they may still write to must not get a second postmaster.
        while let Some(orphan) = process::under(&self.data(), &["postgres"])?.first() {
            if Instant::now() > until {
                bail!("process {} of an earlier run still works on {}: end it first", orphan.pid, self.data().display());
            }
            sleep(LOOK).await;
        }
        // A pid that was given anew, as after a reboot, would make PostgreSQL refuse for ever. Any other leftover it judges better than we do.
        if self.noted().is_some_and(|(pid, _)| Identity::of(pid).is_some()) {
            fs::remove_file(self.data().join("postmaster.pid")).context("removing a stale postmaster.pid")?;
        }
        Ok(())
    }

    /// Waits until it accepts connections.
    async fn ready(&self, running: &Identity) -> Result<()> {
        let until = Instant::now() + START;
        loop {
            let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            let mut lines = file.lines();
            let its = lines.next().is_some_and(|line| line.trim() == running.pid.to_string());
            if its && lines.nth(6).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            if !running.lives() {
                bail!("it ended at once; it said: {}", self.said());
            }
            if Instant::now() > until {
                bail!("it does not accept connections; it said: {}", self.said());
            }
            sleep(LOOK).await;
        }
    }

    /// The last lines of its log.
    fn said(&self) -> String {
        let text = fs::read(self.home.join("log")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }

    /// The postmaster of our data directory, if one lives. A pid alone proves nothing: the process must be a `postgres` that stands in the directory or,
    /// where the system does not tell (a container without the right to trace), is as old as the file says.
    fn running(&self) -> Option<Identity> {
        let (pid, born) = self.noted()?;
        let process = Identity::of(pid)?;
        let ours = match process.cwd() {
            Some(folder) => folder == self.data(),
            None => started(&process).is_some_and(|started| (started - born).abs() <= 5),
        };
        let is_postgres = fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("postgres"));
        (is_postgres && ours).then_some(process)
    }

    /// Pid and start, in seconds since 1970, as the pid file has them.
    fn noted(&self) -> Option<(i32, i64)> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = file.lines();
        Some((lines.next()?.trim().parse().ok()?, lines.nth(1)?.trim().parse().ok()?))
    }
}

/// What there is to run.
async fn find(folders: &[PathBuf]) -> Result<Installs> {
    let installs = Installs::discover(folders).await;
    if installs.by_major.is_empty() {
        let all: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        bail!("no PostgreSQL was found in {}: install one (Debian: postgresql), or name its folder with --postgres", all.join(", "));
    }
    Ok(installs)
}

/// Whom PostgreSQL runs as.
fn account(run_as: Option<&str>) -> Result<Account> {
    let account = match run_as {
        Some(name) => Account::named(name).context("make that user, or name another with --run-as")?,
        None => Account::current()?,
    };
    if account.uid == 0 {
        bail!("PostgreSQL refuses to run as root: name another user with --run-as");
    }
    if account.is_other() && !Uid::effective().is_root() {
        bail!("only root can run PostgreSQL as another user ({})", account.name);
    }
    Ok(account)
}

/// A folder of the account's.
fn own(folder: &Path, mode: u32, account: &Account) -> Result<()> {
    match fs::DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error).with_context(|| format!("making {}", folder.display())),
        Ok(()) | Err(_) => {}
    }
    if account.is_other() {
        chown(folder, Some(account.uid), Some(account.gid)).with_context(|| format!("handing {} over", folder.display()))?;
    }
    Ok(())
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(ToOwned::to_owned).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Its start in seconds since 1970, as far as the clock was not set since.
fn started(process: &Identity) -> Option<i64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let boot: i64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let hertz = sysconf(SysconfVar::CLK_TCK).ok()??;
    Some(boot + i64::try_from(process.start).ok()? / hertz)
}
