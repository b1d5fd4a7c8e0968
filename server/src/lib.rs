//! Everything of the portal that touches the world, and the command line.

pub mod assets;
pub mod auth;
pub mod cli;
pub mod config;
pub mod engine;
pub mod http;
pub mod places;
pub mod postgres;
pub mod private;
pub mod reconcile;
pub mod secret;
pub mod serve;
pub mod service;
pub mod store;
pub mod telemetry;
