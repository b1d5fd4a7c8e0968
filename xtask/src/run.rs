//! Where things are, and how other programs are run: echoed, in the workspace root, with a failure that names them.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The workspace root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Cargo's target folder, whichever way it was configured: this program lies in `<target>/<profile>/`.
pub fn target() -> Result<PathBuf> {
    let exe = env::current_exe().context("finding this program")?;
    let target = exe.ancestors().nth(2).context("finding the target folder")?;
    Ok(target.to_path_buf())
}

/// The cargo that runs us, so that the toolchain stays the same.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // A DATABASE_URL meant for the portal must not become the database that queries are checked against.
    command.current_dir(root()).env("SQLX_OFFLINE", "true");
    command
}

/// A program run in a folder of the workspace.
pub fn program(name: impl AsRef<OsStr>, folder: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root().join(folder));
    command
}

/// Runs it to its end, with its output on ours.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("$ {shown}");
    let status = command.status().with_context(|| format!("starting {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

fn show(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(name).chain(command.get_args()).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
