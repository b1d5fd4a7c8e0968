//! PostgreSQL's major versions on offer.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// A major version of PostgreSQL that the portal knows how to run. Written `v17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Major {
    /// 15.
    V15,
    /// 16.
    V16,
    /// 17.
    V17,
    /// 18.
    V18,
}

impl Major {
    /// All of them, newest first.
    pub const ALL: [Self; 4] = [Self::V18, Self::V17, Self::V16, Self::V15];

    /// The number alone.
    pub const fn number(self) -> u16 {
        match self {
            Self::V15 => 15,
            Self::V16 => 16,
            Self::V17 => 17,
            Self::V18 => 18,
        }
    }

    /// The version with that number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|major| major.number() == number)
    }

    /// The id under which the REST interface lists it: the same on every portal.
    pub const fn uuid(self) -> Uuid {
        Uuid::from_u128(0x706f_7374_6772_4573_8000_0000_0000_0000 + self.number() as u128)
    }
}

impl FromStr for Major {
    type Err = &'static str;
    /// Takes `v17` and `17`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|major| text == major.to_string() || text == major.number().to_string());
        known.ok_or("One of v15, v16, v17, v18.")
    }
}

impl TryFrom<String> for Major {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Major> for String {
    fn from(major: Major) -> String {
        major.to_string()
    }
}

impl fmt::Display for Major {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.number())
    }
}
