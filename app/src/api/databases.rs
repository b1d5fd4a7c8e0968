//! Server functions about databases: add, change, remove. Each answers
//! the generation that was saved.

// The macro makes a public struct of each function, whose fields are its documented arguments.
#![allow(missing_docs)]

use super::ApiError;
use domain::ClusterId;
use leptos::server;
use std::collections::BTreeMap;

/// Adds a database.
#[server(prefix = "/api", endpoint = "databases/add")]
pub async fn add_database(
    cluster: ClusterId,
    name: String,
    #[server(default)] owner: String,
    #[server(default)] description: String,
    #[server(default)] extensions: BTreeMap<String, String>,
) -> Result<u64, ApiError> {
    let name = super::cluster::read("name", &name)?;
    let owner = (!owner.is_empty()).then(|| super::cluster::read("owner", &owner)).transpose()?;
    let description = super::cluster::read("description", &description)?;
    let extensions = extensions.keys().map(|extension| super::cluster::read("extensions", extension)).collect::<Result<_, _>>()?;
    let add = domain::Change::AddDatabase { id: domain::Uuid::new_v4(), name, owner, roles: Default::default(), extensions, description };
    let (_, submitted) = super::cluster::change(cluster, None, Default::default(), crate::link::Link::Data, move |_| Ok(vec![add.clone()])).await?;
    Ok(submitted.accepted.generation)
}

/// Changes owner and description of a database. Without an owner it keeps the one it has.
#[server(prefix = "/api", endpoint = "databases/set")]
pub async fn set_database(
    cluster: ClusterId,
    expected: Option<u64>,
    database: String,
    #[server(default)] owner: String,
    #[server(default)] description: String,
) -> Result<u64, ApiError> {
    let name = super::cluster::read("database", &database)?;
    let owner = (!owner.is_empty()).then(|| super::cluster::read("owner", &owner)).transpose()?;
    let description = super::cluster::read("description", &description)?;
    let set = domain::Change::SetDatabase { name, owner, roles: None, extensions: None, description: Some(description) };
    let (_, submitted) = super::cluster::change(cluster, expected, Default::default(), crate::link::Link::Data, move |_| Ok(vec![set.clone()])).await?;
    Ok(submitted.accepted.generation)
}

/// All extensions of a database anew. Taking one off drops nothing.
#[server(prefix = "/api", endpoint = "databases/extensions")]
pub async fn set_extensions(
    cluster: ClusterId,
    expected: Option<u64>,
    database: String,
    #[server(default)] extensions: BTreeMap<String, String>,
) -> Result<u64, ApiError> {
    let name = super::cluster::read("database", &database)?;
    let extensions = extensions.keys().map(|extension| super::cluster::read("extensions", extension)).collect::<Result<_, _>>()?;
    let set = domain::Change::SetDatabase { name, owner: None, roles: None, extensions: Some(extensions), description: None };
    let (of, submitted) = super::cluster::change(cluster, expected, Default::default(), crate::link::Link::Data, move |_| Ok(vec![set.clone()])).await?;
    // The page goes on showing the extensions of this database.
    super::form::done(&format!("{}?ext={database}", crate::link::Link::Data(of).path()));
    Ok(submitted.accepted.generation)
}

/// Removes a database and its data, if its name was typed.
#[server(prefix = "/api", endpoint = "databases/remove")]
pub async fn remove_database(cluster: ClusterId, database: String, #[server(default)] confirm: String) -> Result<u64, ApiError> {
    let remove = domain::Change::RemoveDatabase { name: super::cluster::read("database", &database)?, confirm: domain::Confirm::Typed(confirm) };
    let (_, submitted) = super::cluster::change(cluster, None, Default::default(), crate::link::Link::Data, move |_| Ok(vec![remove.clone()])).await?;
    Ok(submitted.accepted.generation)
}
