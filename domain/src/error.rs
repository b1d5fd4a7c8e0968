//! What can go wrong, as told to people: one variant for each different reaction.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An answer other than success. Serializable, so that a browser, a REST client and a log see the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Error {
    /// Input that cannot be accepted; each entry belongs beside one input. Never empty.
    #[error("{}", join(.0))]
    Invalid(Vec<FieldError>),
    /// Nobody is signed in, or the token is not known.
    #[error("Sign in first.")]
    Unauthenticated,
    /// Signed in, but the role does not reach. The text says which role does.
    #[error("{0}")]
    Forbidden(String),
    /// No such thing, or its existence is not for this actor to know.
    #[error("Not found.")]
    NotFound,
    /// The wish is well-formed, but something stands in its way.
    #[error("{0}")]
    Conflict(Conflict),
    /// The portal's own database does not answer or cannot write, as with a full disk; trying again helps.
    #[error("The portal cannot reach its own database just now, or it cannot write. Your clusters go on running; try again in a moment.")]
    Unavailable,
    /// A fault of ours. Holds the id of the log line that has the cause.
    #[error("Something failed inside the portal. The log has the cause under incident {0}.")]
    Internal(String),
}

/// What stands in the way of a well-formed wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Conflict {
    /// Another thing of that name (or uuid) is there. Holds what is taken, as in `cluster orders`.
    #[error("There is already a {0}.")]
    NameTaken(String),
    /// Somebody else changed the cluster since it was read; holds the generation that is current now.
    #[error("Somebody changed this cluster while you were editing (now generation {generation}). Nothing of yours was applied: compare, then send it again.")]
    Stale {
        /// The generation that is stored now.
        generation: u64,
    },
    /// The cluster is on its way out.
    #[error("This cluster is being deleted.")]
    Deleting,
    /// Something else needs it. A whole sentence.
    #[error("{0}")]
    InUse(String),
    /// A bound of the place or the project is reached. A whole sentence.
    #[error("{0}")]
    Limit(String),
}

/// One refused input: where, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Path of the field in dotted form, as in `size`, `users.app.password`, `quorum.max`; for text, `line 3`.
    pub field: String,
    /// A sentence that names the rule.
    pub message: String,
}

impl FieldError {
    /// An error at `field` that says `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Error {
    /// A single refused field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    /// The sentence for `field`, if this error has one.
    pub fn at(&self, field: &str) -> Option<&str> {
        match self {
            Self::Invalid(all) => all.iter().find(|e| e.field == field).map(|e| e.message.as_str()),
            _ => None,
        }
    }
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

fn join(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
