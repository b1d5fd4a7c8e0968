//! Passwords and tokens: made, hashed, never shown twice.
