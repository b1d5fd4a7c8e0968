//! The REST interface and the command line against a portal in memory: the whole router, the real rules of `domain`, no database, no engine.
#![allow(clippy::unwrap_used)]

mod rest {
    mod cli;
    mod contract;
    mod docs;
    mod errors;
    mod fuzz;
    mod lists;
    mod merge;
    mod permissions;
    mod support;
}
