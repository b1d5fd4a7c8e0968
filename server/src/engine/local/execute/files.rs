//! Configuration: tried, put in place, reloaded, taken back.

use super::{Outcome, Work};
use crate::engine::local::{
    conf,
    ground::{Ground, PROGRAMS},
    layout::{self, Site},
    mark::{ClusterMark, InstanceMark, Refused, Settings},
    observe, process, sql,
    world::{Held, Managed},
};
use anyhow::{Context, Result};
use domain::parameter::Parameters;
use nix::sys::signal::Signal;
use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

impl Work<'_> {
    /// The settings that files are written from.
    pub(super) fn settings(&self) -> Result<Settings> {
        Ok(self.whole()?.accepted.unwrap_or_else(|| Settings { size: self.cluster.spec.size, ..Settings::default() }))
    }

    /// Asks PostgreSQL about the settings before they are put in place. Refused ones leave everything as it is.
    pub(super) async fn try_settings(&self) -> Outcome {
        layout::folder(&self.place.folder, 0o711, None)?;
        let spec = &self.cluster.spec;
        let wish = Settings { parameters: spec.parameters.clone(), size: spec.size };
        let before = self.whole()?.accepted;
        let (accepted, refused) = match self.refusal(&wish).await? {
            None => (wish, None),
            Some(why) => {
                let parameters = before.as_ref().map_or_else(Parameters::default, |before| before.parameters.clone());
                let half = Settings { parameters, size: wish.size };
                let accepted = match self.refusal(&half).await? {
                    None => half,
                    Some(_) => before.unwrap_or(half),
                };
                (accepted, Some(Refused { settings: wish, why }))
            }
        };
        ClusterMark::change(&self.place, |mark| (mark.accepted, mark.refused) = (Some(accepted), refused))?;
        Ok(Ok(()))
    }

    /// PostgreSQL's words about settings that it does not take; none: it would start with them.
    async fn refusal(&self, settings: &Settings) -> Result<Option<String>> {
        let account = &self.ground.layout.account;
        let trial = self.place.trial();
        let (data, config) = (trial.join("data"), trial.join("postgresql.conf"));
        layout::remove(&trial)?;
        layout::folder(&trial, 0o700, Some(account))?;
        layout::folder(&data, 0o700, Some(account))?;
        // The check starts shared memory as for real and looks into these.
        for inner in ["base", "global", "pg_commit_ts", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat", "pg_subtrans", "pg_wal"] {
            layout::folder(&data.join(inner), 0o700, Some(account))?;
        }
        layout::write(&data.join("PG_VERSION"), &format!("{}\n", self.cluster.spec.version.number()), 0o600, Some(account))?;
        layout::write(&data.join("postgresql.auto.conf"), "", 0o600, Some(account))?;
        let site = self.site(1);
        let files = self.ground.base(self.cluster, &site, 1, 20_000, settings);
        let main = files.first().map(|(_, text)| text.as_str()).unwrap_or_default();
        let mut text: String = main.lines().filter(|line| !line.starts_with("include ")).map(|line| format!("{line}\n")).collect();
        for name in Held::NAMES {
            if let Some(value) = settings.parameters.0.get(name) {
                text.push_str(&format!("{name} = {}\n", conf::quote(value)));
            }
        }
        layout::write(&config, &text, 0o600, Some(account))?;
        let args =
            ["--check", "-D"].map(str::to_owned).into_iter().chain([data.display().to_string(), "-c".into(), format!("config_file={}", config.display())]);
        let stand = Site { folder: trial.clone(), ..site };
        let said = self.tool("postgres", &args.collect::<Vec<_>>(), &stand, Duration::from_secs(20)).await?;
        layout::remove(&trial)?;
        Ok(said.err().map(|reason| reason.message.trim_start_matches("postgres: ").to_owned()))
    }

    /// Back to the settings that worked; the wish is remembered as refused.
    pub(super) fn revert(&self, why: &str) -> Outcome {
        let spec = &self.cluster.spec;
        let wish = Settings { parameters: spec.parameters.clone(), size: spec.size };
        ClusterMark::change(&self.place, |mark| {
            let fallback = Settings { parameters: Parameters::default(), size: spec.size };
            let proven = mark.proven.clone().unwrap_or(fallback);
            (mark.accepted, mark.proven) = (Some(proven.clone()), Some(proven));
            mark.refused = Some(Refused { settings: wish, why: why.to_owned() });
        })?;
        for ordinal in self.place.ordinals()? {
            InstanceMark::change(&self.site(ordinal), |mark| (mark.failures, mark.failure) = (0, None))?;
        }
        Ok(Ok(()))
    }

    /// Puts every file in place; what is right already keeps its time.
    pub(super) fn write(&self, ordinal: u8, managed: &Managed) -> Result<()> {
        let (site, account) = (self.site(ordinal), &self.ground.layout.account);
        site.prepare(account)?;
        self.ground.authority.issue(&site.tls, &format!("{}-{ordinal}", self.cluster.name), account)?;
        let settings = self.settings()?;
        let mut files = self.ground.base(self.cluster, &site, ordinal, self.mark(ordinal)?.port, &settings);
        files.push((site.conf.join("managed.conf"), observe::managed_text(self.ground, self.cluster, managed, ordinal)?));
        for (path, text) in files {
            if fs::read_to_string(&path).is_ok_and(|now| now == text) {
                continue;
            }
            layout::write(&path, &text, 0o600, Some(account))?;
        }
        Ok(())
    }

    /// Writes the configuration; a running instance reads it again.
    pub(super) async fn configure(&self, ordinal: u8, managed: &Managed) -> Outcome {
        self.write(ordinal, managed)?;
        let site = self.site(ordinal);
        let Some(postmaster) = observe::running(&site)? else { return Ok(Ok(())) };
        let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        postmaster.signal(Signal::SIGHUP)?;
        let port = self.mark(ordinal)?.port;
        let deadline = Instant::now() + Duration::from_secs(3);
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            // Each look is a new session: a session knows only the reload before its own start.
            let mut session = sql::connect(&site, port).await.with_context(|| format!("asking instance {ordinal} whether it has reloaded"))?;
            let loaded: i64 = sql::value(&mut session, "select (extract(epoch from pg_conf_load_time()) * 1000000)::bigint").await?;
            if loaded >= before || Instant::now() > deadline {
                return Ok(Ok(()));
            }
        }
    }

    /// Forces the files of a data directory to the disk, also while it is in use: all at once, which is many times faster than file by file.
    pub(super) async fn sync(&self, ordinal: u8) -> Outcome {
        let site = self.site(ordinal);
        let data = site.data.clone();
        let forced = tokio::task::spawn_blocking(move || -> Result<()> {
            let folder = fs::File::open(&data).with_context(|| format!("opening {}", data.display()))?;
            nix::unistd::syncfs(folder).with_context(|| format!("forcing {} to the disk", data.display()))
        });
        forced.await.context("forcing files to the disk")??;
        InstanceMark::change(&site, |mark| mark.synced = true)?;
        Ok(Ok(()))
    }

    /// Ends what still holds an instance's data, and forgets a pid file whose process is proven gone.
    pub(super) async fn free(&self, site: &Site) -> Result<()> {
        process::clear(&site.folder, &PROGRAMS).await?;
        layout::remove(&site.data.join("postmaster.pid"))
    }
}

/// PostgreSQL's logs must not fill the disk while it runs. What it wrote last is kept beside. Blocking.
pub fn trim_logs(ground: &Ground) {
    const LARGE: u64 = 64 << 20;
    const KEPT: u64 = 16 << 20;
    let places = ground.layout.clusters().unwrap_or_default().into_iter().map(|id| ground.layout.place(id));
    let sites = places.flat_map(|place| place.ordinals().unwrap_or_default().into_iter().map(move |ordinal| place.site(ordinal)));
    for site in sites {
        if !fs::metadata(&site.log).is_ok_and(|found| found.len() > LARGE) {
            continue;
        }
        let trim = || -> std::io::Result<()> {
            // Written at its end by PostgreSQL, whatever its length: so it can be cut. Without room for the copy it is cut all the same.
            let kept = fs::write(site.log.with_extension("log.1"), layout::tail(&site.log, KEPT));
            fs::OpenOptions::new().write(true).open(&site.log)?.set_len(0)?;
            kept
        };
        if let Err(error) = trim() {
            tracing::warn!(log = %site.log.display(), %error, "a large log could not be set aside");
        }
    }
}
