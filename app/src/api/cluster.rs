//! Server functions of the pages of one cluster: looking at it, and the one path that every change of it takes.

// The macro makes a public struct of each function, whose fields are its documented arguments.
#![allow(missing_docs)]

use super::{Answer, ApiError};
use domain::{Cluster, ClusterId, event::Event, offer::Offer, vitals::Vitals};
use leptos::{server, server_fn::codec::GetUrl};
use serde::{Deserialize, Serialize};

/// Events on a page.
pub const SHOWN: u32 = 8;

/// A cluster with what its pages need beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// The cluster.
    pub cluster: Cluster,
    /// The newest events first, at most [`SHOWN`].
    pub events: Vec<Event>,
    /// Its last measurement, if there is a fresh one.
    pub vitals: Option<Vitals>,
    /// What can be had here.
    pub offer: Offer,
}

/// The cluster of that name.
#[server(prefix = "/api", endpoint = "cluster", input = GetUrl, output = Answer)]
pub async fn get_sight(name: String) -> Result<Sight, ApiError> {
    let (portal, actor) = super::ctx()?;
    let name = name.parse().map_err(|_| domain::Error::NotFound)?;
    let (cluster, events) = portal.with_history(&actor, &name, SHOWN).await?;
    let mut offer = portal.place(Some(&cluster.place))?.offer;
    // Other versions have long lists of extensions, and a cluster keeps its own.
    offer.releases.retain(|release| release.major == cluster.spec.version);
    Ok(Sight { events, vitals: portal.vitals(cluster.id), offer, cluster })
}

/// The newest events of a cluster first.
#[server(prefix = "/api", endpoint = "cluster/events", input = GetUrl, output = Answer)]
pub async fn get_events(id: ClusterId, limit: u32) -> Result<Vec<Event>, ApiError> {
    let (portal, actor) = super::ctx()?;
    Ok(portal.events(&actor, id, limit.min(100)).await?)
}

#[cfg(feature = "ssr")]
pub(super) use saving::{change, read};

#[cfg(feature = "ssr")]
mod saving {
    use crate::{
        api::{ApiError, ctx, form::done},
        link::Link,
        portal::{Passwords, Submitted, change_seen},
    };
    use domain::{Change, ClusterId, ClusterName, Error, Spec};

    /// Sends the changes that a form asks for, given the wish as it is stored, and the browser back to `page`.
    pub(in crate::api) async fn change(
        id: ClusterId,
        expected: Option<u64>,
        passwords: Passwords,
        page: fn(ClusterName) -> Link,
        changes: impl Fn(&Spec) -> Result<Vec<Change>, Error> + Send,
    ) -> Result<(ClusterName, Submitted), ApiError> {
        let (portal, actor) = ctx()?;
        let cluster = portal.cluster(&actor, id).await?;
        let name = cluster.name.clone();
        let submitted = change_seen(&*portal, &actor, cluster, expected, passwords, |seen| changes(&seen.spec), |error| error).await?;
        done(&page(name.clone()).path());
        Ok((name, submitted))
    }

    /// Reads a typed value; what is wrong with it stands beside `field`.
    pub(in crate::api) fn read<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Error>
    where
        T::Err: std::fmt::Display,
    {
        text.trim().parse().map_err(|error: T::Err| Error::invalid(field, error.to_string()))
    }
}
