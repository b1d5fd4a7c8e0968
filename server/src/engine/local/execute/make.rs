//! Making data directories, from nothing or from another one, and taking them away.

use super::{Outcome, Work, touch};
use crate::engine::local::{
    conf::{self, REPLICATION_ROLE},
    ground::{ALL_PROGRAMS, Ground},
    haproxy,
    layout::{self, Site},
    mark::{ClusterMark, InstanceMark, Stage},
    observe, process, sql,
    world::{Held, Managed},
};
use anyhow::{Context, Result, bail};
use domain::{Cluster, status::Reason};
use nix::sys::signal::Signal;
use std::{sync::Arc, time::Duration};

/// A copy takes as long as it takes; past this it hangs.
const COPY: Duration = Duration::from_secs(6 * 3600);

impl Work<'_> {
    /// The first data directory. Only where nothing was whole before.
    pub(super) async fn create(&self, ordinal: u8) -> Outcome {
        let (site, account) = (self.site(ordinal), &self.ground.layout.account);
        if self.whole()?.primary.is_some() {
            bail!("the cluster has a primary already");
        }
        layout::folder(&self.place.folder, 0o711, None)?;
        site.prepare(account)?;
        self.port(&site)?;
        let before = self.mark(ordinal)?;
        if !matches!(before.stage, Stage::New | Stage::Building) || (before.stage == Stage::New && site.data.join("PG_VERSION").exists()) {
            bail!("instance {ordinal} has data already");
        }
        self.free(&site).await?;
        layout::remove(&site.data)?;
        InstanceMark::change(&site, |mark| mark.stage = Stage::Building)?;
        let settings = self.settings()?;
        let managed = Managed { follows: None, sync: None, held: Held::of(&settings), short: false };
        let args = ["-D".to_owned(), site.data.display().to_string()].into_iter().chain(conf::initdb(self.cluster.spec.version).into_iter().map(str::to_owned));
        let args: Vec<String> = args.collect();
        let making = self.tool("initdb", &args, &site, Duration::from_secs(300));
        // Certificates and files are made while initdb works.
        let (made, written) = tokio::join!(making, async {
            tokio::task::yield_now().await;
            self.write(ordinal, &managed)
        });
        written?;
        if let Err(reason) = made? {
            return Ok(Err(reason));
        }
        InstanceMark::change(&site, |mark| (mark.stage, mark.once, mark.fenced) = (Stage::Built, true, false))?;
        ClusterMark::change(&self.place, |mark| {
            mark.primary = Some(ordinal);
            mark.accepted.get_or_insert(settings);
        })?;
        self.start(ordinal).await
    }

    /// How to reach an instance on its socket for replication.
    fn conninfo(&self, from: u8) -> Result<String> {
        let source = self.site(from);
        Ok(format!("host='{}' port={} user={REPLICATION_ROLE} dbname=postgres", source.sockets.display(), self.mark(from)?.port))
    }

    /// A fresh copy of the primary, started as a standby.
    pub(super) async fn copy(&self, ordinal: u8, from: u8, managed: &Managed) -> Outcome {
        if self.whole()?.primary != Some(from) || ordinal == from {
            bail!("instance {ordinal} is copied from the primary only");
        }
        let (site, account) = (self.site(ordinal), &self.ground.layout.account);
        site.prepare(account)?;
        self.port(&site)?;
        InstanceMark::change(&site, |mark| (mark.stage, mark.synced, mark.copies) = (Stage::Building, false, mark.copies.saturating_add(1)))?;
        self.stop(ordinal).await?.ok();
        layout::remove(&site.data)?;
        self.write(ordinal, managed)?;
        let args = ["-D", &site.data.display().to_string(), "-d", &self.conninfo(from)?, "-S", &conf::member(ordinal)].map(str::to_owned);
        let args: Vec<String> = args.into_iter().chain(["-X", "stream", "-c", "fast", "--no-sync"].map(str::to_owned)).collect();
        if let Err(reason) = self.tool("pg_basebackup", &args, &site, COPY).await? {
            return Ok(Err(reason));
        }
        touch(&site.data.join("standby.signal"), account)?;
        InstanceMark::change(&site, |mark| {
            (mark.stage, mark.once, mark.fenced, mark.failures) = (Stage::Built, true, false, 0);
        })?;
        self.start(ordinal).await
    }

    /// Takes back what a former primary wrote and nobody else has. If that fails, a fresh copy comes next.
    pub(super) async fn rewind(&self, ordinal: u8, from: u8, managed: &Managed) -> Outcome {
        if self.whole()?.primary != Some(from) || ordinal == from {
            bail!("instance {ordinal} is rewound to the primary only");
        }
        let site = self.site(ordinal);
        self.stop(ordinal).await?.ok();
        // pg_rewind reads the new timeline from the primary's last checkpoint.
        self.sql(from, vec!["checkpoint".into()]).await?.ok();
        self.write(ordinal, managed)?;
        layout::remove(&site.data.join("standby.signal"))?;
        InstanceMark::change(&site, |mark| (mark.stage, mark.synced) = (Stage::Building, false))?;
        let args = [
            format!("--target-pgdata={}", site.data.display()),
            format!("--source-server={}", self.conninfo(from)?),
            format!("--config-file={}", site.conf.join("postgresql.conf").display()),
            "--no-sync".to_owned(),
        ];
        if let Err(reason) = self.tool("pg_rewind", &args, &site, COPY).await? {
            InstanceMark::change(&site, |mark| mark.stage = Stage::Broken(reason.message.clone()))?;
            tracing::warn!(cluster.id = %self.cluster.id, instance = ordinal, why = %reason.message, "it cannot be rewound and gets a fresh copy");
            return Ok(Ok(()));
        }
        touch(&site.data.join("standby.signal"), &self.ground.layout.account)?;
        InstanceMark::change(&site, |mark| {
            (mark.stage, mark.fenced, mark.failures, mark.failure) = (Stage::Built, false, 0, None);
        })?;
        self.start(ordinal).await
    }

    /// One instance goes, with its data and its port.
    pub(super) async fn remove(&self, ordinal: u8) -> Outcome {
        let whole = self.whole()?;
        let Some(primary) = whole.primary.filter(|primary| *primary != ordinal) else { bail!("instance {ordinal} is the primary and is not removed") };
        if observe::running(&self.site(primary))?.is_none() {
            bail!("the primary does not run: nothing is removed");
        }
        let site = self.site(ordinal);
        self.stop(ordinal).await?.ok();
        self.sql(primary, vec![sql::drop_slot(ordinal)]).await?.ok();
        self.ground.limits.remove(&site.short)?;
        layout::remove(&site.sockets)?;
        erase(&site).await?;
        Ok(Ok(()))
    }
}

