//! Pages, server functions and the [`portal::Portal`] that they ask. Never sqlx, Kubernetes or processes.

pub mod api;
pub mod component;
pub mod draft;
#[cfg(feature = "ssr")]
pub mod fake;
pub mod link;
pub mod live;
pub mod page;
#[cfg(feature = "ssr")]
pub mod portal;
