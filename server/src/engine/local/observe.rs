//! One look at a cluster: files, processes, answers. Changes nothing.

use super::{
    conf,
    ground::{ALL_PROGRAMS, Ground, PROGRAMS},
    haproxy,
    layout::{self, Site},
    mark::{ClusterMark, InstanceMark, Settings, Stage},
    process::{self, Identity},
    room::Room,
    sql,
    world::{Answer, Conf, Data, Instance, Managed, Process, Proxy, Tools, World},
};
use anyhow::{Context, Result, bail};
use domain::{Cluster, observed::Seen};
use futures::future;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// A pause between starts once too many have failed.
const COOLING: i64 = 30;
/// Starts that fail in a row before something else is tried.
pub const ATTEMPTS: u8 = 3;

/// What files and processes tell, before anybody is asked.
struct Still {
    mark: ClusterMark,
    instances: BTreeMap<u8, Seen<(Instance, i64)>>,
    proxy_runs: bool,
    room: Room,
}

/// Looks at everything of a cluster.
pub async fn look(ground: &Arc<Ground>, cluster: &Cluster) -> Result<World> {
    let (shared, wish) = (ground.clone(), cluster.clone());
    let still = tokio::task::spawn_blocking(move || still(&shared, &wish)).await.context("looking at the files of a cluster")??;
    let place = ground.layout.place(cluster.id);
    let asked = still.instances.into_iter().map(|(ordinal, seen)| {
        let site = place.site(ordinal);
        async move {
            let seen = match seen {
                Seen::Unknown(why) => Seen::Unknown(why),
                Seen::Known((instance, written)) => Seen::Known(answered(&site, instance, written).await),
            };
            (ordinal, seen)
        }
    });
    let (instances, serves) = future::join(future::join_all(asked), haproxy::serves(&place, still.proxy_runs)).await;
    let install = ground.install(cluster);
    let tool = |name: &str| install.as_ref().is_some_and(|install| install.tool(name).is_some());
    Ok(World {
        mark: still.mark,
        instances: instances.into_iter().collect(),
        room: still.room,
        proxy: Proxy { running: still.proxy_runs, serves, trouble: haproxy::trouble(&place) },
        tools: Tools {
            install: install.is_some(),
            haproxy: ground.installs().haproxy.is_some(),
            rewind: tool("pg_rewind") && tool("pg_controldata"),
            basebackup: tool("pg_basebackup"),
        },
    })
}

async fn answered(site: &Site, mut instance: Instance, written: i64) -> Instance {
    if instance.process == Process::Running {
        instance.answer = sql::ask(site, instance.mark.port, written).await;
    }
    if let Answer::Up(facts) = &mut instance.answer
        && facts.recovering
        && !facts.streaming
    {
        facts.stray = stray(&layout::tail(&site.log, 16 << 10));
    }
    instance
}

/// Words of a standby that can never follow again, said after it last followed or started.
fn stray(log: &str) -> Option<String> {
    const HOPELESS: [&str; 4] =
        ["has already been removed", "forked off current database system timeline", "is not a child of", "is ahead of the WAL flush position"];
    let lines: Vec<&str> = log.lines().collect();
    let since = lines.iter().rposition(|line| line.contains("started streaming WAL") || line.contains("starting PostgreSQL")).unwrap_or(0);
    let recent = lines.get(since..).unwrap_or_default();
    recent.iter().rev().find(|line| HOPELESS.iter().any(|words| line.contains(words))).map(|line| message(line))
}

/// A log line without its prefix.
pub fn message(line: &str) -> String {
    let at = ["PANIC:", "FATAL:", "ERROR:", "LOG:"].iter().find_map(|level| line.find(level).map(|at| at + level.len()));
    line.get(at.unwrap_or(0)..).unwrap_or(line).trim().to_owned()
}

fn still(ground: &Ground, cluster: &Cluster) -> Result<Still> {
    let place = ground.layout.place(cluster.id);
    let mark = ClusterMark::read(&place)?.unwrap_or_default();
    let ordinals = place.ordinals()?;
    let sites: Vec<Site> = ordinals.iter().map(|ordinal| place.site(*ordinal)).collect();
    let kin = if place.folder.exists() { process::under(&place.folder, &ALL_PROGRAMS)? } else { Vec::new() };
    let kin: Vec<(Identity, PathBuf)> = kin.into_iter().filter_map(|process| process.cwd().map(|cwd| (process, cwd))).collect();
    let instances = ordinals.into_iter().zip(&sites).map(|(ordinal, site)| {
        let own = kin.iter().filter(|(_, cwd)| cwd.starts_with(&site.folder)).map(|(process, _)| process);
        let seen = match instance(ground, cluster, &mark, site, ordinal, &own.collect::<Vec<_>>()) {
            Ok(instance) => Seen::Known(instance),
            Err(error) => Seen::Unknown(format!("{error:#}")),
        };
        (ordinal, seen)
    });
    let proxy = place.proxy();
    let room = ground.sums.room(sites.iter(), ground.layout.root());
    Ok(Still { room, instances: instances.collect(), proxy_runs: kin.iter().any(|(_, cwd)| cwd.starts_with(&proxy)), mark })
}

