//! One way to start, know again and stop a long-lived child that outlives the portal. Knows nothing of PostgreSQL.
//! Never trusts a pid alone: a process is known by its pid, its start time and the boot that both belong to.

use anyhow::{Context, Result, anyhow};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::Write,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{io::unix::AsyncFd, process::Command, time::sleep};

/// Which process it is, beyond doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its pid.
    pub pid: i32,
    /// Clock ticks from boot to its start: field 22 of `/proc/<pid>/stat`.
    pub start: u64,
    /// The boot that the ticks count from.
    pub boot: String,
}

/// The operating system's user that children run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
}

/// Everything that a long-lived child is started with.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its working directory: also how its relatives are found again.
    pub cwd: &'a Path,
    /// Where its output is appended.
    pub log: &'a Path,
    /// Whom it runs as.
    pub account: &'a Account,
    /// `cgroup.procs` files that it joins before it runs.
    pub cgroups: Vec<PathBuf>,
}

impl Account {
    /// The user of that name.
    pub fn named(name: &str) -> Result<Self> {
        let user = nix::unistd::User::from_name(name).with_context(|| format!("looking for the user {name}"))?;
        let user = user.ok_or_else(|| anyhow!("there is no user {name} on this machine"))?;
        Ok(Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() })
    }

    /// The user that this process runs as.
    pub fn current() -> Result<Self> {
        let uid = nix::unistd::Uid::effective();
        let name = nix::unistd::User::from_uid(uid).context("looking for the own user")?.map_or_else(|| uid.to_string(), |user| user.name);
        Ok(Self { name, uid: uid.as_raw(), gid: nix::unistd::Gid::effective().as_raw() })
    }

    /// Whether this process runs as another user and so must hand files over.
    pub fn is_other(&self) -> bool {
        nix::unistd::Uid::effective().as_raw() != self.uid
    }

    /// A command that runs as this user, without the portal's surroundings.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
        if self.is_other() {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }
}

impl Identity {
    /// The process that has this pid now; none when there is none, or only its corpse.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        (!stat.dead).then(|| Self { pid, start: stat.start, boot: boot() })
    }

    /// Whether this very process still lives.
    pub fn lives(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now == *self)
    }

    /// Sends a signal, unless the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if !self.lives() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("sending {signal} to process {}", self.pid)),
        }
    }

    /// Waits for its death; whether it came in time.
    pub async fn dies_within(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.death()).await.is_ok()
    }

    /// Returns when the process is dead.
    // `AsyncFd::new` is deprecated for types that give away a descriptor that they do not own. `OwnedFd` owns it; the replacement is unsafe.
    #[allow(deprecated)]
    pub async fn death(&self) {
        if let Some(fd) = self.pidfd()
            && let Ok(fd) = AsyncFd::new(fd)
        {
            while self.lives() {
                if fd.readable().await.is_err() || !self.lives() {
                    break;
                }
                sleep(Duration::from_millis(1)).await;
            }
        }
        while self.lives() {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A descriptor that turns readable at its death.
    fn pidfd(&self) -> Option<OwnedFd> {
        let pid = rustix::process::Pid::from_raw(self.pid)?;
        let fd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()?;
        // The pid may have changed hands between the look and the opening.
        self.lives().then_some(fd)
    }

    /// Its working directory; none when it cannot be told.
    pub fn cwd(&self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/cwd", self.pid)).ok()
    }
}

/// What `/proc/<pid>/stat` tells.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// Zombie or dying.
    pub dead: bool,
    /// Its parent.
    pub parent: i32,
    /// Clock ticks used, its reaped children included.
    pub ticks: u64,
    /// Clock ticks from boot to its start.
    pub start: u64,
}

