//! One postmaster over one data directory: made, started in a session of its own, known again by more than its pid, stopped.

use super::{START, install, lock, process::Process, socket};
use anyhow::{Context, Result, bail};
use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::Signal,
    unistd::{Gid, Uid, User},
};
use std::{
    fs::{self, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{process::Command, time::sleep};

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
    installs: install::Installs,
    account: User,
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
        socket::make(&sockets, account.uid.as_raw(), account.gid.as_raw())?;
        Ok(Self { home, sockets, installs: install::find(folders).await?, account })
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
    pub async fn ensure(&self) -> Result<Process> {
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
        self.ready(running).await?;
        Ok(running)
    }

    /// Stops it and waits for its end. Only while held.
    pub async fn stop(&self) -> Result<()> {
        let Some(running) = self.running() else { return Ok(()) };
        for (signal, patience) in [(Signal::SIGINT, 20), (Signal::SIGQUIT, 10), (Signal::SIGKILL, 5)] {
            running.signal(signal)?;
            if tokio::time::timeout(Duration::from_secs(patience), running.death()).await.is_ok() {
                return Ok(());
            }
        }
        bail!("process {} does not end", running.pid)
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
        let bin = install::newest(&self.installs)?;
        let mut initdb = self.command(&bin.join("initdb"));
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
        let me = User::from_uid(Uid::effective()).ok().flatten().map_or_else(|| Uid::effective().to_string(), |user| user.name);
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
            chown(&beside, Some(self.account.uid.as_raw()), Some(self.account.gid.as_raw()))?;
            fs::rename(&beside, &path)
        };
        write().with_context(|| format!("writing {}", path.display())).map(|()| true)
    }

    async fn start(&self) -> Result<Process> {
        let data = self.data();
        let bin = install::of(&self.installs, &data)?;
        self.make_way().await?;
        let log = File::options().create(true).append(true).open(self.home.join("log")).context("opening the log of the private PostgreSQL")?;
        // A session of its own: what ends the portal's session does not end the database.
        let mut command = self.command(Path::new("setsid"));
        command.arg(bin.join("postgres")).arg("-D").arg(&data).arg("-k").arg(&self.sockets);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", *setting]));
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn().context("starting postgres")?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("postgres ended at once")?;
        let running = Process::of(pid).context("postgres ended at once")?;
        // Collects its exit status, or its corpse would look alive.
        tokio::spawn(async move { child.wait().await });
        Ok(running)
    }

    /// Sees to it that nothing of an earlier one is in the way, and nothing of it is alive. Only called when no postmaster runs.
    async fn make_way(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(15);
        // Backends outlive a killed postmaster by a moment. Data that they may still write to must not get a second postmaster.
        while let Some(orphan) = Process::all_postgres().find(|process| process.folder().is_some_and(|folder| folder == self.data())) {
            if Instant::now() > until {
                bail!("process {} of an earlier run still works on {}: end it first", orphan.pid, self.data().display());
            }
            sleep(LOOK).await;
        }
        // A pid that was given anew, as after a reboot, would make PostgreSQL refuse for ever. Any other leftover it judges better than we do.
        if self.noted().is_some_and(|(pid, _)| Process::of(pid).is_some()) {
            fs::remove_file(self.data().join("postmaster.pid")).context("removing a stale postmaster.pid")?;
        }
        Ok(())
    }

    /// Waits until it accepts connections.
    async fn ready(&self, running: Process) -> Result<()> {
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
    fn running(&self) -> Option<Process> {
        let (pid, born) = self.noted()?;
        let process = Process::of(pid)?;
        let ours = match process.folder() {
            Some(folder) => folder == self.data(),
            None => process.started().is_some_and(|started| (started - born).abs() <= 5),
        };
        (process.is_postgres() && ours).then_some(process)
    }

    /// Pid and start, in seconds since 1970, as the pid file has them.
    fn noted(&self) -> Option<(i32, i64)> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = file.lines();
        Some((lines.next()?.trim().parse().ok()?, lines.nth(1)?.trim().parse().ok()?))
    }

    /// A command that runs as the account, without the portal's surroundings.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC").current_dir(&self.home).stdin(Stdio::null());
        if self.account.uid != Uid::effective() {
            command.uid(self.account.uid.as_raw()).gid(self.account.gid.as_raw());
        }
        command
    }
}

/// Whom PostgreSQL runs as.
fn account(run_as: Option<&str>) -> Result<User> {
    let me = Uid::effective();
    let account = match run_as {
        Some(name) => {
            User::from_name(name).context("looking for a user")?.with_context(|| format!("there is no user {name}: make one, or name another with --run-as"))?
        }
        None => User::from_uid(me).context("looking for the own user")?.with_context(|| format!("the user {me} has no name"))?,
    };
    if account.uid.is_root() {
        bail!("PostgreSQL refuses to run as root: name another user with --run-as");
    }
    if account.uid != me && !me.is_root() {
        bail!("only root can run PostgreSQL as another user ({})", account.name);
    }
    Ok(account)
}

/// A folder of the account's.
fn own(folder: &Path, mode: u32, account: &User) -> Result<()> {
    match fs::DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error).with_context(|| format!("making {}", folder.display())),
        Ok(()) | Err(_) => {}
    }
    let (uid, gid): (Uid, Gid) = (account.uid, account.gid);
    if Uid::effective().is_root() {
        chown(folder, Some(uid.as_raw()), Some(gid.as_raw())).with_context(|| format!("handing {} over", folder.display()))?;
    }
    Ok(())
}
