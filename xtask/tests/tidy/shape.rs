//! The shape of files: how long, how they begin, what they never contain.

use crate::none;
use crate::tree::{files, sources};

const LONGEST: usize = 400;
const LONGEST_ARCHITECTURE: usize = 200;

#[test]
fn no_source_is_longer_than_a_reader_can_hold() {
    let long = |path: &str, lines: usize| format!("{path} has {lines} lines; what would split out of it?");
    none(
        sources()
            .iter()
            .map(|file| (&file.path, file.text.lines().count()))
            .filter(|(_, lines)| *lines > LONGEST)
            .map(|(path, lines)| long(path, lines))
            .collect(),
    );
}

#[test]
fn the_architecture_can_be_read_at_one_sitting() {
    let architecture = files().into_iter().find(|file| file.path == "ARCHITECTURE.md");
    let lines = architecture.map_or(0, |file| file.text.lines().count());
    assert!(lines <= LONGEST_ARCHITECTURE, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn every_module_says_what_it_owns() {
    none(sources().iter().filter(|file| !file.text.starts_with("//! ")).map(|file| format!("{} does not start with //!", file.path)).collect());
}

#[test]
fn nothing_unwraps_outside_tests() {
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| !file.is_test()) {
        for (number, line) in file.code() {
            if [".unwrap()", "todo!(", "unimplemented!(", "dbg!("].iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    none(found);
}
