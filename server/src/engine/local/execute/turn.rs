//! Another instance becomes the primary.

use super::{Outcome, Work, touch};
use crate::engine::local::{
    haproxy,
    mark::{ClusterMark, InstanceMark, Stage},
    observe, sql,
    world::Routes,
};
use anyhow::{Context, Result, bail};
use domain::status::Reason;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use tokio::time::sleep;

impl Work<'_> {
    /// Nothing acknowledged is lost: the old primary stops cleanly, and the next one is appointed only when it has all of the other's WAL.
    pub(super) async fn handover(&self, from: u8, to: u8, serial: u32) -> Outcome {
        if self.whole()?.primary != Some(from) {
            bail!("instance {from} is not the primary");
        }
        let mut old = sql::connect(&self.site(from), self.mark(from)?.port).await.context("connecting to the primary")?;
        sql::run(&mut old, "checkpoint".into()).await?;
        drop(old);
        let mut next = sql::connect(&self.site(to), self.mark(to)?.port).await.context("connecting to the next primary")?;
        for ordinal in self.place.ordinals()?.into_iter().filter(|ordinal| *ordinal != to) {
            sql::run(&mut next, sql::make_slot(ordinal)).await?;
        }
        ClusterMark::change(&self.place, |mark| mark.attempts = mark.attempts.saturating_add(1))?;
        if let Err(reason) = self.stop(from).await? {
            return Ok(Err(reason));
        }
        if let Err(why) = self.has_all(&mut next, from).await? {
            if let Err(reason) = self.start(from).await? {
                return Ok(Err(reason));
            }
            return Ok(Err(Reason::new("SwitchoverRetreat", format!("Instance {to} did not have everything, so instance {from} stays the primary: {why}."))));
        }
        // From here on the old one starts only as a standby: first its own signal, then the appointment.
        touch(&self.site(from).data.join("standby.signal"), &self.ground.layout.account)?;
        self.appoint(to, serial)?;
        self.raise(to, &mut next).await
    }

    /// Whether the stopped primary ended cleanly and the standby has received its last record.
    async fn has_all(&self, next: &mut sqlx::PgConnection, from: u8) -> Result<Result<(), String>> {
        let site = self.site(from);
        let said = match self.tool("pg_controldata", &["-D".into(), site.data.display().to_string()], &site, Duration::from_secs(10)).await? {
            Ok(said) => said,
            Err(reason) => return Ok(Err(reason.message)),
        };
        let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        if field("Database cluster state") != Some("shut down") {
            return Ok(Err("it was not shut down cleanly".into()));
        }
        let Some(end) = field("Latest checkpoint location").and_then(lsn) else { return Ok(Err("its last checkpoint is not known".into())) };
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            let received: i64 = sql::value(next, "select coalesce(pg_last_wal_receive_lsn() - '0/0'::pg_lsn, 0)::bigint").await?;
            if u64::try_from(received).unwrap_or(0) > end {
                return Ok(Ok(()));
            }
            if Instant::now() > deadline {
                return Ok(Err("its last record did not arrive within 2 s".into()));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn appoint(&self, to: u8, serial: u32) -> Result<()> {
        ClusterMark::change(&self.place, |mark| {
            mark.primary = Some(to);
            (mark.switched, mark.attempts, mark.given_up) = (mark.switched.max(serial), 0, None);
        })?;
        Ok(())
    }

    /// The old primary is proven dead and fenced before anybody else is appointed.
    pub(super) async fn failover(&self, dead: u8, to: u8, serial: u32) -> Outcome {
        let site = self.site(dead);
        if observe::running(&site)?.is_some() {
            bail!("instance {dead} runs: it is not replaced");
        }
        if site.folder.exists() {
            self.free(&site).await?;
            InstanceMark::change(&site, |mark| (mark.fenced, mark.failures, mark.failure) = (true, 0, None))?;
        }
        self.appoint(to, serial)?;
        tracing::warn!(cluster.id = %self.cluster.id, dead, to, "another instance takes over");
        Ok(Ok(()))
    }

    pub(super) async fn promote(&self, ordinal: u8) -> Outcome {
        let mut session = sql::connect(&self.site(ordinal), self.mark(ordinal)?.port).await.context("connecting to the next primary")?;
        self.raise(ordinal, &mut session).await
    }

    /// Leaves recovery, if it is the appointed one and nobody else runs as a primary; then clients are led to it.
    async fn raise(&self, ordinal: u8, session: &mut sqlx::PgConnection) -> Outcome {
        let whole = self.whole()?;
        if whole.primary != Some(ordinal) {
            bail!("instance {ordinal} is not the one to be promoted");
        }
        for other in self.place.ordinals()?.into_iter().filter(|other| *other != ordinal) {
            let site = self.site(other);
            if !site.data.join("standby.signal").exists() && observe::running(&site)?.is_some() {
                bail!("instance {other} still runs as a primary");
            }
        }
        if !sql::value::<bool>(session, "select case when pg_is_in_recovery() then pg_promote(true, 30) else true end").await? {
            return Ok(Err(Reason::new("Promoting", format!("Instance {ordinal} has not left recovery within 30 s."))));
        }
        let (Some(rw), Some(ro)) = (whole.rw, whole.ro) else { return Ok(Ok(())) };
        // Writes find the way at once; who serves reads is seen by the next look.
        let routes = Routes { rw: ordinal, ro: BTreeSet::new(), ports: BTreeMap::from([(ordinal, self.mark(ordinal)?.port)]) };
        haproxy::route(self.ground, self.cluster.id, rw, ro, &routes).await
    }

    /// A second primary stops; its history is made to fit before it runs again.
    pub(super) async fn fence(&self, ordinal: u8) -> Outcome {
        if self.whole()?.primary == Some(ordinal) {
            bail!("instance {ordinal} is the primary and is not fenced");
        }
        InstanceMark::change(&self.site(ordinal), |mark| mark.fenced = true)?;
        self.stop(ordinal).await
    }

    /// A copy that is of no use: stopped, and given up.
    pub(super) async fn condemn(&self, ordinal: u8, why: &str) -> Outcome {
        if self.whole()?.primary == Some(ordinal) {
            bail!("instance {ordinal} is the primary and is not given up");
        }
        self.stop(ordinal).await?.ok();
        InstanceMark::change(&self.site(ordinal), |mark| {
            (mark.stage, mark.failures) = (Stage::Broken(why.to_owned()), 0);
        })?;
        tracing::warn!(cluster.id = %self.cluster.id, instance = ordinal, why, "an instance gets a fresh copy");
        Ok(Ok(()))
    }
}

fn lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some(u64::from_str_radix(high, 16).ok()? << 32 | u64::from_str_radix(low, 16).ok()?)
}
