//! How a cluster is.

pub mod rows;
