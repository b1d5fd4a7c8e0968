//! What tests of Kubernetes run: an API server with its etcd, Helm, and the CRDs of other people, in `target/kubernetes`. Built once by Go, and again
//! only when `tests/kubernetes` changed; starting them needs no network.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::run::{program, root, run, target};
use crate::site::files_under;

const SOURCES: &str = "tests/kubernetes";

/// CRDs as those who wrote them publish them: Go module with version, folder in it, name of the folder here.
const CRDS: [(&str, &str, &str); 2] = [
    ("github.com/cloudnative-pg/cloudnative-pg@v1.30.0", "config/crd/bases", "cloudnative-pg"),
    ("github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd", "prometheus-operator"),
];

/// Fills `target/kubernetes`, unless it is up to date already. Without Go it says that tests will be skipped.
pub fn build() -> Result<()> {
    if Command::new("go").arg("version").output().is_err() {
        eprintln!("skipped: no Go (1.25 or later) in PATH, so tests of Kubernetes will be skipped too");
        return Ok(());
    }
    let folder = target()?.join("kubernetes");
    let assets = env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty());
    let tag = if assets.is_some() { "external" } else { "embedded" };
    let (stamp, wanted) = (folder.join("built-from"), fingerprint(tag)?);
    if fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    run(go(["build", "-trimpath", "-tags", tag, "-o"]).arg(folder.join("apiserver")).arg("."))?;
    run(go(["build", "-trimpath", "-o"]).arg(folder.join("helm")).arg("helm.sh/helm/v3/cmd/helm"))?;
    for (module, inside, name) in CRDS {
        let from = download(module)?.join(inside);
        copy(&from, &folder.join("crds").join(name))?;
    }
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))
}

fn go<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = program("go", SOURCES);
    command.args(arguments);
    command
}

/// Where Go keeps the module, downloaded if need be.
fn download(module: &str) -> Result<PathBuf> {
    eprintln!("$ go mod download -json {module}");
    // Outside of our own module, whose requirements these CRDs shall not be.
    let output = Command::new("go").current_dir("/").args(["mod", "download", "-json", module]).output().context("starting go")?;
    let answer: Value = serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let folder = answer["Dir"].as_str().with_context(|| format!("{module}: {}", answer["Error"]))?;
    Ok(folder.into())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for file in files_under(from)?.iter().filter(|file| file.extension().is_some_and(|end| end == "yaml")) {
        let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        fs::write(to.join(file.file_name().unwrap_or_default()), text).with_context(|| format!("writing into {}", to.display()))?;
    }
    Ok(())
}

/// Changes with everything that the folder is made of.
fn fingerprint(tag: &str) -> Result<String> {
    let mut digest = Sha256::new();
    digest.update(format!("{tag} {CRDS:?}"));
    for file in files_under(&root().join(SOURCES))? {
        digest.update(fs::read(&file).with_context(|| format!("reading {}", file.display()))?);
    }
    Ok(format!("{:x}", digest.finalize()))
}
