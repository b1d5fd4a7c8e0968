//! Names that are valid because they exist: clusters, roles, databases, extensions, titles.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A refused name: a sentence that states the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub String);

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident => $check:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                $check(text).map(|()| Self(text.to_owned())).map_err(|m| NameError(m.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A cluster's name: unique in its project, immutable. DNS-1035 label of at most 41 characters, so that every engine can carry it.
    ClusterName => cluster;
    /// A place where clusters can be created, as in `local`: a DNS-1035 label of at most 41 characters.
    PlaceName => cluster;
    /// A PostgreSQL login role that the portal manages.
    RoleName => role;
    /// A PostgreSQL database that the portal manages.
    DatabaseName => database;
    /// An extension, as in `uuid-ossp`.
    ExtensionName => extension;
    /// What people call a cluster: 1 to 255 characters, free text on one line.
    Title => title;
    /// Free text of at most 255 characters on one line.
    Description => description;
}

/// Longest name of a cluster, in characters: what Cozystack and CloudNativePG both carry.
pub const CLUSTER_NAME_MAX: usize = 41;
/// A good name that no new cluster gets: the page that makes clusters has its address.
pub const RESERVED: &str = "new";
/// Longest identifier of PostgreSQL, in bytes.
const IDENTIFIER_MAX: usize = 63;

impl PlaceName {
    /// The place on the portal's own machine.
    pub fn local() -> Self {
        Self("local".into())
    }
}

fn cluster(text: &str) -> Result<(), &'static str> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match text {
        "" => Err("A name is needed."),
        _ if text.len() > CLUSTER_NAME_MAX => Err("A name has at most 41 characters."),
        _ if !text.starts_with(|c: char| c.is_ascii_lowercase()) => Err("A name starts with a lower-case letter."),
        _ if !text.chars().all(inner) => Err("Only lower-case letters, digits and hyphens."),
        _ if text.ends_with('-') => Err("A name does not end with a hyphen."),
        _ => Ok(()),
    }
}

fn role(text: &str) -> Result<(), &'static str> {
    let reserved = ["pg_", "dbaas_", "postgres", "howdah_"];
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    match text {
        "" => Err("A user name is needed."),
        _ if text.len() > IDENTIFIER_MAX => Err("A user name has at most 63 characters."),
        _ if reserved.iter().any(|r| text.starts_with(r)) => Err("Names that begin with pg_, dbaas_, howdah_ or postgres are reserved."),
        "public" | "none" | "current_user" | "session_user" | "current_role" => Err("PostgreSQL keeps this name for itself."),
        _ if !starts_identifier(text) => Err("A user name starts with a letter or an underscore."),
        _ if !text.chars().all(inner) => Err("Only letters, digits, _ and $ (no hyphens)."),
        _ => Ok(()),
    }
}

fn database(text: &str) -> Result<(), &'static str> {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text {
        "" => Err("A database name is needed."),
        "postgres" | "template0" | "template1" => Err("PostgreSQL keeps this name for itself."),
        _ if text.len() > IDENTIFIER_MAX => Err("A database name has at most 63 characters."),
        _ if !starts_identifier(text) => Err("A database name starts with a letter or an underscore."),
        _ if !text.chars().all(inner) => Err("Only letters, digits and _ (no hyphens)."),
        _ => Ok(()),
    }
}

fn extension(text: &str) -> Result<(), &'static str> {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match text {
        "" => Err("An extension name is needed."),
        _ if text.len() > IDENTIFIER_MAX => Err("An extension name has at most 63 characters."),
        _ if !starts_identifier(text) || !text.chars().all(inner) => Err("An extension name has letters, digits, _ and -."),
        _ => Ok(()),
    }
}

fn title(text: &str) -> Result<(), &'static str> {
    match text.chars().count() {
        0 => Err("A name is needed."),
        1..=255 => one_line(text),
        _ => Err("At most 255 characters."),
    }
}

fn description(text: &str) -> Result<(), &'static str> {
    if text.chars().count() > 255 { Err("At most 255 characters.") } else { one_line(text) }
}

fn one_line(text: &str) -> Result<(), &'static str> {
    if text.chars().any(char::is_control) { Err("No line breaks or other control characters.") } else { Ok(()) }
}

fn starts_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

impl Default for Description {
    /// Empty.
    fn default() -> Self {
        Self(String::new())
    }
}

impl From<ClusterName> for Title {
    fn from(name: ClusterName) -> Self {
        Self(name.0)
    }
}

impl ClusterName {
    /// The nearest valid name to free text; `suffix` (from 2 on) tells apart those that fall together. Never fails.
    pub fn from_title(title: &str, suffix: u32) -> Self {
        let mut slug = String::new();
        for c in title.to_lowercase().chars() {
            match c {
                'a'..='z' | '0'..='9' => slug.push(c),
                _ if slug.ends_with('-') || slug.is_empty() => {}
                _ => slug.push('-'),
            }
        }
        let tail = if suffix < 2 { String::new() } else { format!("-{suffix}") };
        let head = slug.trim_start_matches(|c: char| !c.is_ascii_lowercase());
        let head = if head.is_empty() { format!("cluster-{slug}") } else { head.to_owned() };
        let head: String = head.chars().take(CLUSTER_NAME_MAX - tail.len()).collect();
        let head = head.trim_end_matches('-');
        // A name that clusters cannot have.
        let head = if head == RESERVED { "new-cluster" } else { head };
        Self(format!("{head}{tail}"))
    }
}

/// The two group roles of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Group {
    /// Owns the database's schemas: may do everything in it.
    Admin,
    /// Reads every table, also those made later.
    Readonly,
}

impl DatabaseName {
    /// Name of a group role: `<db>_admin` or `<db>_readonly`. A name too long for PostgreSQL's 63 bytes is cut and marked by a hash of the whole.
    pub fn group(&self, group: Group) -> String {
        let tail = match group {
            Group::Admin => "_admin",
            Group::Readonly => "_readonly",
        };
        if self.0.len() + "_readonly".len() <= IDENTIFIER_MAX {
            return format!("{}{tail}", self.0);
        }
        format!("{}_{:08x}{tail}", &self.0[..40], fnv(self.0.as_bytes()))
    }
}

/// FNV-1a, 32 bits: stable over versions and platforms, which `std`'s hasher does not promise.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
