//! What the bench of Kubernetes needs beside the portal: an API server with a stand-in for the operator, the same writes without a portal, and a reader of
//! the event stream. `kubernetes TOOLS` prints `ready KUBECONFIG` and then answers one line for each line on its standard input, until that ends:
//!
//! - `portal URL TOKEN COOKIE`: which portal is meant from here on
//! - `wish`: milliseconds from a wish to its Cluster object through the portal, and from bare server-side apply of the same object
//! - `apply FILE`: writes that object to a file, for somebody else to apply; `seen`: milliseconds of `CLOCK_REALTIME` at which it came
//! - `grow N`: makes clusters until there are so many, all as wished for; seconds
//! - `change`: milliseconds from a pod's change in Kubernetes to the cluster's event in the stream, of another cluster each time
//! - `leave`: nobody reads the event stream until the next `portal`
//! - `versions`: a fingerprint of the versions of all objects of clusters

mod follow;
#[path = "../../tests/kubernetes/operator.rs"]
#[allow(dead_code, reason = "the bench's operator has one mood")]
mod operator;
mod postgres;
mod world;

use anyhow::{Context, Result, bail};
use follow::{Objects, Updates};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::io::{AsyncBufReadExt, BufReader};
use world::{NAMESPACE, World, apply, resource};

/// Longest wait for anything but many clusters.
const PATIENCE: Duration = Duration::from_secs(60);
/// The cluster that is asked for again and again.
const WISH: &str = "wish";

#[tokio::main]
async fn main() -> Result<()> {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let tools = std::env::args_os().nth(1).context("the folder that `cargo xtask test kubernetes` fills")?;
    let world = World::start(Path::new(&tools)).await?;
    println!("ready {}", world.kubeconfig.display());
    let mut bench = Bench { objects: Objects::follow(&world.client), world, http: reqwest::Client::new(), portal: None, next: 0 };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["portal", url, token, cookie] => bench.portal(url, token, cookie).await.map(|()| "ok".to_owned()),
            ["wish"] => bench.wish().await,
            ["apply", file] => bench.file(file).await,
            ["seen"] => bench.seen().await,
            ["grow", count] => bench.grow(count.parse()?).await,
            ["change"] => bench.change().await,
            ["leave"] => {
                bench.portal = None;
                Ok("ok".into())
            }
            ["versions"] => bench.versions().await,
            _ => bail!("no such word: {line}"),
        };
        println!("{}", answer.map_err(|error| error.context(line.clone()))?);
    }
    Ok(())
}

struct Portal {
    url: String,
    token: String,
    updates: Updates,
}

struct Bench {
    world: World,
    objects: Objects,
    http: reqwest::Client,
    portal: Option<Portal>,
    /// The cluster whose pod changes next.
    next: usize,
}

