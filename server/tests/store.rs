//! Laws of the store, of the service's transactions and of sign-in, on a real PostgreSQL.
#![allow(clippy::unwrap_used)]

#[path = "store/access.rs"]
mod access;
#[path = "store/documents.rs"]
mod documents;
#[path = "store/leases.rs"]
mod leases;
#[path = "store/live.rs"]
mod live;
#[path = "store/schema.rs"]
mod schema;
mod support;
#[path = "store/wishes.rs"]
mod wishes;
#[path = "store/world.rs"]
mod world;
