//! Server functions about users: add, change, new password, remove. A password that the portal made up is shown once, by way of [`super::once`]. Each answers
//! the generation that was saved.

// The macro makes a public struct of each function, whose fields are its documented arguments.
#![allow(missing_docs)]

use super::ApiError;
use domain::ClusterId;
use leptos::server;
use std::collections::BTreeMap;

/// Adds a user with what it may do in each database. Without a password one is made up and shown once.
#[server(prefix = "/api", endpoint = "users/add")]
pub async fn add_user(
    cluster: ClusterId,
    name: String,
    #[server(default)] password: String,
    #[server(default)] description: String,
    #[server(default)] replication: bool,
    #[server(default)] access: BTreeMap<String, String>,
) -> Result<u64, ApiError> {
    use crate::{draft::access, link::Link};
    let name: domain::RoleName = super::cluster::read("name", &name)?;
    let description: domain::name::Description = super::cluster::read("description", &description)?;
    let passwords = super::once::chosen(&name, password)?;
    let user = name.clone();
    let all = move |spec: &domain::Spec| {
        let add = domain::Change::AddUser { id: domain::Uuid::new_v4(), name: user.clone(), replication, description: description.clone() };
        Ok(std::iter::once(add).chain(access::changes(spec, &user, &access)?).collect())
    };
    let (of, submitted) = super::cluster::change(cluster, None, passwords, Link::Data, all).await?;
    super::once::hand_over(&of, &name, &submitted);
    Ok(submitted.accepted.generation)
}

/// Changes what a user may do, all of it at once.
#[server(prefix = "/api", endpoint = "users/set")]
pub async fn set_user(
    cluster: ClusterId,
    expected: Option<u64>,
    user: String,
    #[server(default)] description: String,
    #[server(default)] replication: bool,
    #[server(default)] access: BTreeMap<String, String>,
) -> Result<u64, ApiError> {
    use crate::{draft::access, link::Link};
    let name: domain::RoleName = super::cluster::read("user", &user)?;
    let description: domain::name::Description = super::cluster::read("description", &description)?;
    let all = move |spec: &domain::Spec| {
        let same = spec.users.get(&name).is_some_and(|user| user.replication == replication && user.description == description);
        let set = domain::Change::SetUser { name: name.clone(), replication: Some(replication), description: Some(description.clone()) };
        Ok((!same).then_some(set).into_iter().chain(access::changes(spec, &name, &access)?).collect())
    };
    let (_, submitted) = super::cluster::change(cluster, expected, Default::default(), Link::Data, all).await?;
    Ok(submitted.accepted.generation)
}

/// Gives a user a new password; the old one stops working at once.
#[server(prefix = "/api", endpoint = "users/password")]
pub async fn rotate_password(cluster: ClusterId, user: String, #[server(default)] password: String) -> Result<u64, ApiError> {
    let name: domain::RoleName = super::cluster::read("user", &user)?;
    let passwords = super::once::chosen(&name, password)?;
    let rotate = domain::Change::RotatePassword { name: name.clone() };
    let (of, submitted) = super::cluster::change(cluster, None, passwords, crate::link::Link::Data, move |_| Ok(vec![rotate.clone()])).await?;
    super::once::hand_over(&of, &name, &submitted);
    Ok(submitted.accepted.generation)
}

/// Removes a user; what it owns goes to the `<db>_admin` of each database.
#[server(prefix = "/api", endpoint = "users/remove")]
pub async fn remove_user(cluster: ClusterId, user: String) -> Result<u64, ApiError> {
    let remove = domain::Change::RemoveUser { name: super::cluster::read("user", &user)? };
    let (_, submitted) = super::cluster::change(cluster, None, Default::default(), crate::link::Link::Data, move |_| Ok(vec![remove.clone()])).await?;
    Ok(submitted.accepted.generation)
}
