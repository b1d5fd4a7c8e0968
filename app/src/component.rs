//! What pages are drawn from: takes props, never fetches.
