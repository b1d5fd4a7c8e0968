//! Tells `assets.rs` where the build driver lays out the assets, and makes a release build follow them.

use std::env;
use std::fs;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Migrations are compiled in; a new file is not seen otherwise.
    println!("cargo::rerun-if-changed=../migrations");
    // OUT_DIR is some folders below the target folder, which cargo marks.
    let out = env::var("OUT_DIR").unwrap_or_default();
    let target = Path::new(&out).ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let Some(target) = target else {
        panic!("no target folder above {out}");
    };
    let site = target.join("site");
    // The folder must be there before the assets are, so that a server without them compiles (and serves plain HTML).
    if let Err(error) = fs::create_dir_all(&site) {
        panic!("creating {}: {error}", site.display());
    }
    println!("cargo::rustc-env=HOWDAH_SITE={}", site.display());
    // A dev build reads the folder when asked, so new assets need no new server.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={}", site.display());
    }
}