fn instance(ground: &Ground, cluster: &Cluster, whole: &ClusterMark, site: &Site, ordinal: u8, kin: &[&Identity]) -> Result<(Instance, i64)> {
    let data = data(&site.data)?;
    let (mark, recalled) = match InstanceMark::read(site)? {
        Some(mark) => (mark, false),
        None if data == Data::Absent => (InstanceMark::default(), false),
        None => match recall(site, kin, cluster.spec.restarts) {
            Some(mark) => (mark, true),
            // An instance that was never made looks the same but for its data. Nothing is done that could cost them.
            None => bail!("{} is gone and there are data beside it: put the file back, or move the folder {} away", site.mark.display(), site.data.display()),
        },
    };
    let process = match postmaster(site, &mark, kin) {
        Some(_) => Process::Running,
        None if kin.is_empty() => Process::Dead,
        None => Process::Leftover,
    };
    let settings = whole.accepted.clone().unwrap_or_else(|| Settings { size: cluster.spec.size, ..Settings::default() });
    let wanted = ground.base(cluster, site, ordinal, mark.port, &settings);
    let certified = ["server.crt", "server.key"].iter().all(|file| site.tls.join(file).exists());
    let base = certified && wanted.iter().all(|(path, text)| fs::read_to_string(path).is_ok_and(|now| now == *text));
    let managed = managed(ground, cluster, site, ordinal);
    let files = wanted.iter().map(|(path, _)| path.as_path());
    let written = files.chain([site.conf.join("managed.conf").as_path()]).filter_map(modified).max().unwrap_or(0);
    let limited = ground.limits.are_set(&site.short, &settings.size);
    let cooling = (mark.failures >= ATTEMPTS || mark.copies > 1) && mark.failure.as_ref().is_some_and(|failure| now() - failure.at < COOLING);
    Ok((Instance { mark, data, process, answer: Answer::Silent, conf: Conf { base, managed }, limited, cooling, recalled }, written))
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

fn modified(path: &Path) -> Option<i64> {
    let at = fs::metadata(path).and_then(|m| m.modified()).ok()?;
    at.duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_micros()).ok())
}

fn data(folder: &Path) -> Result<Data> {
    let there = |path: &Path| match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("looking at {}", path.display())),
    };
    if !there(&folder.join("PG_VERSION"))? { Ok(Data::Absent) } else { Ok(Data::There { standby: there(&folder.join("standby.signal"))? }) }
}

/// The postmaster among an instance's processes: by the pid file, or as it was started, and always with the data directory as its own.
fn postmaster(site: &Site, mark: &InstanceMark, kin: &[&Identity]) -> Option<Identity> {
    let by_file = fs::read_to_string(site.data.join("postmaster.pid")).ok().and_then(|text| text.lines().next()?.trim().parse::<i32>().ok());
    let found = kin.iter().find(|p| Some(p.pid) == by_file).or_else(|| kin.iter().find(|p| mark.process.as_ref() == Some(**p)));
    found.filter(|p| p.cwd().is_some_and(|cwd| cwd == site.data)).map(|p| (**p).clone())
}

/// What the mark of an instance was, as far as its running postmaster tells: it runs on whole data, and nobody starts one that is fenced.
pub fn recall(site: &Site, kin: &[&Identity], restarts: u32) -> Option<InstanceMark> {
    let process = postmaster(site, &InstanceMark::default(), kin)?;
    let port = fs::read_to_string(site.data.join("postmaster.pid")).ok()?.lines().nth(3)?.trim().parse().ok()?;
    Some(InstanceMark { port, process: Some(process), stage: Stage::Built, once: true, answered: true, restarts, ..InstanceMark::default() })
}

/// The postmaster of an instance that runs just now.
pub fn running(site: &Site) -> Result<Option<Identity>> {
    let mark = InstanceMark::read(site)?.unwrap_or_default();
    let kin = process::under(&site.folder, &PROGRAMS)?;
    Ok(postmaster(site, &mark, &kin.iter().collect::<Vec<_>>()))
}

/// What the managed file says, if it is word for word what we would have written.
fn managed(ground: &Ground, cluster: &Cluster, site: &Site, ordinal: u8) -> Option<Managed> {
    let text = fs::read_to_string(site.conf.join("managed.conf")).ok()?;
    let said = conf::read_managed(&text)?;
    (managed_text(ground, cluster, &said, ordinal).ok()? == text).then_some(said)
}

/// The managed file of an instance.
pub fn managed_text(ground: &Ground, cluster: &Cluster, managed: &Managed, ordinal: u8) -> Result<String> {
    let upstream = match managed.follows {
        None => None,
        Some(upstream) => {
            let site = ground.layout.place(cluster.id).site(upstream);
            let Some(mark) = InstanceMark::read(&site)? else { bail!("instance {upstream} has no mark") };
            Some((site, mark.port))
        }
    };
    Ok(conf::managed(managed, upstream.as_ref().map(|(site, port)| (site, *port)), ordinal))
}
