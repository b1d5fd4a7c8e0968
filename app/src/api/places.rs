//! Server functions about places, and about how a cluster is reached in its place.

// The macro makes public fields of the arguments.
#![allow(missing_docs)]

use super::{Answer, ApiError};
use domain::{
    ClusterId,
    place::{Access, Place},
};
use leptos::{server, server_fn::codec::GetUrl};

/// Where clusters can be created, and what can be had there.
#[server(prefix = "/api", endpoint = "places", input = GetUrl, output = Answer)]
pub async fn get_places() -> Result<Vec<Place>, ApiError> {
    let (portal, _) = super::ctx()?;
    Ok(portal.places())
}

/// How clients reach a cluster, beyond its addresses.
#[server(prefix = "/api", endpoint = "cluster/access", input = GetUrl, output = Answer)]
pub async fn get_access(id: ClusterId) -> Result<Access, ApiError> {
    let (portal, actor) = super::ctx()?;
    Ok(portal.access(&actor, id).await?)
}

/// What is applied where a cluster runs, as YAML without secrets; empty: nothing that could be shown.
#[server(prefix = "/api", endpoint = "cluster/objects", input = GetUrl, output = Answer)]
pub async fn get_objects(id: ClusterId) -> Result<String, ApiError> {
    let (portal, actor) = super::ctx()?;
    Ok(portal.objects(&actor, id).await?)
}