impl Stat {
    /// What `/proc` says about a pid; none when there is no such process.
    pub fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name is in brackets and may hold anything, brackets and blanks included.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at - 3)?.parse::<u64>().ok();
        Some(Self {
            dead: matches!(*fields.first()?, "Z" | "X" | "x"),
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(14)? + number(15)? + number(16)? + number(17)?,
            start: number(22)?,
        })
    }
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Living processes of these programs (a prefix of the name is enough) whose working directory is `folder` or below it: also those that nobody
/// remembers. A person's shell that happens to stand there is none of them.
pub fn under(folder: &Path, programs: &[&str]) -> Result<Vec<Identity>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let Some(pid) = entry.ok().and_then(|e| e.file_name().to_str()?.parse::<i32>().ok()) else { continue };
        // Unreadable means somebody else's process, or one that has just ended: ours are always readable.
        let Ok(cwd) = fs::read_link(format!("/proc/{pid}/cwd")) else { continue };
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if cwd.starts_with(folder) && programs.iter().any(|program| name.starts_with(program)) {
            found.extend(Identity::of(pid));
        }
    }
    Ok(found)
}

/// Kills what [`under`] finds, and waits until nothing is left.
pub async fn clear(folder: &Path, programs: &[&str]) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left = under(folder, programs)?;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let pids: Vec<String> = left.iter().map(|p| p.pid.to_string()).collect();
            return Err(anyhow!("processes {} hold {} and cannot be ended", pids.join(", "), folder.display()));
        }
        for process in &left {
            process.signal(Signal::SIGKILL)?;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Starts a child in a session of its own, so that it outlives the portal.
pub fn start(launch: &Launch<'_>) -> Result<Identity> {
    let log = fs::OpenOptions::new().create(true).append(true).open(launch.log).with_context(|| format!("opening {}", launch.log.display()))?;
    let mut command = launch.account.command(launch.program);
    command.args(&launch.args).current_dir(launch.cwd).stdout(log.try_clone().context("the log once more")?).stderr(log);
    let open = |path: &PathBuf| fs::OpenOptions::new().write(true).open(path).with_context(|| format!("opening {}", path.display()));
    detach(&mut command, launch.cgroups.iter().map(open).collect::<Result<_>>()?);
    // tokio reaps children whose handle is dropped, so no corpse stays behind while the portal lives.
    let child = command.spawn().with_context(|| format!("starting {}", launch.program.display()))?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(|| anyhow!("{} ended at once", launch.program.display()))?;
    Identity::of(pid).ok_or_else(|| anyhow!("{} ended at once", launch.program.display()))
}

/// Makes the child the leader of its own session and puts it into its control groups before it runs.
#[allow(unsafe_code)]
fn detach(command: &mut Command, groups: Vec<fs::File>) {
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. `write` and `setsid` are; the files were opened before the fork,
    // nothing is allocated, and an error is turned into an `io::Error` from a bare number.
    unsafe {
        command.pre_exec(move || {
            for group in &groups {
                (&mut &*group).write_all(b"0")?;
            }
            nix::unistd::setsid().map(|_| ()).map_err(std::io::Error::from)
        });
    }
}

/// Stops a process: politely by `first`, and when `patience` is over by `then`, at last by SIGKILL.
pub async fn stop(process: &Identity, first: Signal, patience: Duration, then: Signal) -> Result<()> {
    process.signal(first)?;
    if process.dies_within(patience).await {
        return Ok(());
    }
    process.signal(then)?;
    if process.dies_within(Duration::from_secs(10)).await {
        return Ok(());
    }
    process.signal(Signal::SIGKILL)?;
    if process.dies_within(Duration::from_secs(10)).await { Ok(()) } else { Err(anyhow!("process {} cannot be ended", process.pid)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_known_again_and_its_death_is_noticed() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let account = Account::current()?;
        let log = folder.path().join("log");
        let launch =
            Launch { program: Path::new("/bin/sleep"), args: vec!["60".into()], cwd: folder.path(), log: &log, account: &account, cgroups: Vec::new() };
        let child = start(&launch)?;
        assert!(child.lives());
        assert_eq!(under(folder.path(), &["sleep"])?, vec![child.clone()]);
        assert!(!Identity { start: child.start + 1, ..child.clone() }.lives(), "the pid alone is not the process");
        assert!(!child.dies_within(Duration::from_millis(30)).await);
        stop(&child, Signal::SIGTERM, Duration::from_secs(5), Signal::SIGKILL).await?;
        assert!(!child.lives());
        assert!(under(folder.path(), &["sleep"])?.is_empty());
        Ok(())
    }
}
