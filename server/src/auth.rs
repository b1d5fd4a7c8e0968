//! Ways to sign in; each yields an actor.
