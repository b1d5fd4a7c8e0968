//! Server functions about clusters: list, create.

// The macro makes public fields of the arguments.
#![allow(missing_docs)]

use super::{Answer, ApiError};
#[cfg(feature = "ssr")]
use crate::link::Link;
use crate::page::create::draft::Draft;
use domain::Cluster;
use leptos::{server, server_fn::codec::GetUrl};

/// All clusters, by name.
#[server(prefix = "/api", endpoint = "clusters", input = GetUrl, output = Answer)]
pub async fn list_clusters() -> Result<Vec<Cluster>, ApiError> {
    let (portal, actor) = super::ctx()?;
    Ok(portal.clusters(&actor).await?)
}

/// Makes a cluster of what was chosen in the form, and shows it.
#[server(prefix = "/api", endpoint = "clusters/create")]
pub async fn create_cluster(#[server(flatten)] draft: Draft) -> Result<(), ApiError> {
    let (portal, actor) = super::ctx()?;
    let (name, command) = draft.command(actor.project)?;
    portal.submit(&actor, command, crate::portal::Passwords::new()).await?;
    super::form::done(&Link::Overview(name).path());
    Ok(())
}

/// Makes a cluster of a whole document, and shows it. A cluster that is there already is not changed from here.
#[server(prefix = "/api", endpoint = "clusters/import")]
pub async fn import_cluster(#[server(default)] text: String) -> Result<(), ApiError> {
    use crate::portal::{Intent, Target};
    let (portal, actor) = super::ctx()?;
    let name = domain::manifest::parse(&text)?.name;
    let trial = portal.apply(&actor, Target::Named, &text, None, Intent::Trial).await?;
    match (trial.created, trial.changed) {
        (true, _) => drop(portal.apply(&actor, Target::Named, &text, None, Intent::Save).await?),
        // Sent twice: it is what was asked for.
        (false, false) => {}
        (false, true) => return Err(domain::Error::from(domain::Conflict::NameTaken(format!("cluster {name}"))).into()),
    }
    super::form::done(&Link::Overview(name).path());
    Ok(())
}