impl Bench {
    async fn portal(&mut self, url: &str, token: &str, cookie: &str) -> Result<()> {
        let updates = Updates::follow(url, cookie).await?;
        self.portal = Some(Portal { url: url.to_owned(), token: token.to_owned(), updates });
        // The place is looked at when the portal starts, and offers nothing before.
        let until = Instant::now() + PATIENCE;
        loop {
            let place = self.rest("GET", "/places/test", None).await?;
            if place["reachable"] == true && place["versions"].as_array().is_some_and(|all| !all.is_empty()) {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("the place is not ready: {place}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn known(&self) -> Result<&Portal> {
        self.portal.as_ref().context("no portal yet")
    }

    async fn rest(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let portal = self.known()?;
        let mut request = self.http.request(method.parse()?, format!("{}/v1{path}", portal.url)).bearer_auth(&portal.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{method} {path}: {status} {text}");
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    async fn create(&self, name: &str) -> Result<String> {
        let wish = json!({ "name": name, "preset": "small", "disk_size": 8, "version": "17", "nodes_number": 1, "sync_replica_number": 0, "place": "test" });
        let made = self.rest("POST", "/postgres/instances", Some(wish)).await?;
        Ok(made["uuid"].as_str().context("a cluster without a uuid")?.to_owned())
    }

    fn clusters(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.world.client.clone(), NAMESPACE, &resource("postgresql.cnpg.io/v1", "Cluster"))
    }

    /// One wish through the portal and the same object by hand; both are gone afterwards.
    async fn wish(&mut self) -> Result<String> {
        let started = Instant::now();
        let id = self.create(WISH).await?;
        let ours = self.objects.added(WISH).await?.duration_since(started);
        let body = self.same().await?;
        self.gone(&id).await?;
        let started = Instant::now();
        apply(&self.world.client, &body).await?;
        let bare = self.objects.added("bare").await?.duration_since(started);
        self.clear("bare").await?;
        Ok(format!("{} {}", milliseconds(ours), milliseconds(bare)))
    }

    /// Writes the same object for somebody else to apply.
    async fn file(&mut self, file: &str) -> Result<String> {
        let id = self.create(WISH).await?;
        self.objects.added(WISH).await?;
        let body = self.same().await?;
        self.gone(&id).await?;
        std::fs::write(file, body.to_string())?;
        Ok("ok".into())
    }

    async fn seen(&mut self) -> Result<String> {
        let ago = self.objects.added("bare").await?.elapsed();
        self.clear("bare").await?;
        Ok(milliseconds((SystemTime::now() - ago).duration_since(UNIX_EPOCH)?))
    }

    /// What the portal applied, under another name and as nobody's.
    async fn same(&self) -> Result<Value> {
        let object = self.clusters().get(WISH).await?;
        let labels = json!({ "app.kubernetes.io/managed-by": "bench" });
        let metadata = json!({ "name": "bare", "namespace": NAMESPACE, "labels": labels, "annotations": object.metadata.annotations });
        Ok(json!({ "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": metadata, "spec": object.data["spec"] }))
    }

    /// Deletes a cluster through the portal.
    async fn gone(&mut self, id: &str) -> Result<()> {
        self.rest("DELETE", &format!("/postgres/instances/{id}"), None).await?;
        self.objects.deleted(WISH).await?;
        self.portal.as_mut().context("no portal yet")?.updates.until(id, |update| update.get("Gone").is_some()).await.map(drop)
    }

    async fn clear(&mut self, name: &str) -> Result<()> {
        self.clusters().delete(name, &DeleteParams::background()).await?;
        self.objects.deleted(name).await
    }

    /// Until there are so many. Eight at once are asked for, as by eight people.
    async fn grow(&mut self, count: usize) -> Result<String> {
        let there = self.names().await?.len();
        if there == 0 {
            self.resemble().await?;
        }
        let started = Instant::now();
        let names: Vec<String> = (there..count).map(|n| format!("idle-{n}")).collect();
        for some in names.chunks(8) {
            futures::future::try_join_all(some.iter().map(|name| self.create(name))).await?;
            // One actor may ask 200 times a second.
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        let patience = PATIENCE + Duration::from_millis(300) * u32::try_from(count)?;
        let updates = &mut self.portal.as_mut().context("no portal yet")?.updates;
        updates.until_ready(count, patience).await?;
        Ok(started.elapsed().as_secs().to_string())
    }

    /// Gives the one PostgreSQL what clusters wish for: the portal asks each whether it has it.
    async fn resemble(&mut self) -> Result<()> {
        let id = self.create(WISH).await?;
        self.objects.added(WISH).await?;
        let body = self.same().await?;
        self.gone(&id).await?;
        self.world.postgres.set(&serde_json::from_value(body["spec"]["postgresql"]["parameters"].clone())?)
    }

    async fn names(&self) -> Result<Vec<String>> {
        let clusters = self.clusters().list_metadata(&ListParams::default().labels("howdah.dev/cluster")).await?;
        Ok(clusters.items.into_iter().filter_map(|cluster| cluster.metadata.name).collect())
    }

    /// A pod stops being ready, and is again.
    async fn change(&mut self) -> Result<String> {
        let names = self.names().await?;
        let name = names.get(self.next % names.len().max(1)).context("no cluster")?.clone();
        self.next += 1;
        let labels = self.clusters().get_metadata(&name).await?.metadata.labels.unwrap_or_default();
        let id = labels.get("howdah.dev/cluster").context("a label")?.clone();
        let pods: Api<DynamicObject> = Api::namespaced_with(self.world.client.clone(), NAMESPACE, &resource("v1", "Pod"));
        let mut took = Vec::new();
        for (ready, phase) in [("False", "Down"), ("True", "Ready")] {
            let status = json!({ "status": { "conditions": [{ "type": "Ready", "status": ready }] } });
            let started = Instant::now();
            let (pod, patch) = (format!("{name}-1"), Patch::Strategic(status));
            let params = PatchParams::default();
            let written = pods.patch_status(&pod, &params, &patch);
            let updates = &mut self.portal.as_mut().context("no portal yet")?.updates;
            let heard = updates.until(&id, |update| update["Cluster"]["status"]["phase"] == phase);
            let (written, heard) = tokio::join!(written, heard);
            written?;
            took.push(milliseconds(heard?.duration_since(started)));
            // The next change of this very cluster is not to be held up by this one, as if it flapped.
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        Ok(took.join(" "))
    }

    async fn versions(&self) -> Result<String> {
        let mut all = Vec::new();
        for (version, kind) in [("postgresql.cnpg.io/v1", "Cluster"), ("v1", "Pod"), ("v1", "Secret")] {
            let api: Api<DynamicObject> = Api::namespaced_with(self.world.client.clone(), NAMESPACE, &resource(version, kind));
            let found = api.list_metadata(&ListParams::default()).await?.items.into_iter().map(|object| object.metadata);
            all.extend(found.map(|meta| format!("{kind} {:?} {:?}", meta.name, meta.resource_version)));
        }
        all.sort();
        let mut hash = std::hash::DefaultHasher::new();
        std::hash::Hash::hash(&all, &mut hash);
        Ok(format!("{} {:x}", all.len(), std::hash::Hasher::finish(&hash)))
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}