/// Deletes an instance's folder; its mark goes last, so that its port stays taken until then.
async fn erase(site: &Site) -> Result<()> {
    let (data, folder) = (site.data.clone(), site.folder.clone());
    let gone = tokio::task::spawn_blocking(move || layout::remove(&data).and_then(|()| layout::remove(&folder)));
    gone.await.context("deleting a folder")?
}

/// Takes everything of a cluster away. Safe to repeat; done when it returns.
pub async fn remove_all(ground: &Arc<Ground>, cluster: &Cluster) -> Result<Result<(), Reason>> {
    let place = ground.layout.place(cluster.id);
    if place.folder.exists() {
        haproxy::stop(&place).await?;
        let ordinals = place.ordinals()?;
        for ordinal in &ordinals {
            if let Some(postmaster) = observe::running(&place.site(*ordinal)).ok().flatten() {
                postmaster.signal(Signal::SIGQUIT)?;
                postmaster.dies_within(Duration::from_secs(5)).await;
            }
        }
        process::clear(&place.folder, &ALL_PROGRAMS).await?;
    }
    // All that an instance may have had, also one whose folder is gone already.
    for ordinal in 1..=domain::spec::MAX_INSTANCES {
        ground.limits.remove(&place.site(ordinal).short)?;
    }
    for path in place.outside()? {
        layout::remove(&path)?;
    }
    let folder = place.folder.clone();
    tokio::task::spawn_blocking(move || layout::remove(&folder)).await.context("deleting a folder")??;
    Ok(Ok(()))
}
