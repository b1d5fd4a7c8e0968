//! What we depend on: under which licences, and what never. Reads `cargo metadata`, so that it costs a second, not a
//! compiler's five minutes.

use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::none;
use crate::tree::root;

const ALLOWED: [&str; 12] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "BSL-1.0",
    "CC0-1.0",
    "0BSD",
    "Unlicense",
    "Unicode-3.0",
];

/// For programs that run at build time and are not part of what we ship.
const ALLOWED_IN_TOOLS: &str = "MPL-2.0";

/// Packages that must not come back, not even through somebody else.
const BANNED: [(&str, &str); 5] = [
    ("openssl-sys", "TLS is rustls: a binary without OpenSSL runs on every distribution"),
    ("native-tls", "TLS is rustls"),
    ("aws-lc-sys", "rustls uses ring: no second C library of ciphers to build"),
    ("chrono", "time is jiff"),
    ("tower-sessions-sqlx-store", "tied to an older sqlx; ours is in auth"),
];

/// Two versions of these in one graph do not understand each other's types.
const ONCE: [&str; 9] = ["leptos", "axum", "tokio", "sqlx", "wasm-bindgen", "serde", "jiff", "http", "rustls"];

#[test]
fn every_dependency_has_a_licence_that_we_may_pass_on() {
    let metadata = metadata();
    let shipped = metadata.reachable_from("server").into_iter().chain(metadata.reachable_from("frontend"));
    let shipped: HashSet<&str> = shipped.collect();
    let refused = metadata.packages().filter(|package| {
        let tool = !shipped.contains(package.id);
        !permits(package.licence, &|licence| ALLOWED.contains(&licence) || tool && licence == ALLOWED_IN_TOOLS)
    });
    none(refused.map(|package| format!("{}: {:?}", package.name, package.licence)).collect());
}

#[test]
fn no_banned_package_has_come_back() {
    let metadata = metadata();
    let names: HashSet<&str> = metadata.packages().map(|package| package.name).collect();
    let back = BANNED.iter().filter(|(name, _)| names.contains(name));
    none(back.map(|(name, why)| format!("{name}: {why}")).collect());
}

#[test]
fn what_must_agree_is_there_in_one_version() {
    let metadata = metadata();
    let mut versions: HashMap<&str, usize> = HashMap::new();
    for package in metadata.packages() {
        *versions.entry(package.name).or_default() += 1;
    }
    let twice = ONCE.iter().filter(|name| versions.get(*name).is_some_and(|count| *count > 1));
    none(twice.map(|name| format!("{name} is there in several versions")).collect());
}

#[test]
fn an_expression_is_read_as_its_author_meant_it() {
    let check = |expression: &str, expect: bool| {
        let permitted = permits(expression, &|licence| ["MIT", "Apache-2.0 WITH LLVM-exception"].contains(&licence));
        assert_eq!(permitted, expect, "{expression}");
    };
    check("MIT", true);
    check("GPL-3.0", false);
    check("GPL-3.0 OR MIT", true);
    check("GPL-3.0/MIT", true);
    check("MIT AND GPL-3.0", false);
    check("(GPL-3.0 OR MIT) AND MIT", true);
    check("MIT AND (GPL-3.0 OR MPL-2.0)", false);
    check("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true);
    check("", false);
}

struct Metadata(Value);

struct Package<'a> {
    id: &'a str,
    name: &'a str,
    licence: &'a str,
}

fn metadata() -> &'static Metadata {
    static READ: LazyLock<Metadata> = LazyLock::new(read);
    &READ
}

fn read() -> Metadata {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()
        .expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Metadata(serde_json::from_slice(&output.stdout).expect("cargo's JSON"))
}

impl Metadata {
    fn nodes(&self) -> impl Iterator<Item = &Value> {
        self.0["resolve"]["nodes"].as_array().into_iter().flatten()
    }

    /// Those of other people that are in the graph.
    fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        let used: HashSet<&str> = self.nodes().filter_map(|node| node["id"].as_str()).collect();
        let packages = self.0["packages"].as_array().into_iter().flatten();
        packages
            .filter(|package| !package["source"].is_null())
            .map(|package| Package {
                id: package["id"].as_str().unwrap_or_default(),
                name: package["name"].as_str().unwrap_or_default(),
                licence: package["license"].as_str().unwrap_or_default(),
            })
            .filter(move |package| used.contains(package.id))
    }

    fn macros(&self) -> HashSet<&str> {
        let packages = self.0["packages"].as_array().into_iter().flatten();
        packages.filter(|package| package["targets"][0]["kind"][0] == "proc-macro").filter_map(|package| package["id"].as_str()).collect()
    }

    /// What a member of the workspace is made of: without what only its tests and its build need, macros included.
    fn reachable_from(&self, member: &str) -> HashSet<&str> {
        let nodes: HashMap<&str, &Value> = self.nodes().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
        let start = format!("/{member}#");
        let mut found: HashSet<&str> = nodes.keys().copied().filter(|id| id.contains(&start)).collect();
        assert_eq!(found.len(), 1, "{member} in the workspace");
        let mut open: Vec<&str> = found.iter().copied().collect();
        let macros = self.macros();
        while let Some(id) = open.pop() {
            let dependencies = nodes.get(id).and_then(|node| node["deps"].as_array());
            for dependency in dependencies.into_iter().flatten() {
                let kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
                let normal = kinds.into_iter().any(|kind| kind["kind"].is_null());
                if let Some(id) = dependency["pkg"].as_str().filter(|id| normal && !macros.contains(id) && found.insert(id)) {
                    open.push(id);
                }
            }
        }
        found
    }
}

/// Whether an SPDX expression lets us choose allowed licences only. OR binds weaker than AND; an old `/` means OR.
fn permits(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let expression = expression.replace('/', " OR ");
    let any = |part: &str| {
        outside(part, " AND ").into_iter().all(|part| match part.strip_prefix('(') {
            Some(group) => permits(group.trim_end_matches(')'), allowed),
            None => allowed(part),
        })
    };
    outside(&expression, " OR ").into_iter().any(any)
}

/// Splits where the word stands outside parentheses.
fn outside<'a>(expression: &'a str, word: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut rest = 0;
    for (at, _) in expression.match_indices(word) {
        let before = &expression[..at];
        if before.matches('(').count() == before.matches(')').count() {
            parts.push(expression[rest..at].trim());
            rest = at + word.len();
        }
    }
    parts.push(expression[rest..].trim());
    parts
}
