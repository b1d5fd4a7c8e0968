//! Flags and variables.
