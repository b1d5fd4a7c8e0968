//! How a cluster's state looks: ink, icon and word, always together.

use super::basic::{icon, spinning};
use crate::view::{Html, view};
use domain::{Cluster, Phase, status::InstanceState};

/// Ink (`data-s`), icon and word of a cluster's state.
pub fn look(cluster: &Cluster) -> (&'static str, &'static str, &'static str) {
    match cluster.status.phase {
        _ if cluster.deleted_at.is_some() => ("busy", "busy", "Deleting"),
        Phase::New | Phase::Creating => ("busy", "busy", "Creating"),
        Phase::Ready if cluster.is_settling() => ("busy", "busy", "Applying"),
        Phase::Ready => ("ok", "ok", "Healthy"),
        Phase::Changing => ("busy", "busy", "Applying"),
        Phase::Degraded => ("warn", "warn", "Degraded"),
        Phase::Down => ("bad", "bad", "Down"),
        Phase::Pausing => ("busy", "busy", "Pausing"),
        Phase::Paused if cluster.is_settling() => ("busy", "busy", "Resuming"),
        Phase::Paused => ("idle", "pause", "Paused"),
        Phase::Deleting => ("busy", "busy", "Deleting"),
        Phase::Unknown => ("idle", "help", "Unknown"),
    }
}

/// Ink, icon and word of an instance's state.
pub fn instance_look(state: &InstanceState) -> (&'static str, &'static str, &'static str) {
    match state {
        InstanceState::Creating => ("busy", "busy", "Creating"),
        InstanceState::Starting => ("busy", "busy", "Starting"),
        InstanceState::Ready => ("ok", "ok", "Ready"),
        InstanceState::NotStreaming => ("warn", "warn", "Not following"),
        InstanceState::Stopped => ("idle", "pause", "Stopped"),
        InstanceState::Failed(_) => ("bad", "bad", "Failed"),
        InstanceState::Unknown(_) => ("idle", "help", "Unknown"),
    }
}

/// Inline: icon and word.
pub fn status(state: &'static str, symbol: &'static str, word: impl Into<String>) -> Html {
    drawn("st", state, symbol, word.into())
}

/// For a page title: icon and word on a wash.
pub fn pill(state: &'static str, symbol: &'static str, word: impl Into<String>) -> Html {
    drawn("st pill", state, symbol, word.into())
}

/// The state of a cluster, for a table.
pub fn cluster_status(cluster: &Cluster) -> Html {
    let (state, symbol, word) = look(cluster);
    status(state, symbol, word)
}

/// The state of a cluster, for a page title.
pub fn cluster_pill(cluster: &Cluster) -> Html {
    let (state, symbol, word) = look(cluster);
    pill(state, symbol, word)
}

fn drawn(class: &'static str, state: &'static str, symbol: &'static str, word: String) -> Html {
    let symbol = if symbol == "busy" { spinning(symbol) } else { icon(symbol) };
    view! { <span class=class data-s=state>{symbol}{word}</span> }
}
