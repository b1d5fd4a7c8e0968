//! Server functions about clusters: list, look, create.

// The macro makes public fields of the arguments.
#![allow(missing_docs)]

use super::ApiError;
use domain::{Cluster, offer::Offer};
use leptos::{server, server_fn::codec::GetUrl};

/// All clusters, by name.
#[server(prefix = "/api", endpoint = "clusters", input = GetUrl)]
pub async fn list_clusters() -> Result<Vec<Cluster>, ApiError> {
    let (portal, actor) = super::ctx()?;
    Ok(portal.clusters(&actor).await?)
}

/// The cluster of that name.
#[server(prefix = "/api", endpoint = "cluster", input = GetUrl)]
pub async fn get_cluster(name: String) -> Result<Cluster, ApiError> {
    let (portal, actor) = super::ctx()?;
    let name = name.parse().map_err(|_| domain::Error::NotFound)?;
    Ok(portal.named(&actor, &name).await?)
}

/// What can be had here.
#[server(prefix = "/api", endpoint = "offer", input = GetUrl)]
pub async fn get_offer() -> Result<Offer, ApiError> {
    let (portal, _) = super::ctx()?;
    Ok(portal.offer())
}
