//! Wakes the reconciler when something happens to a cluster's object or pods. Nothing is kept and nothing is believed: this API forgets to tell of what was
//! deleted while nobody listened, and its pods do not carry our labels, so whoever is woken reads for himself.

use super::{
    crd::{Pod, Postgres},
    observe::release_name,
};
use crate::engine::kube::{
    object::{Kind, OWNER, Readable},
    place::Place,
};
use domain::{Cluster, ClusterId};
use futures::StreamExt;
use kube::{
    api::{Api, DynamicObject},
    runtime::watcher::{self, Event},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// Pause before a stream is opened again.
const PAUSE: Duration = Duration::from_secs(5);
/// Carried by the pods of instances.
const INSTANCE: &str = "app.kubernetes.io/instance";
const PODS: &str = "cnpg.io/podRole=instance";

/// Which namespaces are watched, and whose pods are whose.
#[derive(Default)]
pub struct Nudger {
    namespaces: Mutex<BTreeSet<String>>,
    releases: Mutex<HashMap<(String, String), ClusterId>>,
}

impl Nudger {
    /// From now on what happens to this cluster is told. Watching begins with the first cluster of a namespace.
    pub fn follow(self: &Arc<Self>, place: &Arc<Place>, namespace: &str, cluster: &Cluster) {
        let key = (namespace.to_owned(), release_name(cluster));
        self.releases.lock().unwrap_or_else(PoisonError::into_inner).insert(key, cluster.id);
        let new = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.to_owned());
        if new {
            self.clone().start(place, namespace, Postgres::KIND, OWNER);
            self.clone().start(place, namespace, Pod::KIND, PODS);
        }
    }

    /// The cluster is gone.
    pub fn forget(&self, namespace: &str, cluster: &Cluster) {
        self.releases.lock().unwrap_or_else(PoisonError::into_inner).remove(&(namespace.to_owned(), release_name(cluster)));
    }

    fn start(self: Arc<Self>, place: &Arc<Place>, namespace: &str, kind: Kind, labels: &'static str) {
        let (place, namespace) = (place.clone(), namespace.to_owned());
        tokio::spawn(async move {
            let stop = place.target().stop.clone();
            let listen = async {
                loop {
                    if let Ok(api) = place.api(&kind, Some(&namespace)) {
                        self.listen(&place, &namespace, api, labels).await;
                    }
                    sleep(PAUSE).await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = listen => {}
            }
        });
    }

    /// Until the stream is interrupted.
    async fn listen(&self, place: &Place, namespace: &str, api: Api<DynamicObject>, labels: &str) {
        let mut stream = std::pin::pin!(watcher::watcher(api, watcher::Config::default().labels(labels)));
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Apply(object) | Event::Delete(object)) => self.whose(namespace, &object).into_iter().for_each(|id| place.nudge(id)),
                // A list: whatever was missed is seen by looking.
                Ok(Event::InitDone) => self.all(namespace).into_iter().for_each(|id| place.nudge(id)),
                Ok(Event::Init | Event::InitApply(_)) => {}
                Err(_) => return,
            }
        }
    }

    fn whose(&self, namespace: &str, object: &DynamicObject) -> Option<ClusterId> {
        let labels = object.metadata.labels.as_ref()?;
        if let Some(owner) = labels.get(OWNER) {
            return owner.parse().ok();
        }
        let key = (namespace.to_owned(), labels.get(INSTANCE)?.clone());
        self.releases.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }

    fn all(&self, namespace: &str) -> Vec<ClusterId> {
        let releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        releases.iter().filter(|((of, _), _)| of == namespace).map(|(_, id)| *id).collect()
    }
}
