//! When things were heard of: objects from the API server, updates from the portal.

use crate::{PATIENCE, world::resource};
use anyhow::{Context, Result, bail};
use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    api::DynamicObject,
    runtime::watcher::{self, Event},
};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};

/// Cluster objects that came and went, from now on.
pub struct Objects(UnboundedReceiver<(Instant, bool, String)>);

impl Objects {
    /// Opens a watch.
    pub fn follow(client: &Client) -> Self {
        let (tell, heard) = unbounded_channel();
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource("postgresql.cnpg.io/v1", "Cluster"));
        tokio::spawn(async move {
            let mut there = HashSet::new();
            let mut events = watcher::watcher(api, watcher::Config::default()).boxed();
            while let Some(event) = events.next().await {
                let now = Instant::now();
                let news = match event {
                    Ok(Event::Apply(object)) if there.insert(object.name_any()) => (now, true, object.name_any()),
                    Ok(Event::Delete(object)) => {
                        there.remove(&object.name_any());
                        (now, false, object.name_any())
                    }
                    _ => continue,
                };
                if tell.send(news).is_err() {
                    return;
                }
            }
        });
        Self(heard)
    }

    /// When that object came.
    pub async fn added(&mut self, name: &str) -> Result<Instant> {
        self.until(name, true).await
    }

    /// Waits until it is gone.
    pub async fn deleted(&mut self, name: &str) -> Result<()> {
        self.until(name, false).await.map(drop)
    }

    async fn until(&mut self, name: &str, there: bool) -> Result<Instant> {
        let heard = async {
            loop {
                let (at, came, named) = self.0.recv().await.context("the watch ended")?;
                if (came, named.as_str()) == (there, name) {
                    return Ok(at);
                }
            }
        };
        timeout(PATIENCE, heard).await.with_context(|| format!("Cluster {name}: nothing was heard"))?
    }
}

/// The event stream of a tab.
pub struct Updates {
    task: JoinHandle<()>,
    heard: UnboundedReceiver<(Instant, Value)>,
    /// Clusters that are as wished for, by what was read here.
    ready: HashMap<String, bool>,
}

impl Drop for Updates {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Updates {
    /// Opens it, as somebody who is signed in.
    pub async fn follow(url: &str, cookie: &str) -> Result<Self> {
        let (tell, heard) = unbounded_channel();
        let mut answer = reqwest::Client::new().get(format!("{url}/events")).header("cookie", cookie).send().await?.error_for_status()?;
        let task = tokio::spawn(async move {
            let mut text = Vec::new();
            while let Ok(Some(chunk)) = answer.chunk().await {
                let now = Instant::now();
                text.extend_from_slice(&chunk);
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    let data = line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice::<Value>(data).ok());
                    if data.is_some_and(|update| tell.send((now, update)).is_err()) {
                        return;
                    }
                }
            }
        });
        Ok(Self { task, heard, ready: HashMap::new() })
    }

    async fn next(&mut self) -> Result<(Instant, Value)> {
        let (at, update) = self.heard.recv().await.context("the event stream ended")?;
        let gone = update["Gone"].as_str().map(str::to_owned);
        let clusters = update["Snapshot"].as_array().into_iter().flatten().chain(update.get("Cluster"));
        for cluster in clusters {
            let id = cluster["id"].as_str().context("an id")?.to_owned();
            self.ready.insert(id, cluster["status"]["phase"] == "Ready");
        }
        if let Some(gone) = gone {
            self.ready.remove(&gone);
        }
        Ok((at, update))
    }

    /// When the first update about that cluster came for which `wanted` holds.
    pub async fn until(&mut self, id: &str, wanted: impl Fn(&Value) -> bool) -> Result<Instant> {
        let heard = async {
            loop {
                let (at, update) = self.next().await?;
                let about = update["Gone"].as_str().or_else(|| update["Cluster"]["id"].as_str());
                if about == Some(id) && wanted(&update) {
                    return Ok(at);
                }
            }
        };
        timeout(PATIENCE, heard).await.context("nothing was heard")?
    }

    /// Waits until so many clusters are as wished for.
    pub async fn until_ready(&mut self, count: usize, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        let mut said = Instant::now();
        while self.ready.values().filter(|ready| **ready).count() < count {
            if said.elapsed() > Duration::from_secs(10) {
                eprintln!("{} of {count} clusters are as wished for", self.ready.values().filter(|ready| **ready).count());
                said = Instant::now();
            }
            if Instant::now() > until {
                bail!("{} of {count} clusters are as wished for", self.ready.values().filter(|ready| **ready).count());
            }
            // Quiet for a while is no end: the next look is at most half a minute away.
            if let Ok(next) = timeout(Duration::from_secs(5), self.next()).await {
                next?;
            }
        }
        Ok(())
    }
}
