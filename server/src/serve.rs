//! The portal process: starts its parts and joins them.
