//! The folder that the server serves under `/assets/`: `target/site`, every file named after its content, and
//! `manifest.json`, which maps `frontend.js` to `frontend-<hash>.js`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::css;
use crate::precompress::{beside, write_whole};
use crate::run::{root, target};
use crate::wasm::{self, Variant};

/// Compiles the browser's half and lays out the folder.
pub fn build(variant: Variant) -> Result<()> {
    let bound = wasm::build(variant)?;
    let mut site = Site::new(target()?.join("site"), variant)?;
    let js = site.add("frontend.js", &read(&bound.join("frontend.js"))?)?;
    let wasm = site.add("frontend.wasm", &read(&bound.join("frontend_bg.wasm"))?)?;
    // A file of its own, so that a page needs no inline script. The mark is for tests and for styles that tell a live
    // page from a plain one.
    let start = format!(
        "import init, {{ hydrate }} from './{js}';\n\
         await init({{ module_or_path: new URL('./{wasm}', import.meta.url) }});\n\
         hydrate();\n\
         document.documentElement.dataset.hydrated = '';\n"
    );
    site.add("start.js", start.as_bytes())?;
    for file in files_under(&bound.join("snippets"))? {
        site.keep(&relative(&file, &bound)?, &read(&file)?)?;
    }
    site.add("style.css", css::bundle(&root().join("style"))?.as_bytes())?;
    let public = root().join("public");
    for file in files_under(&public)? {
        site.add(&relative(&file, &public)?, &read(&file)?)?;
    }
    site.finish()
}

/// The folder while it is laid out.
struct Site {
    folder: PathBuf,
    variant: Variant,
    manifest: BTreeMap<String, String>,
    wanted: BTreeSet<PathBuf>,
}

impl Site {
    fn new(folder: PathBuf, variant: Variant) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok(Self { folder, variant, manifest: BTreeMap::new(), wanted: BTreeSet::new() })
    }

    /// Adds a file under a name that carries its hash; answers that name.
    fn add(&mut self, name: &str, content: &[u8]) -> Result<String> {
        let hashed = hashed(name, content);
        self.keep(&hashed, content)?;
        self.manifest.insert(name.to_owned(), hashed.clone());
        Ok(hashed)
    }

    /// Adds a file under the name given: wasm-bindgen's snippets, whose folder carries a hash already.
    fn keep(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
        }
        if !fs::read(&path).is_ok_and(|present| present == content) {
            write_whole(&path, content)?;
        }
        if self.variant == Variant::Small {
            for copy in beside(&path, content)? {
                self.wanted.insert(path.with_file_name(copy));
            }
        }
        self.wanted.insert(path);
        Ok(())
    }

    /// The manifest last, when all it names is there; then whatever an earlier build left behind goes.
    fn finish(mut self) -> Result<()> {
        let path = self.folder.join("manifest.json");
        let text = serde_json::to_vec_pretty(&self.manifest)?;
        if !fs::read(&path).is_ok_and(|present| present == text) {
            write_whole(&path, &text)?;
        }
        self.wanted.insert(path);
        for file in files_under(&self.folder)? {
            if !self.wanted.contains(&file) {
                fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
            }
        }
        Ok(())
    }
}

/// `a/b.css` becomes `a/b-<12 hex digits>.css`.
fn hashed(name: &str, content: &[u8]) -> String {
    let digest = format!("{:x}", Sha256::digest(content));
    let hash = &digest[..12];
    match name.rsplit_once('.') {
        Some((stem, end)) => format!("{stem}-{hash}.{end}"),
        None => format!("{name}-{hash}"),
    }
}

/// Every file below a folder, sorted; none when it does not exist.
pub fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                files.extend(files_under(&path)?);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn relative(file: &Path, folder: &Path) -> Result<String> {
    Ok(file.strip_prefix(folder)?.to_string_lossy().into_owned())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("reading {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::hashed;

    #[test]
    fn a_name_changes_with_the_content_and_keeps_its_ending() {
        let (one, two) = (hashed("style.css", b"a"), hashed("style.css", b"b"));
        assert!(one.starts_with("style-") && one.ends_with(".css") && one.len() == "style-.css".len() + 12);
        assert_ne!(one, two);
        assert_eq!(one, hashed("style.css", b"a"));
    }
}
