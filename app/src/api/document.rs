//! Server functions of the page "YAML": the document of a cluster, tried and saved.

// The macro makes a public struct of each function, whose fields are its documented arguments.
#![allow(missing_docs)]

use super::{Answer, ApiError};
use domain::ClusterId;
use leptos::{
    server,
    server_fn::codec::{GetUrl, PostUrl},
};
use serde::{Deserialize, Serialize};

/// What a document would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// It differs from what is saved.
    pub changed: bool,
    /// What applying costs, in words.
    pub costs: Vec<String>,
}

/// The document of a cluster. Passwords are never in it.
#[server(prefix = "/api", endpoint = "document", input = GetUrl, output = Answer)]
pub async fn get_document(cluster: ClusterId) -> Result<String, ApiError> {
    let (portal, actor) = super::ctx()?;
    Ok(portal.document(&actor, cluster).await?)
}

/// Tries a document (`intent` is `review`) or saves it (`save`).
#[server(prefix = "/api", endpoint = "document/apply", input = PostUrl, output = Answer)]
pub async fn apply_document(cluster: ClusterId, expected: Option<u64>, text: String, #[server(default)] intent: String) -> Result<Trial, ApiError> {
    use crate::portal::{Intent, Target};
    let (portal, actor) = super::ctx()?;
    let save = intent == "save";
    let applied = portal.apply(&actor, Target::Cluster(cluster), &text, expected, if save { Intent::Save } else { Intent::Trial }).await?;
    if save {
        super::form::done(&crate::link::Link::Overview(portal.cluster(&actor, cluster).await?.name).path());
    } else {
        super::form::again();
    }
    Ok(Trial { changed: applied.changed, costs: applied.costs })
}
