//! Does one step. Checks for itself what must hold before anything is stopped, promoted or deleted.

use super::{
    ground::{Ground, PROGRAMS},
    haproxy,
    layout::{self, Place, Site},
    mark::{ClusterMark, InstanceMark},
    observe,
    plan::Step,
    ports, process, sql,
};
use anyhow::{Context, Result, anyhow, bail};
use domain::{Cluster, status::Reason};
use std::{
    io,
    path::Path,
    sync::{Arc, PoisonError},
    time::Duration,
};

mod files;
mod life;
mod make;
mod turn;

pub use files::trim_logs;
pub use make::remove_all;

/// Done, or why it did not come about, in words for people. An error is something that was not foreseen.
pub type Outcome = Result<Result<(), Reason>>;

/// One step about one cluster.
pub struct Work<'a> {
    ground: &'a Arc<Ground>,
    cluster: &'a Cluster,
    place: Place,
}

/// Does it.
pub async fn execute(ground: &Arc<Ground>, cluster: &Cluster, step: &Step) -> Outcome {
    match act(ground, cluster, step).await {
        Err(error) if error.chain().any(is_disk_full) => Ok(Err(disk_full())),
        outcome => outcome,
    }
}

async fn act(ground: &Arc<Ground>, cluster: &Cluster, step: &Step) -> Outcome {
    let work = Work { ground, cluster, place: ground.layout.place(cluster.id) };
    let place = &work.place;
    match step {
        Step::TrySettings => work.try_settings().await,
        Step::Revert { why } => work.revert(why),
        Step::Prove => ClusterMark::change(place, |mark| mark.proven = mark.accepted.clone()).map(|_| Ok(())),
        Step::Create { ordinal } => work.create(*ordinal).await,
        Step::Appoint { ordinal } => ClusterMark::change(place, |mark| mark.primary = Some(*ordinal)).map(|_| Ok(())),
        Step::Remember { ordinal } => work.remember(*ordinal),
        Step::ChoosePorts => work.choose_ports(),
        Step::Configure { ordinal, managed } => work.configure(*ordinal, managed).await,
        Step::Start { ordinal } => work.start(*ordinal).await,
        Step::Stop { ordinal } => work.stop(*ordinal).await,
        Step::Restart { ordinal } => match work.stop(*ordinal).await? {
            Ok(()) => work.start(*ordinal).await,
            Err(reason) => Ok(Err(reason)),
        },
        Step::Clear { ordinal } => process::clear(&work.site(*ordinal).folder, &PROGRAMS).await.map(Ok),
        Step::Sync { ordinal } => work.sync(*ordinal).await,
        Step::MakeRole { ordinal } => work.sql(*ordinal, vec![sql::role()]).await,
        Step::Slots { ordinal, make, drop } => {
            let orders = make.iter().map(|o| sql::make_slot(*o)).chain(drop.iter().map(|o| sql::drop_slot(*o)));
            work.sql(*ordinal, orders.collect()).await
        }
        Step::Clone { ordinal, from, managed } => work.copy(*ordinal, *from, managed).await,
        Step::Rewind { ordinal, from, managed } => work.rewind(*ordinal, *from, managed).await,
        Step::Condemn { ordinal, why } => work.condemn(*ordinal, why).await,
        Step::Fence { ordinal } => work.fence(*ordinal).await,
        Step::Handover { from, to, serial } => work.handover(*from, *to, *serial).await,
        Step::CloseSwitchover { serial, why } => {
            let close = |mark: &mut ClusterMark| (mark.switched, mark.attempts, mark.given_up) = (*serial, 0, why.clone());
            ClusterMark::change(place, close).map(|_| Ok(()))
        }
        Step::Failover { dead, to, serial } => work.failover(*dead, *to, *serial).await,
        Step::Promote { ordinal } => work.promote(*ordinal).await,
        Step::Limit { ordinal } => work.limit(*ordinal),
        Step::Forgive { ordinal } => InstanceMark::change(&work.site(*ordinal), |mark| (mark.failures, mark.failure) = (0, None)).map(|_| Ok(())),
        Step::Route { routes } => {
            let mark = ClusterMark::read(place)?.unwrap_or_default();
            let (Some(rw), Some(ro)) = (mark.rw, mark.ro) else { bail!("the addresses have no ports yet") };
            haproxy::route(ground, cluster.id, rw, ro, routes).await
        }
        Step::StopProxy => haproxy::stop(place).await.map(Ok),
        Step::Remove { ordinal } => work.remove(*ordinal).await,
    }
}

