//! The way to one API server: built from a kubeconfig or the pod's own account, and cut as soon as nobody answers, so that a place that is down
//! costs nobody a wait. Only the keeper opens and cuts it.

use super::failure::{Failure, chain};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{path::PathBuf, time::Duration};
use tokio::sync::{Notify, watch};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// Whom a place's calls go to.
#[derive(Clone)]
pub(super) enum Way {
    /// Nobody was reached yet.
    Unknown,
    /// It answers.
    Up(Client),
    /// It does not; why, as a sentence.
    Down(String),
}

/// Where an API server is, and as whom to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// None: the cluster that this process runs in.
    pub(super) kubeconfig: Option<PathBuf>,
    /// None: the file's current one.
    pub(super) context: Option<String>,
}

/// The way, and how to say that it seems to be cut.
pub(super) struct Link {
    way: watch::Sender<Way>,
    doubt: Notify,
    unserved: Notify,
}

impl Default for Link {
    fn default() -> Self {
        Self { way: watch::Sender::new(Way::Unknown), doubt: Notify::new(), unserved: Notify::new() }
    }
}

impl Link {
    /// The client, at once, or why there is none.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        match &*self.way.borrow() {
            Way::Up(client) => Ok(client.clone()),
            Way::Down(why) => Err(Failure::Down(why.clone())),
            Way::Unknown => Err(Failure::Down("The API server was not reached yet.".into())),
        }
    }

    /// Waits until there is a client other than the last one.
    pub(super) fn changes(&self) -> watch::Receiver<Way> {
        self.way.subscribe()
    }

    pub(super) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// A call did not get through: the keeper looks at once.
    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// A kind is not served: the keeper looks soon at what there is.
    pub(super) fn miss(&self) {
        self.unserved.notify_one();
    }

    pub(super) async fn unserved(&self) {
        self.unserved.notified().await;
    }
}

/// Reads the kubeconfig anew, since credentials in it change. An error is a sentence with what to do.
pub(super) async fn connect(address: &Address) -> Result<Client, String> {
    let mut config = match &address.kubeconfig {
        Some(path) => {
            let file =
                Kubeconfig::read_from(path).map_err(|error| format!("The kubeconfig {} cannot be used: {}. Correct it.", path.display(), chain(&error)))?;
            let options = KubeConfigOptions { context: address.context.clone(), ..KubeConfigOptions::default() };
            let read = Config::from_custom_kubeconfig(file, &options).await;
            read.map_err(|error| format!("The kubeconfig {} cannot be used: {}. Correct it.", path.display(), chain(&error)))?
        }
        None => Config::incluster().map_err(|error| format!("No service account of a pod was found here: {}. Name a kubeconfig.", chain(&error)))?,
    };
    config.connect_timeout = Some(CONNECT);
    // A place that is overloaded says so; waiting and asking again is for the reconciler, not for a call that somebody waits for.
    config.default_retry = false;
    Client::try_from(config).map_err(|error| format!("The API server cannot be called: {}. Correct the kubeconfig.", chain(&error)))
}
