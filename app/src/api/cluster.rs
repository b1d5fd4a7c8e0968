//! Server functions of the pages of one cluster: looking at it, and the one path that every change of it takes.

use super::ApiError;
use domain::{Cluster, ClusterId, Error, event::Event, offer::Offer, vitals::Vitals};
use leptos::{prelude::*, server, server_fn::codec::GetUrl};
use serde::{Deserialize, Serialize};

/// What every page of a cluster shows something of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// The cluster as it was when the page was asked for.
    pub cluster: Cluster,
    /// Its last measurement, if there is a fresh one.
    pub vitals: Option<Vitals>,
    /// What can be had here.
    pub offer: Offer,
}

/// A cluster by name, with what its pages need beside it.
#[server(prefix = "/api", endpoint = "cluster/sight", input = GetUrl)]
pub async fn get_sight(name: String) -> Result<Sight, ApiError> {
    let (portal, actor) = super::ctx()?;
    let cluster = portal.named(&actor, &name.parse().map_err(|_| Error::NotFound)?).await?;
    Ok(Sight { vitals: portal.vitals(cluster.id), offer: portal.offer(), cluster })
}

/// The newest events of a cluster first.
#[server(prefix = "/api", endpoint = "cluster/events", input = GetUrl)]
pub async fn get_events(id: ClusterId, limit: u32) -> Result<Vec<Event>, ApiError> {
    let (portal, actor) = super::ctx()?;
    Ok(portal.events(&actor, id, limit.min(100)).await?)
}

#[cfg(feature = "ssr")]
pub(super) use server::{change, read};

#[cfg(feature = "ssr")]
mod server {
    use crate::{
        api::{ApiError, ctx, form::done},
        link::Link,
        portal::{Passwords, Submitted},
    };
    use domain::{Change, ClusterId, ClusterName, Command, Error, Spec};

    /// Sends the changes that a form asks for, given the wish as it is stored, and the browser back to `page`.
    pub(in crate::api) async fn change(
        id: ClusterId,
        expected: Option<u64>,
        passwords: Passwords,
        page: fn(ClusterName) -> Link,
        changes: impl FnOnce(&Spec) -> Result<Vec<Change>, Error> + Send,
    ) -> Result<(ClusterName, Submitted), ApiError> {
        let (portal, actor) = ctx()?;
        let cluster = portal.cluster(&actor, id).await?;
        let changes = changes(&cluster.spec)?;
        let submitted = portal.submit(&actor, Command::Change { id, expected, changes }, passwords).await?;
        done(&page(cluster.name.clone()).path());
        Ok((cluster.name, submitted))
    }

    /// Reads a typed value; what is wrong with it stands beside `field`.
    pub(in crate::api) fn read<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Error>
    where
        T::Err: std::fmt::Display,
    {
        text.trim().parse().map_err(|error: T::Err| Error::invalid(field, error.to_string()))
    }
}
