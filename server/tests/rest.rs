//! The REST interface and the command line against a portal in memory: the whole router, the real rules of `domain`, no database, no engine. And, where what
//! is saved matters, over the real service and its database.
#![allow(clippy::unwrap_used)]

mod support;

mod rest {
    mod cli;
    mod contract;
    mod docs;
    mod errors;
    mod fuzz;
    mod lists;
    mod merge;
    mod permissions;
    mod saved;
    mod support;
}
