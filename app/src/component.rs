//! What pages are drawn from: takes props, never fetches.

pub mod connect;
pub mod health;
pub mod tone;
pub mod topology;
