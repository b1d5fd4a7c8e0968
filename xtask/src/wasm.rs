//! The browser's half: compiles `frontend` to WebAssembly and runs wasm-bindgen over it, as a library, so that its
//! version can never differ from the one in the lock file.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::run::{cargo, run, target};

const TRIPLE: &str = "wasm32-unknown-unknown";

/// What to optimise for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Seconds until the page can be tried: shares compiled dependencies with the server's dev build.
    Fast,
    /// Bytes on the wire.
    Small,
}

impl Variant {
    fn profile(self) -> &'static str {
        match self {
            Self::Fast => "dev",
            Self::Small => "wasm",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Fast => "debug",
            Self::Small => "wasm",
        }
    }
}

/// Compiles; answers the folder with `frontend.js`, `frontend_bg.wasm` and perhaps `snippets/`.
pub fn build(variant: Variant) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--package", "frontend", "--lib", "--target", TRIPLE]);
    command.args(["--profile", variant.profile()]);
    // A Rust without the prebuilt wasm library (Debian's): `./dev` sets this, and RUSTC_BOOTSTRAP, after installing the library's source.
    if let Some(linker) = env::var_os("HOWDAH_WASM_BUILD_STD") {
        command.arg("-Zbuild-std=std,panic_abort");
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    run(&mut command)?;
    let input = target()?.join(TRIPLE).join(variant.folder()).join("frontend.wasm");
    bind(variant, &input, &target()?.join("bindgen").join(variant.folder()))
}

/// Skipped when the same input was bound last time: it takes seconds, and most edits are to the server.
fn bind(variant: Variant, input: &Path, out: &Path) -> Result<PathBuf> {
    let wasm = fs::read(input).with_context(|| format!("reading {}", input.display()))?;
    let digest = format!("{:x}", Sha256::digest(&wasm));
    let stamp = out.join(".input");
    if fs::read_to_string(&stamp).is_ok_and(|bound| bound == digest) {
        return Ok(out.to_path_buf());
    }
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("emptying {}", out.display()))?;
    }
    Bindgen::new()
        .input_path(input)
        .web(true)?
        .typescript(false)
        .keep_debug(false)
        // Names make a panic readable, and the download half as large again.
        .remove_name_section(variant == Variant::Small)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        .generate(out)
        .context("wasm-bindgen")?;
    fs::write(&stamp, digest).context("noting what was bound")?;
    Ok(out.to_path_buf())
}
