//! Pages, server functions and the [`portal::Portal`] that they ask. Never sqlx, Kubernetes or processes.

// Views are deeply nested types.
#![recursion_limit = "256"]

pub mod api;
pub mod component;
pub mod draft;
#[cfg(feature = "ssr")]
pub mod fake;
pub mod frame;
pub mod link;
pub mod live;
pub mod page;
#[cfg(feature = "ssr")]
pub mod portal;

pub use frame::App;
#[cfg(feature = "ssr")]
pub use frame::shell::{AssetPaths, shell};
