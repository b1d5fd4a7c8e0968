//! Processes as `/proc` tells of them. A pid is never trusted alone: it is given anew.

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, SysconfVar, sysconf},
};
use std::{fs, path::PathBuf, time::Duration};
use tokio::time::sleep;

/// A process, known by its pid and its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// Its pid.
    pub pid: i32,
    /// Clock ticks from boot to its start.
    start: u64,
}

impl Process {
    /// The one that has this pid now; none when there is none, or only its corpse.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before may hold anything, brackets included.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let dead = matches!(*fields.first()?, "Z" | "X" | "x");
        if dead { None } else { Some(Self { pid, start: fields.get(19)?.parse().ok()? }) }
    }

    /// Every `postgres` of this machine.
    pub fn all_postgres() -> impl Iterator<Item = Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten();
        entries.filter_map(|entry| Self::of(entry.ok()?.file_name().to_str()?.parse().ok()?)).filter(|process| process.is_postgres())
    }

    /// By the name of its program, which everybody may read.
    pub fn is_postgres(self) -> bool {
        fs::read_to_string(format!("/proc/{}/comm", self.pid)).is_ok_and(|name| name.starts_with("postgres"))
    }

    /// Where it stands; none where the system does not tell.
    pub fn folder(self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/cwd", self.pid)).ok()
    }

    /// Its start in seconds since 1970, as far as the clock was not set since.
    pub fn started(self) -> Option<i64> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let boot: i64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        let hertz = sysconf(SysconfVar::CLK_TCK).ok()??;
        Some(boot + i64::try_from(self.start).ok()? / hertz)
    }

    /// Whether this very process still lives.
    pub fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Returns when it is dead.
    pub async fn death(self) {
        while self.lives() {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends a signal, unless it is dead.
    pub fn signal(self, signal: Signal) -> Result<()> {
        if self.lives() { kill(Pid::from_raw(self.pid), signal).with_context(|| format!("sending {signal} to process {}", self.pid)) } else { Ok(()) }
    }
}
