//! Users, databases and their rights on real PostgreSQL, looked at through the eyes of those users.
#![allow(clippy::unwrap_used)]

#[path = "inside/databases.rs"]
mod databases;
#[path = "inside/host.rs"]
mod host;
#[path = "inside/laws.rs"]
mod laws;
#[path = "inside/users.rs"]
mod users;
#[path = "inside/vitals.rs"]
mod vitals;
#[path = "inside/world.rs"]
mod world;
