//! Which processes a cluster consists of.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How a cluster's instances belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// One instance, reached directly.
    Standalone,
    /// A primary and streaming replicas behind one read-write and one read-only address. With one instance it is a primary that waits for replicas.
    Replicated,
}

impl Topology {
    /// The name as written in the resource and REST.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Replicated => "replicated",
        }
    }

    /// What a cluster of that many instances is when nobody says.
    pub const fn for_instances(instances: u8) -> Self {
        if instances > 1 { Self::Replicated } else { Self::Standalone }
    }
}

impl FromStr for Topology {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Standalone, Self::Replicated].into_iter().find(|t| t.name() == text).ok_or("One of standalone, replicated.")
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
