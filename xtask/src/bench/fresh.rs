//! Minutes from a clone to the sign-in page: with nothing built, and again with everything built. Downloads that this machine has made before count as made.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::http::ask;
use super::portal::{ready, stop};
use super::{Goal, Row};
use crate::run::{root, run};

/// Cold and warm.
pub fn rows() -> Result<Vec<Row>> {
    let folder = Folder(PathBuf::from(format!("/tmp/howdah-bench-fresh-{}", std::process::id())));
    fs::create_dir_all(&folder.0)?;
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755))?;
    let started = Instant::now();
    run(Command::new("git").args(["clone", "--quiet", "--no-hardlinks"]).arg(root()).arg(folder.0.join("clone")))?;
    up(&folder.0)?;
    let cold = started.elapsed();
    let started = Instant::now();
    up(&folder.0)?;
    let warm = started.elapsed();
    let row = |name: &str, time: std::time::Duration| Row {
        name: name.to_owned(),
        unit: "min",
        ours: time.as_secs_f64() / 60.0,
        reference: None,
        goal: Goal::None,
        noise: None,
    };
    Ok(vec![row("clone to sign-in page, cold", cold), row("clone to sign-in page, warm", warm)])
}

/// Runs the clone's `./dev up` until its sign-in page is there.
fn up(folder: &Path) -> Result<()> {
    let mut dev = Command::new("./dev");
    dev.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data")).current_dir(folder.join("clone"));
    // As in a shell of somebody who has just come: nothing of this build is to reach the other.
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO"));
    for (name, _) in ours.filter(|(name, _)| name != "CARGO_HOME") {
        dev.env_remove(name);
    }
    dev.env_remove("DATABASE_URL").env_remove("RUST_RECURSION_COUNT");
    let log = File::create(folder.join("log"))?;
    // `dev`, cargo and xtask become howdah one after the other, so that this is its process in the end; a group of its own spares it our Ctrl-C.
    let mut process = dev.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().context("starting ./dev up")?;
    let page = ready(&mut process).and_then(|host| ask(&host, "GET", "/sign-in", "Accept: text/html", ""));
    stop(&mut process);
    match page.with_context(|| format!("./dev up, see {}", folder.join("log").display()))?.status {
        200 => Ok(()),
        other => bail!("the sign-in page answered {other}"),
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("left behind: {} ({error})", self.0.display());
        }
    }
}
