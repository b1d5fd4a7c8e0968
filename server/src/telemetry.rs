//! Logs and the portal's own metrics.
