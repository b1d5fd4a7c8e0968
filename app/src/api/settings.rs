//! Server functions of a cluster's settings: size and scale, parameters, network, power, primary, end. Each answers
//! the generation that was saved.

// The macro makes a public struct of each function, whose fields are its documented arguments.
#![allow(missing_docs)]

use super::ApiError;
use crate::draft::{parameters::Table, shape::Shape};
use domain::ClusterId;
use leptos::server;

/// Another size, number of instances, storage or quorum: what the draft says, all or nothing.
#[server(prefix = "/api", endpoint = "settings/shape")]
pub async fn reshape(cluster: ClusterId, expected: Option<u64>, shape: Shape) -> Result<u64, ApiError> {
    let (_, submitted) = super::cluster::change(cluster, expected, Default::default(), crate::link::Link::Settings, move |spec| shape.changes(spec)).await?;
    Ok(submitted.accepted.generation)
}

/// All parameters anew: what is not in the table goes back to its default.
#[server(prefix = "/api", endpoint = "settings/parameters")]
pub async fn set_parameters(cluster: ClusterId, expected: Option<u64>, #[server(default)] table: Table) -> Result<u64, ApiError> {
    let (_, submitted) = super::cluster::change(cluster, expected, Default::default(), crate::link::Link::Settings, move |spec| table.changes(spec)).await?;
    Ok(submitted.accepted.generation)
}

/// Reachable from outside, or not.
#[server(prefix = "/api", endpoint = "settings/external")]
pub async fn set_external(cluster: ClusterId, #[server(default)] external: bool) -> Result<u64, ApiError> {
    let change = domain::Change::SetExternal { external };
    let (_, submitted) = super::cluster::change(cluster, None, Default::default(), crate::link::Link::Settings, move |_| Ok(vec![change.clone()])).await?;
    Ok(submitted.accepted.generation)
}

/// Stops every instance; the data stays.
#[server(prefix = "/api", endpoint = "settings/pause")]
pub async fn pause_cluster(cluster: ClusterId) -> Result<u64, ApiError> {
    let change = domain::Change::SetPower { power: domain::spec::Power::Off };
    let (_, submitted) = super::cluster::change(cluster, None, Default::default(), crate::link::Link::Overview, move |_| Ok(vec![change.clone()])).await?;
    Ok(submitted.accepted.generation)
}

/// Starts every instance again.
#[server(prefix = "/api", endpoint = "settings/resume")]
pub async fn resume_cluster(cluster: ClusterId) -> Result<u64, ApiError> {
    let change = domain::Change::SetPower { power: domain::spec::Power::On };
    let (_, submitted) = super::cluster::change(cluster, None, Default::default(), crate::link::Link::Overview, move |_| Ok(vec![change.clone()])).await?;
    Ok(submitted.accepted.generation)
}

/// Restarts every instance, replicas first. A second restart from the same page is refused as stale.
#[server(prefix = "/api", endpoint = "settings/restart")]
pub async fn restart_cluster(cluster: ClusterId, expected: Option<u64>) -> Result<u64, ApiError> {
    let all = |_: &domain::Spec| Ok(vec![domain::Change::Restart]);
    let (_, submitted) = super::cluster::change(cluster, expected, Default::default(), crate::link::Link::Overview, all).await?;
    Ok(submitted.accepted.generation)
}

/// Takes over, once, the fields that somebody else manages.
#[server(prefix = "/api", endpoint = "settings/take-over")]
pub async fn take_over(cluster: ClusterId, expected: Option<u64>) -> Result<u64, ApiError> {
    let all = |_: &domain::Spec| Ok(vec![domain::Change::TakeOver]);
    let (_, submitted) = super::cluster::change(cluster, expected, Default::default(), crate::link::Link::Overview, all).await?;
    Ok(submitted.accepted.generation)
}

/// Makes a chosen replica the primary.
#[server(prefix = "/api", endpoint = "settings/primary")]
pub async fn switch_primary(cluster: ClusterId, expected: Option<u64>, #[server(default)] to: String) -> Result<u64, ApiError> {
    let to = to.trim().parse().map_err(|_| domain::Error::invalid("to", "Choose the replica that becomes the primary."))?;
    let all = move |_: &domain::Spec| Ok(vec![domain::Change::Switchover { to }]);
    let (_, submitted) = super::cluster::change(cluster, expected, Default::default(), crate::link::Link::Overview, all).await?;
    Ok(submitted.accepted.generation)
}

/// Deletes the cluster and its data, if its name was typed.
#[server(prefix = "/api", endpoint = "settings/delete")]
pub async fn delete_cluster(cluster: ClusterId, #[server(default)] confirm: String) -> Result<u64, ApiError> {
    let (portal, actor) = super::ctx()?;
    let delete = domain::Command::Delete { id: cluster, confirm: domain::Confirm::Typed(confirm) };
    let submitted = portal.submit(&actor, delete, Default::default()).await?;
    super::form::done(&crate::link::Link::Clusters.path());
    Ok(submitted.accepted.generation)
}
