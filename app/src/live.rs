//! The event stream of a tab, folded into signals.
