//! From the wish to the first accepted connection, and to all replicas streaming: through the portal, and by hand in a script.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::http::until_accepted;
use super::portal::{Portal, newest};
use super::{Goal, Row, Series};

const ROUNDS: usize = 5;
const BY_HAND: &str = include_str!("by_hand.sh");

/// One instance, and three.
pub fn rows(portal: &Portal) -> Result<Vec<Row>> {
    let (major, bin) = newest(portal)?;
    let hand = Hand { folder: portal.folder.join("hand"), bin, major };
    let measure = |name, instances| -> Result<Row> {
        let (mut ours, mut theirs) = (Series::default(), Series::default());
        // The first of each warms caches and is not counted.
        for round in 0..=ROUNDS {
            let (portal, by_hand) = (through(portal, instances, &hand.major)?, hand.make(instances)?);
            eprintln!("{name}: {portal:.3} s, by hand {by_hand:.3} s");
            if round > 0 {
                ours.add(portal);
                theirs.add(by_hand);
            }
        }
        Ok(Row::compare(name, "s", &ours, &theirs, Goal::AtMost(1.15)))
    };
    Ok(vec![measure("create one, accepting", 1)?, measure("create three, streaming", 3)?])
}

/// Seconds through REST.
fn through(portal: &Portal, instances: u8, major: &str) -> Result<f64> {
    let started = Instant::now();
    let id = portal.create("bench", instances, major)?;
    if instances == 1 {
        until_accepted(portal.until(&id, port)?)?;
    } else {
        portal.until(&id, |cluster| streaming(cluster, instances))?;
    }
    let took = started.elapsed().as_secs_f64();
    portal.delete(&id)?;
    Ok(took)
}

/// Where the first instance is reached, as soon as the portal tells.
fn port(cluster: &Value) -> Option<u16> {
    let port = cluster["nodes"][0]["port"].as_u64().filter(|port| *port != 0)?;
    u16::try_from(port).ok()
}

/// A replica that does not stream is not `ready`.
fn streaming(cluster: &Value, instances: u8) -> Option<()> {
    let nodes = cluster["nodes"].as_array()?;
    (nodes.len() == usize::from(instances) && nodes.iter().all(|node| node["state"] == "ready")).then_some(())
}

/// Somebody with a script.
struct Hand {
    folder: PathBuf,
    bin: PathBuf,
    major: String,
}

impl Hand {
    /// Seconds by hand.
    fn make(&self, instances: u8) -> Result<f64> {
        fs::create_dir_all(&self.folder)?;
        let ports = free_ports(instances)?;
        let words: Vec<String> = ports.iter().map(u16::to_string).collect();
        let root = fs::metadata(&self.folder)?.uid() == 0;
        let mut script = Command::new(if root { "setpriv" } else { "sh" });
        if root {
            // PostgreSQL refuses to run as root.
            let ids = |flag| Command::new("id").args([flag, "postgres"]).output().map(|output| String::from_utf8_lossy(&output.stdout).trim().parse());
            chown(&self.folder, Some(ids("-u")??), Some(ids("-g")??))?;
            script.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
        }
        script.args(["-c", BY_HAND]).env("DIR", &self.folder).env("BIN", &self.bin).env("MAJOR", &self.major).env("PORTS", words.join(" "));
        let started = Instant::now();
        let status = script.current_dir("/").status().context("starting the script")?;
        let accepted = if status.success() { until_accepted(ports[0]) } else { Err(anyhow::anyhow!("by hand: {status}")) };
        let took = started.elapsed().as_secs_f64();
        let ended = words.iter().map(|port| end(&self.folder.join(port))).collect::<Result<Vec<_>>>();
        accepted?;
        ended?;
        fs::remove_dir_all(&self.folder)?;
        Ok(took)
    }
}

/// Ends the postmaster of a data directory, if there is one.
fn end(data: &Path) -> Result<()> {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return Ok(()) };
    let pid = text.lines().next().context("an empty postmaster.pid")?.to_owned();
    Command::new("kill").args(["-QUIT", &pid]).status()?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while Path::new("/proc").join(&pid).exists() {
        if Instant::now() > deadline {
            bail!("the postmaster {pid} does not end");
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn free_ports(count: u8) -> Result<Vec<u16>> {
    let held = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<Vec<_>>>()?;
    Ok(held.iter().map(|listener| listener.local_addr().map(|address| address.port())).collect::<std::io::Result<_>>()?)
}
