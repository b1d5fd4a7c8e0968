//! Who may know whom: the arrows of ARCHITECTURE.md, read off the paths that the code names.

use crate::none;
use crate::tree::{File, sources};

/// In files whose path starts with `place`, none of `never` may be named. `crate::…` also matches inside
/// `use crate::{…}`.
struct Rule {
    place: &'static str,
    never: &'static [&'static str],
    why: &'static str,
}

const RULES: [Rule; 13] = [
    Rule {
        place: "domain/src/",
        never: &["async fn", ".await", "tokio::", "futures::", "sqlx::", "axum::", "reqwest::", "leptos::"],
        why: "the domain has no async and knows no framework",
    },
    Rule {
        place: "domain/src/",
        never: &["std::fs", "std::net", "std::process", "std::env", "::now()", "now_v7(", "new_v4(", "rand::"],
        why: "the domain has no IO, no clock and no randomness",
    },
    Rule {
        place: "app/src/",
        never: &["sqlx::", "kube::", "tokio::", "axum::Router", "axum::routing", "std::fs"],
        why: "pages know the Portal, not what is behind it",
    },
    Rule { place: "app/src/component", never: &["crate::page", "ServerAction", "Resource::new", "EventSource"], why: "pages fetch, components draw" },
    Rule { place: "app/src/page", never: &["leptos::view!", "AnyView"], why: "pages are values of one type" },
    Rule { place: "frontend/src/", never: &["domain::", "view!", "fetch"], why: "the browser's half only hydrates" },
    Rule { place: "server/src/http", never: &["crate::store", "crate::engine", "crate::reconcile", "crate::postgres"], why: "adapters ask the service" },
    Rule { place: "server/src/service", never: &["crate::http", "crate::reconcile", "crate::postgres"], why: "a wish is saved, and made real elsewhere" },
    Rule {
        place: "server/src/store",
        never: &["crate::http", "crate::service", "crate::reconcile", "crate::engine", "crate::postgres", "crate::auth"],
        why: "the store knows nothing but the domain",
    },
    Rule {
        place: "server/src/engine",
        never: &["crate::http", "crate::service", "crate::reconcile", "crate::store", "sqlx::query"],
        why: "an engine knows clusters, not the portal",
    },
    Rule {
        place: "server/src/postgres",
        never: &["crate::http", "crate::service", "crate::reconcile", "crate::store", "crate::engine::local"],
        why: "one SQL module serves every engine",
    },
    Rule {
        place: "server/src/reconcile",
        never: &["crate::http", "crate::service::clusters", "crate::service::project", "crate::engine::local"],
        why: "the reconciler knows the Engine trait, and of the service only the hub that it feeds",
    },
    Rule { place: "server/src/metrics", never: &["crate::http", "crate::service"], why: "nothing knows http but the program's start" },
];

/// Pure by promise: what should happen, not how.
const PURE: [&str; 2] = ["server/src/engine/local/plan", "server/src/engine/local/conf"];

#[test]
fn dependencies_point_one_way() {
    let sources = sources();
    let rules = RULES.iter().map(|rule| (rule.place, rule.never, rule.why));
    let pure = PURE.iter().map(|place| {
        let never: &[&str] = &["async fn", ".await", "std::fs", "std::process", "tokio::", "::now()", "rand::"];
        (*place, never, "deciding touches nothing")
    });
    let mut found = Vec::new();
    for (place, never, why) in rules.chain(pure) {
        for file in sources.iter().filter(|file| file.path.starts_with(place) && !file.is_test()) {
            let code = flat(file);
            let named = never.iter().filter(|word| names(&code, word));
            found.extend(named.map(|word| format!("{} names {word}: {why}", file.path)));
        }
    }
    none(found);
}

/// A line without what stands in its string literals: an example for people is no dependency. Literals over several lines are kept.
fn spoken(line: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut escaped) = (false, false);
    for c in line.replace("'\"'", "").chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    if inside { line.to_owned() } else { out }
}

#[test]
fn an_example_in_quotes_is_no_dependency() {
    assert_eq!(spoken(r#"let a = "sqlx::x \" y"; b::c()"#), "let a = ; b::c()");
    assert_eq!(spoken(r#"let a = "not closed sqlx::"#), r#"let a = "not closed sqlx::"#);
}

/// The code on one line, with the groups of `use crate::{a, b::{c}}` written out.
fn flat(file: &File) -> String {
    let joined: String = file.code().map(|(_, line)| spoken(line.trim()) + " ").collect();
    let mut written = joined.clone();
    for group in joined.split("crate::{").skip(1) {
        for member in members(group) {
            written += &format!(" crate::{member}");
        }
    }
    written
}

/// The members of a group, after its opening brace.
fn members(group: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut depth = 0;
    for letter in group.chars() {
        match letter {
            '}' if depth == 0 => break,
            ',' if depth == 0 => members.push(String::new()),
            ' ' => {}
            other => {
                depth += match other {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                if let Some(last) = members.last_mut() {
                    last.push(other);
                }
            }
        }
    }
    members
}

/// Whether the code names it as a path of its own: `sqlx::` is not in `mysqlx::`, `crate::store` not in `crate::stores`.
fn names(code: &str, word: &str) -> bool {
    let letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).any(|(at, _)| {
        let longer_before = word.starts_with(letter) && code[..at].ends_with(letter);
        let longer_after = word.ends_with(letter) && code[at + word.len()..].starts_with(letter);
        !longer_before && !longer_after
    })
}

#[test]
fn a_forbidden_name_is_found_however_it_is_written() {
    let check = |text: &str, expect: bool| {
        let file = File { path: "server/src/engine/x.rs".to_owned(), text: text.to_owned() };
        assert_eq!(names(&flat(&file), "crate::store"), expect, "in {text}");
    };
    check("use crate::store::clusters;", true);
    check("use crate::{engine::Step, store};", true);
    check("use crate::{\n    engine::{Step, Kind},\n    store::due,\n};", true);
    check("let row = crate::store::get(id);", true);
    check("use crate::stores;", false);
    check("// see crate::store", false);
    check("use crate::engine::{store};", false);
    check("#[cfg(test)]\nmod tests { use crate::store; }", false);
}
