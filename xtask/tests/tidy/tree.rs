//! The files of the workspace, and Rust sources without what does not count: comments, strings, test modules.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are not ours, or not sources.
const SKIPPED: [&str; 7] = [".git", ".howdah", "target", "node_modules", "test-results", "playwright-report", ".sqlx"];

/// A text file and its path below the root.
pub struct File {
    pub path: String,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Every text file, sorted by path.
pub fn files() -> Vec<File> {
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    paths.sort();
    let file = |path: PathBuf| {
        // What is no text has no lines to judge.
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(root()).ok()?.to_string_lossy().into_owned();
        Some(File { path, text })
    };
    paths.into_iter().filter_map(file).collect()
}

/// Every Rust source.
pub fn sources() -> Vec<File> {
    let mut files = files();
    files.retain(|file| file.path.ends_with(".rs"));
    files
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_symlink() || SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        match path.is_dir() {
            true => walk(&path, paths),
            false => paths.push(path),
        }
    }
}

impl File {
    /// Whether all of it is a test.
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs"))
    }

    /// The lines of code with their numbers: up to the test module, without comments.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        let code = lines.enumerate().map(|(at, line)| (at + 1, without_comment(line)));
        code.filter(|(_, line)| !line.trim().is_empty())
    }
}

fn without_comment(line: &str) -> &str {
    match line.trim_start().starts_with("//") {
        true => "",
        // A URL in a string has a colon before its slashes.
        false => line.split(" // ").next().unwrap_or(line),
    }
}
