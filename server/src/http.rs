//! The web server: REST, pages, event stream.

pub mod problem;
pub mod rest;
