//! Starting and stopping an instance.

use super::{Outcome, Work, disk_full, touch};
use crate::engine::local::{
    layout::{self, Site},
    mark::{Failure, InstanceMark},
    observe, ports,
    process::{self, Identity, Launch},
};
use anyhow::{Context, Result, anyhow, bail};
use domain::status::Reason;
use nix::sys::signal::Signal;
use std::{
    fs,
    sync::PoisonError,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How long a step waits for a start; a recovery may take longer and is then looked at again.
const START: Duration = Duration::from_secs(30);
/// How long a fast stop may take.
const STOP: Duration = Duration::from_secs(25);
/// Log lines that prove the data directory damaged: starting again does not help.
const DAMAGED: [&str; 7] = [
    "could not locate a valid checkpoint record",
    "invalid primary checkpoint record",
    "could not locate required checkpoint record",
    "pg_control",
    "is not a valid data directory",
    "incorrect checksum in control file",
    "could not find the database system",
];

impl Work<'_> {
    pub(super) async fn start(&self, ordinal: u8) -> Outcome {
        let site = self.site(ordinal);
        if let Some(postmaster) = observe::running(&site)? {
            return self.ready(&site, &postmaster, 0).await;
        }
        let mark = self.mark(ordinal)?;
        if mark.fenced {
            bail!("instance {ordinal} is fenced and must not be started");
        }
        self.free(&site).await?;
        let signal = site.data.join("standby.signal");
        if self.whole()?.primary != Some(ordinal) && !signal.exists() {
            touch(&signal, &self.ground.layout.account)?;
        }
        if !ports::is_free(mark.port) {
            return self.port_taken(&site, &mark);
        }
        site.prepare(&self.ground.layout.account)?;
        let from = self.rotate(&site)?;
        let postmaster = self.launch(&site)?;
        let restarts = self.cluster.spec.restarts;
        InstanceMark::change(&site, |mark| (mark.process, mark.restarts) = (Some(postmaster.clone()), restarts))?;
        self.ready(&site, &postmaster, from).await
    }

    fn launch(&self, site: &Site) -> Result<Identity> {
        let install = self.ground.install(self.cluster).ok_or_else(|| anyhow!("PostgreSQL {} is not installed", self.cluster.spec.version))?;
        let size = self.settings()?.size;
        let cgroups = self.ground.limits.prepare(&site.short, &size).unwrap_or_else(|error| {
            tracing::warn!(instance = %site.short, error = %format!("{error:#}"), "its limits cannot be set");
            Vec::new()
        });
        let config = format!("config_file={}", site.conf.join("postgresql.conf").display());
        process::start(&Launch {
            program: &install.bin.join("postgres"),
            args: vec!["-D".into(), site.data.display().to_string(), "-c".into(), config],
            cwd: &site.data,
            log: &site.log,
            account: &self.ground.layout.account,
            cgroups,
        })
    }

    /// Waits until it takes connections. PostgreSQL itself says so in its pid file.
    async fn ready(&self, site: &Site, postmaster: &Identity, log_from: u64) -> Outcome {
        let deadline = Instant::now() + START;
        let file = site.data.join("postmaster.pid");
        loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let mut lines = text.lines();
            let own = lines.next().and_then(|pid| pid.trim().parse::<i32>().ok()) == Some(postmaster.pid);
            if own && lines.nth(6).is_some_and(|state| ["ready", "standby"].contains(&state.trim())) {
                InstanceMark::change(site, |mark| (mark.failures, mark.failure, mark.copies, mark.answered) = (0, None, 0, true))?;
                return Ok(Ok(()));
            }
            if !postmaster.lives() {
                return self.failed(site, log_from);
            }
            if Instant::now() > deadline {
                return Ok(Err(Reason::new("Starting", format!("{} is starting: it recovers from a crash, or waits for its primary.", name(site)))));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// A start that failed, in PostgreSQL's own words.
    fn failed(&self, site: &Site, log_from: u64) -> Outcome {
        let length = fs::metadata(&site.log).map_or(0, |m| m.len());
        let log = layout::tail(&site.log, length.saturating_sub(log_from).min(64 << 10));
        let line = log.lines().rev().find(|line| line.contains("FATAL:") || line.contains("PANIC:")).or_else(|| log.lines().last());
        let said = line.map_or_else(|| "it left no word in its log".into(), observe::message);
        let damaged = DAMAGED.iter().any(|words| said.contains(words));
        let (reason, counts) = if log.contains("No space left on device") {
            (disk_full(), 0)
        } else if log.contains("could not bind") || log.contains("could not create any TCP/IP sockets") {
            (Reason::new("PortTaken", format!("Another program took the port of {}.", name(site))), 0)
        } else {
            let counts = if damaged { super::super::plan::ATTEMPTS } else { 1 };
            (Reason::new("StartFailed", format!("{} does not start: {said}", name(site))), counts)
        };
        let failure = Failure { code: reason.code.clone(), message: reason.message.clone(), at: observe::now() };
        InstanceMark::change(site, |mark| (mark.failures, mark.failure) = (mark.failures.saturating_add(counts), Some(failure)))?;
        Ok(Err(reason))
    }

    /// The port of a standalone cluster is its address and stays; another instance takes the next one that is free.
    fn port_taken(&self, site: &Site, mark: &InstanceMark) -> Outcome {
        let whole = self.whole()?;
        if whole.rw.is_none() && self.cluster.spec.topology == domain::topology::Topology::Standalone && mark.answered {
            let port = mark.port;
            let message = format!("Another program has port {port}, the address of this cluster: end it. The cluster takes the port as soon as it is free.");
            let failure = Failure { code: "PortTaken".into(), message: message.clone(), at: observe::now() };
            InstanceMark::change(site, |mark| mark.failure = Some(failure))?;
            return Ok(Err(Reason::new("PortTaken", message)));
        }
        let _turn = self.ground.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let port = ports::choose(&self.ground.layout, 1)?.first().copied().context("choosing another port")?;
        InstanceMark::change(site, |mark| mark.port = port)?;
        Ok(Ok(()))
    }

    /// Keeps one old log beside a new one. Answers where the words of the next start begin.
    fn rotate(&self, site: &Site) -> Result<u64> {
        const LARGE: u64 = 16 << 20;
        let length = fs::metadata(&site.log).map_or(0, |m| m.len());
        if length < LARGE {
            return Ok(length);
        }
        fs::rename(&site.log, site.log.with_extension("log.1")).context("setting the old log aside")?;
        Ok(0)
    }

    /// Fast, and at once when that takes too long; afterwards nothing of it is left.
    pub(super) async fn stop(&self, ordinal: u8) -> Outcome {
        let site = self.site(ordinal);
        if let Some(postmaster) = observe::running(&site)? {
            process::stop(&postmaster, Signal::SIGINT, STOP, Signal::SIGQUIT).await?;
        }
        self.free(&site).await?;
        Ok(Ok(()))
    }
}

fn name(site: &Site) -> String {
    let ordinal = site.folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    format!("Instance {ordinal}")
}
