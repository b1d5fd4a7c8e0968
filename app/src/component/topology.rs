//! The live topology.

pub mod model;
