//! The local engine on real PostgreSQL: created, killed, scaled, switched, broken by hand, taken away.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "local/bench.rs"]
mod bench;
#[path = "local/faults.rs"]
mod faults;
#[path = "local/life.rs"]
mod life;
#[path = "local/support.rs"]
mod support;
