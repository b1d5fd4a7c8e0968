//! The real release binary on a fresh data folder, for as long as the bench needs it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::http::{Answer, ask};
use crate::run::{root, run, target};
use crate::site;
use crate::wasm::Variant;

/// A running portal. Stopped, with its folder gone, when dropped.
pub struct Portal {
    process: Child,
    /// Below /tmp, where PostgreSQL's user can reach it.
    pub folder: PathBuf,
    /// Where it listens, `127.0.0.1:…`.
    pub host: String,
    /// A bearer's header.
    admin: String,
    /// Its clusters are processes of this machine.
    here: bool,
}

/// Builds the release binary with its assets, the bare server that pages and REST are held against, and what stands beside an API server.
pub fn build() -> Result<()> {
    site::build(Variant::Small)?;
    run(crate::run::cargo().args(["build", "--package", "server", "--release", "--bin", "howdah", "--example", "bare", "--example", "kubernetes"]))
}

/// A program that prints `ready http://…` on its first line; the address.
pub fn ready(process: &mut Child) -> Result<String> {
    let stdout = process.stdout.take().context("its output")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = lines.next().context("it ended before it was ready")??;
    // What it prints later has a reader, or it would fail to print.
    std::thread::spawn(move || lines.for_each(drop));
    Ok(line.strip_prefix("ready http://").with_context(|| format!("it said {line:?}"))?.to_owned())
}

/// Asks a program of ours to end, and waits for it.
pub fn stop(process: &mut Child) {
    let asked = Command::new("kill").arg("-TERM").arg(process.id().to_string()).status();
    if !asked.is_ok_and(|status| status.success()) {
        let _ = process.kill();
    }
    let _ = process.wait();
}

impl Portal {
    /// Starts one whose clusters are on this machine.
    pub fn start() -> Result<Self> {
        Self::run(&[], true)
    }

    /// Starts one whose clusters are at the API server of this kubeconfig, to be left there.
    pub fn elsewhere(kubeconfig: &Path) -> Result<Self> {
        Self::run(&["--local".as_ref(), "off".as_ref(), "--kubeconfig".as_ref(), kubeconfig.as_os_str()], false)
    }

    fn run(more: &[&OsStr], here: bool) -> Result<Self> {
        let folder = PathBuf::from(format!("/tmp/howdah-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        let log = File::create(folder.join("log"))?;
        let mut serve = Command::new(binary()?);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data")).args(more);
        serve.env_remove("DATABASE_URL").current_dir(root()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let process = serve.spawn().context("starting howdah")?;
        let mut portal = Self { process, folder, host: String::new(), admin: String::new(), here };
        portal.host = ready(&mut portal.process).with_context(|| format!("howdah serve, see {}", portal.folder.join("log").display()))?;
        portal.admin = format!("Authorization: Bearer {}", portal.token("bench")?);
        Ok(portal)
    }

    /// A fresh token.
    pub fn token(&self, name: &str) -> Result<String> {
        self.print(&["token", "create", "--name", name])
    }

    /// A cookie of somebody who came by a link of their own.
    pub fn session(&self) -> Result<String> {
        let link = self.print(&["link"])?;
        let code = link.rsplit('/').next().unwrap_or_default();
        let answer = ask(&self.host, "GET", &format!("/sign-in/{code}"), "Accept: text/html", "")?;
        let cookie = answer.header("set-cookie").and_then(|value| value.split(';').next()).context("signing in gave no cookie")?;
        Ok(cookie.to_owned())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The portal's folder of data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What `howdah … --data` prints.
    pub fn print(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(binary()?).args(args).arg("--data").arg(self.data()).env_remove("DATABASE_URL").output()?;
        if !output.status.success() {
            bail!("howdah {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// A REST request as admin, below `/v1`.
    pub fn rest(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        ask(&self.host, method, &format!("/v1{path}"), &self.admin, body)
    }

    /// Asks for a cluster; its uuid. Replicas are asynchronous, so that waiting for them is not part of what is measured.
    pub fn create(&self, name: &str, instances: u8, major: &str) -> Result<String> {
        let wish = serde_json::json!({ "name": name, "preset": "small", "disk_size": 8, "version": major,
            "nodes_number": instances, "sync_replica_number": 0 });
        let made = self.rest("POST", "/postgres/instances", &wish.to_string())?.json(201)?;
        Ok(made["uuid"].as_str().context("a cluster without a uuid")?.to_owned())
    }

    /// Asks until the cluster is as wanted; at most 50 times a second, below what one actor may ask.
    pub fn until<T>(&self, id: &str, wanted: impl Fn(&Value) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let seen = self.rest("GET", &format!("/postgres/instances/{id}"), "")?.json(200)?;
            if let Some(found) = wanted(&seen) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("a cluster did not come about: {seen:#}");
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Deletes a cluster and waits until nothing of it is left.
    pub fn delete(&self, id: &str) -> Result<()> {
        let answer = self.rest("DELETE", &format!("/postgres/instances/{id}"), "")?;
        if answer.status != 204 {
            bail!("deleting a cluster: {} {}", answer.status, answer.body);
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.data().join("clusters").join(id).exists() {
            if Instant::now() > deadline {
                bail!("the cluster {id} is not deleted within a minute");
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Deletes all clusters: postmasters outlive the portal, and the bench is to leave nothing behind.
    fn clear(&self) -> Result<()> {
        let all = self.rest("GET", "/postgres/instances", "")?.json(200)?;
        for id in all.as_array().into_iter().flatten().filter_map(|cluster| cluster["uuid"].as_str()) {
            self.delete(id)?;
        }
        Ok(())
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let cleared = if self.admin.is_empty() || !self.here { Ok(()) } else { self.clear() };
        stop(&mut self.process);
        // With clusters left, the folder is all by which a person can find and end them.
        let gone = cleared.and_then(|()| Ok(fs::remove_dir_all(&self.folder)?));
        if let Err(error) = gone {
            eprintln!("left behind: {} ({error:#})", self.folder.display());
        }
    }
}

fn binary() -> Result<PathBuf> {
    Ok(target()?.join("release/howdah"))
}

/// The newest major that the portal offers and whose programs are found here, with their folder.
pub fn newest(portal: &Portal) -> Result<(String, PathBuf)> {
    let versions = portal.rest("GET", "/types/postgres/versions", "")?.json(200)?;
    let names = versions["versions"].as_array().into_iter().flatten().filter_map(|version| version["name"].as_str());
    let mut majors: Vec<u32> = names.filter_map(|name| name.trim_start_matches('v').parse().ok()).collect();
    majors.sort_unstable();
    let folders = std::env::var_os("HOWDAH_POSTGRES").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).chain([Path::new("/usr/lib/postgresql").to_path_buf()]).collect();
    let programs = majors.iter().rev().flat_map(|major| folders.iter().map(move |folder| (major.to_string(), folder.join(major.to_string()).join("bin"))));
    programs.into_iter().find(|(_, bin)| bin.join("initdb").exists()).context("no PostgreSQL: HOWDAH_POSTGRES names a folder with <major>/bin/initdb")
}
