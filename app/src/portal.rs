//! What people may ask of the portal: the one door for pages and REST, and the table of contents of the product.

use async_trait::async_trait;
use domain::{
    Accepted, Actor, Change, Cluster, ClusterId, ClusterName, Command, Conflict, Error, PlaceName, RoleName,
    event::Event,
    place::{Access, Place},
    update::Update,
    vitals::Vitals,
};
use futures::stream::BoxStream;
use secrecy::SecretString;
use std::{collections::BTreeMap, sync::Arc};

/// Passwords in clear on their way from a form to a verifier, or once back to the person who asked for one. Never stored, never logged.
pub type Passwords = BTreeMap<RoleName, SecretString>;

/// How often a wish is put together anew because somebody else was faster. Only for senders that do not say what they saw.
pub const TRIES: u32 = 5;

/// The portal, as pages and REST handlers hold it.
pub type SharedPortal = Arc<dyn Portal>;

/// An accepted command, and the passwords that the portal made up for it.
#[derive(Debug)]
pub struct Submitted {
    /// What was saved.
    pub accepted: Accepted,
    /// Passwords of users for whom none was sent; to be shown once.
    pub generated: Passwords,
}

/// A `Postgres` document that was read and, unless it was only a trial, saved.
#[derive(Debug)]
pub struct Applied {
    /// What was saved; none: a trial of a document for a cluster that does not exist.
    pub accepted: Option<Accepted>,
    /// The document makes a new cluster.
    pub created: bool,
    /// The wish differs from the one before.
    pub changed: bool,
    /// What applying costs, in words; empty: nothing that clients notice.
    pub costs: Vec<String>,
}

/// Which cluster a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The one of the name in the document; made when there is none.
    Named,
    /// This one; the name in the document must be its name.
    Cluster(ClusterId),
}

/// What to do with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Read, check and say what it would do.
    Trial,
    /// Save it.
    Save,
}

/// What people may ask. Every method checks the actor's rights itself.
#[async_trait]
pub trait Portal: Send + Sync {
    /// All clusters that the actor may see, by name.
    async fn clusters(&self, actor: &Actor) -> Result<Vec<Cluster>, Error>;

    /// One cluster. `NotFound` also for those of other projects.
    async fn cluster(&self, actor: &Actor, id: ClusterId) -> Result<Cluster, Error>;

    /// The cluster of that name in the actor's project.
    async fn named(&self, actor: &Actor, name: &ClusterName) -> Result<Cluster, Error>;

    /// The cluster of that name with its newest events first, at most `limit`: what a page of it shows, asked for at once.
    async fn with_history(&self, actor: &Actor, name: &ClusterName, limit: u32) -> Result<(Cluster, Vec<Event>), Error>;

    /// Saves a wish. `passwords` are those that the sender chose for users that the command adds or rotates; for the others one is made up.
    async fn submit(&self, actor: &Actor, command: Command, passwords: Passwords) -> Result<Submitted, Error>;

    /// The `Postgres` document of a cluster, as YAML.
    async fn document(&self, actor: &Actor, id: ClusterId) -> Result<String, Error>;

    /// Reads a `Postgres` document (YAML or JSON) and tries or saves it. `expected` is the generation that the sender saw.
    async fn apply(&self, actor: &Actor, target: Target, text: &str, expected: Option<u64>, intent: Intent) -> Result<Applied, Error>;

    /// The newest events of a cluster first, at most `limit`.
    async fn events(&self, actor: &Actor, id: ClusterId, limit: u32) -> Result<Vec<Event>, Error>;

    /// The last measurement of a cluster, if it is at most three seconds old.
    fn vitals(&self, id: ClusterId) -> Option<Vitals>;

    /// A snapshot first, then whole values as they change. Ends when the reader lags; reading anew is the way to catch up.
    fn updates(&self, actor: &Actor) -> BoxStream<'static, Update>;

    /// Where clusters can be created, and what can be had there.
    fn places(&self) -> Vec<Place>;

    /// The place of that name; none given: the only one, else `local`.
    fn place(&self, name: Option<&PlaceName>) -> Result<Place, Error>;

    /// The objects that stand for the cluster's wish where it is applied, as YAML without secrets; empty: there are none.
    async fn objects(&self, actor: &Actor, id: ClusterId) -> Result<String, Error>;

    /// How clients reach a cluster, beyond its addresses.
    async fn access(&self, actor: &Actor, id: ClusterId) -> Result<Access, Error>;
}

/// Saves changes that follow from a cluster as it was `seen`: over that wish and no other, or they would take back what somebody else saved meanwhile. For a
/// sender that did not say what it saw (`expected`), they are put together anew from what is there by then. Errors of the portal come by way of `told`.
pub async fn change_seen<E>(
    portal: &dyn Portal,
    actor: &Actor,
    mut seen: Cluster,
    expected: Option<u64>,
    passwords: Passwords,
    changes: impl Fn(&Cluster) -> Result<Vec<Change>, E>,
    told: impl Fn(Error) -> E,
) -> Result<Submitted, E> {
    let mut tries = 1;
    loop {
        let command = Command::Change { id: seen.id, expected: expected.or(Some(seen.generation)), changes: changes(&seen)? };
        match portal.submit(actor, command, passwords.clone()).await {
            Err(Error::Conflict(Conflict::Stale { .. })) if expected.is_none() && tries < TRIES => tries += 1,
            submitted => return submitted.map_err(told),
        }
        seen = portal.cluster(actor, seen.id).await.map_err(&told)?;
    }
}
