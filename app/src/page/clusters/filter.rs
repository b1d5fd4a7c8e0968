//! Which clusters are shown, as the address says it.

use crate::{component::look, link::Link};
use domain::{Cluster, Phase};

/// A kind of state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Whatever it is.
    #[default]
    All,
    /// Degraded or down.
    Attention,
    /// Stopped on purpose.
    Paused,
}

/// A filter of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of name, title, version or state; empty: all.
    pub text: String,
    /// A kind of state.
    pub kind: Kind,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::Attention, Self::Paused];

    /// As written in the address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Attention => "attention",
            Self::Paused => "paused",
        }
    }

    /// As read by people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Attention => "Needs attention",
            Self::Paused => "Paused",
        }
    }

    /// Whether the cluster is of this kind.
    pub fn covers(self, cluster: &Cluster) -> bool {
        match self {
            Self::All => true,
            Self::Attention => matches!(cluster.status.phase, Phase::Degraded | Phase::Down | Phase::Unknown),
            Self::Paused => matches!(cluster.status.phase, Phase::Paused | Phase::Pausing),
        }
    }
}

impl Filter {
    /// From the query of an address.
    pub fn read(query: impl Fn(&str) -> Option<String>) -> Self {
        let kind = query("s").and_then(|name| Kind::ALL.into_iter().find(|kind| kind.name() == name)).unwrap_or_default();
        Self { text: query("q").unwrap_or_default(), kind }
    }

    /// The address of the filtered list.
    pub fn path(&self) -> String {
        let text = encode(&self.text);
        match (self.text.is_empty(), self.kind) {
            (true, Kind::All) => Link::Clusters.path(),
            (true, kind) => format!("{}?s={}", Link::Clusters.path(), kind.name()),
            (false, Kind::All) => format!("{}?q={text}", Link::Clusters.path()),
            (false, kind) => format!("{}?q={text}&s={}", Link::Clusters.path(), kind.name()),
        }
    }

    /// Those that it covers, in their order.
    pub fn apply(&self, all: &[Cluster]) -> Vec<Cluster> {
        let wanted = self.text.trim().to_lowercase();
        let has = |cluster: &Cluster| {
            let (_, _, word) = look(cluster);
            let texts = [cluster.name.to_string(), cluster.spec.title.to_string(), cluster.spec.version.number().to_string(), word.to_owned()];
            wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        all.iter().filter(|c| self.kind.covers(c) && has(c)).cloned().collect()
    }
}

/// Percent-encoding of everything that could mean something in a query.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_the_same_after_a_trip_through_the_address() {
        let filter = Filter { text: "a&b =é".into(), kind: Kind::Paused };
        assert_eq!(filter.path(), "/clusters?q=a%26b%20%3D%C3%A9&s=paused");
        assert_eq!(Filter::default().path(), "/clusters");
    }
}