impl Work<'_> {
    fn site(&self, ordinal: u8) -> Site {
        self.place.site(ordinal)
    }

    fn mark(&self, ordinal: u8) -> Result<InstanceMark> {
        Ok(InstanceMark::read(&self.site(ordinal))?.unwrap_or_default())
    }

    fn whole(&self) -> Result<ClusterMark> {
        Ok(ClusterMark::read(&self.place)?.unwrap_or_default())
    }

    /// Runs orders on an instance, in one session.
    async fn sql(&self, ordinal: u8, orders: Vec<String>) -> Outcome {
        let mut session = sql::connect(&self.site(ordinal), self.mark(ordinal)?.port).await.with_context(|| format!("connecting to instance {ordinal}"))?;
        for order in orders {
            sql::run(&mut session, order).await?;
        }
        Ok(Ok(()))
    }

    /// A tool of the cluster's PostgreSQL, as the account that owns the data. Its working directory says whose it is, should it be left behind.
    async fn tool(&self, name: &str, args: &[String], site: &Site, patience: Duration) -> Result<Result<String, Reason>> {
        let install = self.ground.install(self.cluster).ok_or_else(|| anyhow!("PostgreSQL {} is not installed", self.cluster.spec.version))?;
        let program = install.tool(name).ok_or_else(|| anyhow!("{} has no {name}", install.bin.display()))?;
        let mut command = self.ground.layout.account.command(&program);
        command.args(args).current_dir(&site.folder).kill_on_drop(true);
        let output = tokio::time::timeout(patience, command.output()).await;
        let output = output.map_err(|_| anyhow!("{name} did not end within {} s", patience.as_secs()))?.with_context(|| format!("running {name}"))?;
        let (said, complaint) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
        if output.status.success() { Ok(Ok(said)) } else { Ok(Err(complaint_of(name, &complaint))) }
    }

    /// The port of a new instance, kept from now on.
    fn port(&self, site: &Site) -> Result<u16> {
        let _turn = self.ground.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let now = InstanceMark::read(site)?.unwrap_or_default().port;
        if now != 0 {
            return Ok(now);
        }
        let port = ports::choose(&self.ground.layout, 1)?.first().copied().ok_or_else(|| anyhow!("no port was chosen"))?;
        InstanceMark::change(site, |mark| mark.port = port)?;
        Ok(port)
    }

    fn remember(&self, ordinal: u8) -> Outcome {
        let site = self.site(ordinal);
        let kin = process::under(&site.folder, &PROGRAMS)?;
        let recalled = observe::recall(&site, &kin.iter().collect::<Vec<_>>(), self.cluster.spec.restarts);
        let recalled = recalled.ok_or_else(|| anyhow!("instance {ordinal} does not run any more"))?;
        InstanceMark::change(&site, |mark| {
            if *mark == InstanceMark::default() {
                *mark = recalled;
            }
        })
        .map(|_| Ok(()))
    }

    fn choose_ports(&self) -> Outcome {
        layout::folder(&self.place.folder, 0o711, None)?;
        let mut held = self.ground.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = ports::taken(&self.ground.layout)?;
        held.retain(|port, _| taken.contains(port));
        let mark = self.whole()?;
        let ports = ports::choose(&self.ground.layout, 2)?;
        let (rw, ro) = (mark.rw.or(ports.first().copied()), mark.ro.or(ports.get(1).copied()));
        ClusterMark::change(&self.place, |now| (now.rw, now.ro) = (rw, ro))?;
        ports::hold(&mut held, rw.into_iter().chain(ro));
        Ok(Ok(()))
    }

    fn limit(&self, ordinal: u8) -> Outcome {
        let size = self.whole()?.accepted.map_or(self.cluster.spec.size, |settings| settings.size);
        self.ground.limits.set(&self.site(ordinal).short, &size).map(Ok)
    }
}

/// The telling line of what a tool complained about.
fn complaint_of(name: &str, complaint: &str) -> Reason {
    if complaint.contains("No space left on device") {
        return disk_full();
    }
    let telling = |line: &&str| ["error:", "FATAL:", "PANIC:", "fatal:"].iter().any(|word| line.contains(word));
    let line = complaint.lines().rev().find(telling).or_else(|| complaint.lines().last()).unwrap_or("no reason was given");
    // Of bad lines in a configuration file the last words only say that there are some.
    let cause = complaint.lines().find(|line| line.contains("LOG:")).filter(|_| line.ends_with("contains errors")).unwrap_or(line);
    let cause = cause.split(" in file \"").next().unwrap_or(cause);
    Reason::new("ToolFailed", format!("{name}: {}", observe::message(cause)))
}

fn is_disk_full(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

fn disk_full() -> Reason {
    Reason::new("DiskFull", "The disk of this machine is full: free some space. Work goes on by itself after that; no data is deleted.")
}

/// Makes an empty file that PostgreSQL may remove.
fn touch(path: &Path, account: &process::Account) -> Result<()> {
    layout::write(path, "", 0o600, Some(account))
}
