//! The way from this process to a primary: its service where the portal runs in the same Kubernetes cluster, else a port of this machine that leads through
//! the API server. Outside, the addresses of services may be anybody's, so they are not even tried.

use super::{failure::Failure, place::Place};
use domain::ClusterId;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{Instant, interval, timeout},
};
use tracing::debug;

/// How long a port stays open that nobody uses.
const IDLE: Duration = Duration::from_secs(120);
/// Longest wait for the API server to open a way to a pod.
const OPEN: Duration = Duration::from_secs(5);
const PORT: u16 = 5432;

/// Ways to primaries of one place.
pub struct Reach {
    place: Arc<Place>,
    tunnels: Mutex<HashMap<ClusterId, Tunnel>>,
}

/// A port of this machine that leads to a primary.
struct Tunnel {
    port: u16,
    used: Arc<Mutex<Instant>>,
    task: JoinHandle<()>,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Says which pod is the primary just now.
pub type Whom = Arc<dyn Fn() -> Option<String> + Send + Sync>;

impl Reach {
    /// No way is open yet.
    pub fn new(place: Arc<Place>) -> Self {
        Self { place, tunnels: Mutex::default() }
    }

    /// Host and port that lead to the primary whom `whom` names when somebody connects. `service`: its name inside Kubernetes.
    pub async fn to(&self, id: ClusterId, namespace: &str, service: &str, whom: Whom) -> Result<(String, u16), Failure> {
        if self.place.target().kubeconfig.is_none() {
            return Ok((format!("{service}.{namespace}.svc"), PORT));
        }
        let loopback = |port| (Ipv4Addr::LOCALHOST.to_string(), port);
        if let Some(tunnel) = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).get(&id).filter(|tunnel| !tunnel.task.is_finished()) {
            *tunnel.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            return Ok(loopback(tunnel.port));
        }
        let opened = |error| Failure::Retry(format!("opening a port of this machine: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(opened)?;
        let port = listener.local_addr().map_err(opened)?.port();
        let used = Arc::new(Mutex::new(Instant::now()));
        let task = tokio::spawn(serve(self.place.clone(), namespace.to_owned(), listener, whom, used.clone()));
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Tunnel { port, used, task });
        Ok(loopback(port))
    }

    /// Closes the way to a cluster that is gone.
    pub fn forget(&self, id: ClusterId) {
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Serves until nobody has used the port for a while, or the place is closed.
async fn serve(place: Arc<Place>, namespace: String, listener: TcpListener, whom: Whom, used: Arc<Mutex<Instant>>) {
    let mut sessions = JoinSet::new();
    let mut looks = interval(IDLE / 4);
    loop {
        tokio::select! {
            () = place.target().stop.cancelled() => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                sessions.spawn(session(place.clone(), namespace.clone(), whom.clone(), stream));
            }
            Some(_) = sessions.join_next() => *used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now(),
            _ = looks.tick() => {
                let idle = used.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > IDLE;
                if idle && sessions.is_empty() {
                    return;
                }
            }
        }
    }
}

/// One session. What goes wrong closes it: whoever connected sees that.
async fn session(place: Arc<Place>, namespace: String, whom: Whom, mut here: TcpStream) {
    let Some(pod) = whom() else { return };
    let forwarded = async {
        let client = place.client()?;
        place.call("opening a way to a pod", OPEN, Api::<Pod>::namespaced(client, &namespace).portforward(&pod, &[PORT])).await
    };
    let mut forwarder = match timeout(OPEN, forwarded).await {
        Ok(Ok(forwarder)) => forwarder,
        Ok(Err(failure)) => return debug!(place = place.name(), pod, ?failure, "no way to the pod"),
        Err(_) => return debug!(place = place.name(), pod, "no way to the pod in time"),
    };
    if let Some(mut there) = forwarder.take_stream(PORT) {
        // How a session ends is for its two ends.
        let _ = copy_bidirectional(&mut here, &mut there).await;
    }
    forwarder.abort();
}
