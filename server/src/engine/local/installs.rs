//! Which PostgreSQL this machine has: folders with `bin/postgres`, their tools and their extensions.

use anyhow::{Context, Result};
use domain::{offer::Release, version::Major};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use tokio::process::Command;

/// One installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Its major version.
    pub major: Major,
    /// The whole version, as in `17.11`.
    pub full: String,
    /// The folder with `postgres` and its tools.
    pub bin: PathBuf,
    /// Extensions that can be created.
    pub extensions: Arc<[String]>,
}

/// What lies where, as cheap to find out as it is to tell whether it changed: programs and when they were written.
pub type Traces = BTreeMap<PathBuf, Option<SystemTime>>;

/// What was found on this machine.
#[derive(Debug, Clone, Default)]
pub struct Installs {
    /// The newest of each major.
    pub by_major: BTreeMap<Major, Arc<Install>>,
    /// HAProxy, if there is one.
    pub haproxy: Option<PathBuf>,
}

impl Install {
    /// A tool of this install; none when it came without.
    pub fn tool(&self, name: &str) -> Option<PathBuf> {
        Some(self.bin.join(name)).filter(|path| path.is_file())
    }
}

impl Installs {
    /// Asks each folder: itself, its children, and Debian's own place.
    pub async fn discover(folders: &[PathBuf]) -> Self {
        let mut all = Self { haproxy: haproxy(folders), ..Self::default() };
        for bin in bins(folders) {
            match ask(&bin).await {
                Ok(Some(install)) => {
                    let known = all.by_major.get(&install.major);
                    if known.is_none_or(|known| minor(&known.full) < minor(&install.full)) {
                        all.by_major.insert(install.major, Arc::new(install));
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(bin = %bin.display(), error = %format!("{error:#}"), "a PostgreSQL folder is left out"),
            }
        }
        all
    }

    /// What lies there just now: when it changes, it is worth asking again.
    pub fn traces(folders: &[PathBuf]) -> Traces {
        let programs = bins(folders).into_iter().map(|bin| bin.join("postgres")).chain(haproxy(folders));
        programs.map(|path| (path.clone(), fs::metadata(path).and_then(|found| found.modified()).ok())).collect()
    }

    /// What can be offered, newest first.
    pub fn releases(&self) -> Vec<Release> {
        let release = |install: &Arc<Install>| Release {
            major: install.major,
            full: install.full.clone(),
            image: install.bin.parent().unwrap_or(&install.bin).display().to_string(),
            extensions: install.extensions.clone(),
        };
        self.by_major.values().rev().map(release).collect()
    }
}

/// Folders with `postgres` in them.
fn bins(folders: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut bins = BTreeSet::new();
    for folder in folders.iter().map(PathBuf::as_path).chain([Path::new("/usr/lib/postgresql")]) {
        let children = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|e| e.path()));
        let found = children.chain([folder.to_path_buf()]).map(|place| place.join("bin")).filter(|bin| bin.join("postgres").is_file());
        bins.extend(found.filter_map(|bin| fs::canonicalize(bin).ok()));
    }
    bins
}

async fn ask(bin: &Path) -> Result<Option<Install>> {
    let question = Command::new(bin.join("postgres")).arg("--version").stdin(std::process::Stdio::null()).kill_on_drop(true).output();
    let answer = tokio::time::timeout(std::time::Duration::from_secs(10), question).await.context("postgres --version does not answer")??;
    let text = String::from_utf8_lossy(&answer.stdout);
    let Some(full) = text.strip_prefix("postgres (PostgreSQL) ").and_then(|rest| rest.split_whitespace().next()) else {
        anyhow::bail!("postgres --version says {text:?} and ends with {}", answer.status);
    };
    let number = full.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok());
    let Some(major) = number.and_then(Major::from_number) else { return Ok(None) };
    Ok(Some(Install { major, full: full.to_owned(), bin: bin.to_path_buf(), extensions: extensions(bin, major).into() }))
}

fn minor(full: &str) -> u32 {
    full.split('.').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Names from `*.control`; installs differ in where they keep them, Debian's by two more levels.
fn extensions(bin: &Path, major: Major) -> Vec<String> {
    let Some(home) = bin.parent() else { return Vec::new() };
    let debian = format!("../../../share/postgresql/{}/extension", major.number());
    let places = ["share/postgresql/extension", "share/extension", &debian].map(|place| home.join(place));
    let mut names = BTreeSet::new();
    for entry in places.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten() {
        if let Some(name) = entry.file_name().to_str().and_then(|file| file.strip_suffix(".control")) {
            names.insert(name.to_owned());
        }
    }
    names.into_iter().collect()
}

/// HAProxy beside the installs first, then where Debian puts it.
fn haproxy(folders: &[PathBuf]) -> Option<PathBuf> {
    let beside = folders.iter().flat_map(|folder| [folder.join("sbin/haproxy"), folder.join("bin/haproxy"), folder.join("../sbin/haproxy")]);
    let usual = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/usr/local/bin/haproxy", "/usr/bin/haproxy"].map(PathBuf::from);
    beside.chain(usual).find(|path| path.is_file()).and_then(|path| fs::canonicalize(path).ok())
}
