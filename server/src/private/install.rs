//! Which PostgreSQL the portal's own database is made and run by.

use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use tokio::process::Command;

/// Folders with `postgres` and `initdb`, by major version.
pub(super) type Installs = BTreeMap<u16, PathBuf>;

/// Looks into each folder, which is an install or holds installs. The first of two of the same version counts.
pub(super) async fn find(folders: &[PathBuf]) -> Result<Installs> {
    let mut found = Installs::new();
    for folder in folders {
        let children = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path()));
        for bin in std::iter::once(folder.clone()).chain(children).map(|place| place.join("bin")) {
            if bin.join("postgres").is_file()
                && bin.join("initdb").is_file()
                && let Some(major) = major(&bin).await
            {
                found.entry(major).or_insert(bin);
            }
        }
    }
    if found.is_empty() {
        let all: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        bail!("no PostgreSQL was found in {}: install one (Debian: postgresql), or name its folder with --postgres", all.join(", "));
    }
    Ok(found)
}

/// As in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
async fn major(bin: &Path) -> Option<u16> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_once(") ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The install that an existing data directory needs.
pub(super) fn of(installs: &Installs, data: &Path) -> Result<PathBuf> {
    let file = data.join("PG_VERSION");
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let major: u16 = text.trim().parse().with_context(|| format!("reading {}", file.display()))?;
    let needed =
        || format!("{} was made by PostgreSQL {major}, which is not installed any more: install it, or name its folder with --postgres", data.display());
    installs.get(&major).cloned().with_context(needed)
}

/// The newest, for a new data directory.
pub(super) fn newest(installs: &Installs) -> Result<PathBuf> {
    installs.last_key_value().map(|(_, bin)| bin.clone()).context("no PostgreSQL was found")
}
