//! What goes wrong, and how it mends itself.
