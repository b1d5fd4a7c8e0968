//! Builds of the server, and the newcomer's portal in the foreground.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Result, bail};

use crate::run::{cargo, root, run, target};
use crate::site;
use crate::wasm::Variant;

/// `target/release/howdah`, with the assets inside.
pub fn build_release() -> Result<()> {
    site::build(Variant::Small)?;
    run(cargo().args(["build", "--package", "server", "--bin", "howdah", "--release"]))?;
    eprintln!("built {}", target()?.join("release/howdah").display());
    Ok(())
}

/// `target/debug/howdah`, which reads the assets from `target/site`.
pub fn build_dev() -> Result<()> {
    site::build(Variant::Fast)?;
    run(cargo().args(["build", "--package", "server", "--bin", "howdah"]))
}

/// Becomes the portal: signals and the terminal are its own from then on. The dev build, since it is there in less
/// than half the time of a release build.
pub fn up(args: &[String]) -> Result<()> {
    build_dev()?;
    let mut serve = Command::new(target()?.join("debug/howdah"));
    serve.current_dir(root()).arg("serve").args(args);
    let error = serve.exec();
    bail!("starting howdah: {error}");
}
