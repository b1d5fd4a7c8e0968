//! How long things take beside the same work by hand.
