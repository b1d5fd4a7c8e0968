//! How to connect.

pub mod snippet;
