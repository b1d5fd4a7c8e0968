//! What Howdah knows about PostgreSQL clusters: nouns, rules and laws, shared by the server and the browser.
//!
//! It never does IO, never waits, never reads a clock and never draws randomness: times and ids come in as arguments.

pub mod access;
pub mod cluster;
pub mod command;
pub mod database;
pub mod error;
pub mod event;
pub mod manifest;
pub mod name;
pub mod observed;
pub mod offer;
pub mod parameter;
pub mod place;
pub mod quantity;
pub mod quorum;
pub mod size;
pub mod spec;
pub mod status;
#[cfg(any(test, target_arch = "wasm32"))]
mod timestamp;
pub mod topology;
pub mod update;
pub mod user;
pub mod version;
pub mod vitals;

pub use access::{Action, Actor, Role};
pub use cluster::{Cluster, ClusterId, ProjectId};
pub use command::{Accepted, Change, Command, Confirm};
pub use error::{Conflict, Error, FieldError};
#[cfg(not(target_arch = "wasm32"))]
pub use jiff::Timestamp;
pub use name::{ClusterName, DatabaseName, ExtensionName, PlaceName, RoleName};
pub use spec::Spec;
pub use status::{Phase, Status};
#[cfg(target_arch = "wasm32")]
pub use timestamp::Timestamp;
pub use uuid::Uuid;
