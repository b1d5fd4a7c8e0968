//! The portal itself: authorize, decide, save.
