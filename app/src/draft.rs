//! What a form says, as it was typed, and what that means for a cluster. Pure: the page shows it before the click, the server function sends it.

pub mod access;
pub mod diff;
pub mod parameters;
pub mod shape;

use domain::{Change, Cluster, Error, FieldError};

/// What a draft would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Review {
    /// What changes: what, from, to.
    pub lines: Vec<(String, String, String)>,
    /// What it costs while it is applied, in words.
    pub costs: Vec<String>,
    /// What is refused.
    pub errors: Vec<FieldError>,
}

impl Review {
    /// There is something to apply, and nothing against it.
    pub fn is_ready(&self) -> bool {
        self.errors.is_empty() && !self.lines.is_empty()
    }

    /// The sentence beside a field, if it is refused.
    pub fn at(&self, field: &str) -> Option<String> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.clone())
    }
}

/// Text as part of an address: every byte that is not plain is escaped.
pub fn percent(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => all.push(char::from(byte)),
            _ => {
                let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
                all.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    all
}

/// What `changes` would do to the cluster, with what they alone cost put before what the wish as a whole costs.
fn review(cluster: &Cluster, changes: Result<Vec<Change>, Error>, lines: Vec<(String, String, String)>, effects: Vec<String>) -> Review {
    let next = changes.and_then(|changes| cluster.spec.apply(changes, cluster.updated_at));
    match next {
        Ok(next) => Review { lines, costs: effects.into_iter().chain(cluster.spec.cost(&next)).collect(), errors: Vec::new() },
        Err(Error::Invalid(errors)) => Review { lines, costs: Vec::new(), errors },
        Err(other) => Review { lines, costs: Vec::new(), errors: vec![FieldError::new("", other.to_string())] },
    }
}

/// Reads one typed value; an empty one is none.
fn read<T: std::str::FromStr>(text: Option<&str>, field: &str, form: &str, errors: &mut Vec<FieldError>) -> Option<T> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    text.parse().map_err(|_| errors.push(FieldError::new(field, form))).ok()
}
