//! How many replicas confirm a commit.

use serde::{Deserialize, Serialize};

/// What happens when fewer replicas are healthy than were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Self-healing: fewer replicas are waited for, in the end none. Writes never block for lack of replicas.
    #[default]
    Preferred,
    /// Strict: the number stays and writes wait.
    Required,
}

/// Synchronous replication: `0 ≤ min ≤ max`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// Waited for while fewer than `max` replicas are healthy. Equal to `max` when durability is required.
    pub min: u8,
    /// Waited for while at least that many replicas are healthy.
    pub max: u8,
    /// What lacking replicas do to writes.
    #[serde(default)]
    pub durability: Durability,
}

impl Quorum {
    /// Writes wait for exactly `n` replicas.
    pub const fn strict(n: u8) -> Self {
        Self { min: n, max: n, durability: Durability::Required }
    }

    /// Self-healing between `min` and `max`.
    pub const fn healing(min: u8, max: u8) -> Self {
        Self { min, max, durability: Durability::Preferred }
    }

    /// The number that `ANY n (…)` names now, for that many healthy replicas out of `replicas` asked for.
    /// CloudNativePG's rule: max if so many are healthy, else min, else the healthy ones. Zero: asynchronous.
    pub fn effective(&self, healthy: u8, replicas: u8) -> u8 {
        match self.durability {
            Durability::Required => self.max.min(replicas),
            Durability::Preferred if healthy >= self.max => self.max,
            Durability::Preferred => self.min.min(healthy),
        }
    }
}
