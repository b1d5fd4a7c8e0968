//! Plays CloudNativePG for a kube-apiserver on which nothing runs: from what a Cluster says to pods and a status, as far as the portal looks at them. Level
//! by level, so that it goes on after whatever cut it off. In its moods it is slow, silent, or ahead of what is there.

use futures::{StreamExt, stream};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

/// The image that the catalog of the tests has for PostgreSQL 17.
pub const IMAGE: &str = "postgresql:17.5";
/// As whom CloudNativePG writes.
pub const MANAGER: &str = "manager";
/// Phase of a cluster that is as its object says.
pub const HEALTHY: &str = "Cluster in healthy state";
/// Objects that are looked at side by side.
const HANDS: usize = 16;

/// How it works.
#[derive(Debug, Clone, Default)]
pub struct Mood {
    /// It does nothing at all.
    pub silent: bool,
    /// It says that a cluster is healthy before there is anything of it.
    pub hasty: bool,
    /// It waits that long before each write.
    pub pause: Duration,
    /// It makes the Secret that lets in `postgres` with this password; the Secret `authority` is who signed the certificates.
    pub password: Option<&'static str>,
}

/// Works until it is dropped.
pub struct Operator {
    mood: watch::Sender<Mood>,
    task: JoinHandle<()>,
}

impl Operator {
    /// In all namespaces, or in one.
    pub fn start(client: Client, namespace: Option<String>, mood: Mood) -> Self {
        let (mood, moods) = watch::channel(mood);
        Self { mood, task: tokio::spawn(run(client, namespace, moods)) }
    }

    /// Goes on in another mood, with another look at everything.
    pub fn change(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A kind of CloudNativePG.
pub fn kind(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("postgresql.cnpg.io", "v1", kind))
}

fn core(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind))
}

async fn run(client: Client, namespace: Option<String>, mut moods: watch::Receiver<Mood>) {
    loop {
        let mood = moods.borrow_and_update().clone();
        tokio::select! {
            changed = moods.changed() => if changed.is_err() { return },
            () = work(&client, namespace.as_deref(), &mood), if !mood.silent => {}
        }
    }
}

async fn work(client: &Client, namespace: Option<&str>, mood: &Mood) {
    let watches = ["Cluster", "DatabaseRole", "Database"].map(|name| {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind(name)),
            None => Api::all_with(client.clone(), &kind(name)),
        };
        watcher::watcher(api, watcher::Config::default()).default_backoff().map(move |event| (name, event)).boxed()
    });
    let events = stream::select_all(watches).filter_map(async |(name, event)| match event {
        Ok(Event::Apply(object) | Event::InitApply(object)) => Some((name, object)),
        Ok(Event::Delete(_) | Event::Init | Event::InitDone) | Err(_) => None,
    });
    let attended = events.for_each_concurrent(HANDS, async |(name, object)| {
        let (namespace, named) = (object.namespace().unwrap_or_default(), object.name_any());
        // An outage, or somebody who was faster: from the beginning.
        while attend(client, name, &namespace, &named, mood).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    attended.await;
}

async fn attend(client: &Client, name: &str, namespace: &str, named: &str, mood: &Mood) -> kube::Result<()> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind(name));
    let Some(object) = api.get_opt(named).await? else { return Ok(()) };
    match name {
        "Cluster" => Hand { client, namespace, api: &api, mood }.cluster(&object).await,
        _ => item(client, &api, namespace, &object).await,
    }
}

/// A DatabaseRole or a Database.
async fn item(client: &Client, api: &Api<DynamicObject>, namespace: &str, object: &DynamicObject) -> kube::Result<()> {
    let mut status = json!({ "applied": true, "observedGeneration": object.metadata.generation });
    if let Some(secret) = object.data["spec"]["passwordSecret"]["name"].as_str() {
        let secrets: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &core("Secret"));
        match secrets.get_opt(secret).await? {
            Some(secret) => status["secretResourceVersion"] = secret.resource_version().into(),
            None => status = json!({ "applied": false, "message": format!("secrets {secret:?} not found") }),
        }
    }
    say(api, object, status).await
}

/// Writes a status, if it is another one.
async fn say(api: &Api<DynamicObject>, object: &DynamicObject, status: Value) -> kube::Result<()> {
    let same = |(key, value): (&String, &Value)| object.data["status"].get(key) == Some(value);
    if !status.as_object().into_iter().flatten().all(same) {
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        api.patch_status(&object.name_any(), &params, &Patch::Merge(json!({ "status": status }))).await?;
    }
    Ok(())
}

/// At one Cluster.
struct Hand<'a> {
    client: &'a Client,
    namespace: &'a str,
    api: &'a Api<DynamicObject>,
    mood: &'a Mood,
}

impl Hand<'_> {
    fn pods(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), self.namespace, &core("Pod"))
    }

    async fn say(&self, object: &DynamicObject, status: Value) -> kube::Result<()> {
        sleep(self.mood.pause).await;
        say(self.api, object, status).await
    }

    async fn cluster(&self, object: &DynamicObject) -> kube::Result<()> {
        let name = object.name_any();
        let pods = self.pods().list(&ListParams::default().labels(&format!("cnpg.io/cluster={name}"))).await?.items;
        if object.metadata.deletion_timestamp.is_some() {
            self.dismiss(pods.iter().map(ResourceExt::name_any)).await?;
            if self.mood.password.is_some() {
                let secrets: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), self.namespace, &core("Secret"));
                match secrets.delete(&superuser(&name), &DeleteParams::default()).await {
                    Err(kube::Error::Api(status)) if status.is_not_found() => {}
                    gone => drop(gone?),
                }
            }
            return self.collect(object).await;
        }
        if object.annotations().get("cnpg.io/hibernation").is_some_and(|word| word == "on") {
            self.dismiss(pods.iter().map(ResourceExt::name_any)).await?;
            let condition = json!({ "type": "cnpg.io/hibernation", "status": "True", "reason": "Hibernated", "message": "Cluster has been hibernated",
                "lastTransitionTime": "2026-01-01T00:00:00Z" });
            return self.say(object, json!({ "phase": HEALTHY, "instances": 0, "readyInstances": 0, "conditions": [condition] })).await;
        }
        let wanted: Vec<String> = (1..=object.data["spec"]["instances"].as_u64().unwrap_or(1)).map(|n| format!("{name}-{n}")).collect();
        let limits = &object.data["spec"]["resources"]["limits"];
        let fits = |pod: &DynamicObject| &pod.data["spec"]["containers"][0]["resources"]["limits"] == limits && wanted.contains(&pod.name_any());
        let (good, bad): (Vec<_>, Vec<_>) = pods.into_iter().partition(fits);
        self.dismiss(bad.iter().map(ResourceExt::name_any)).await?;
        // A pod that was made, and then something came between.
        for pod in good.iter().filter(|pod| pod.data["status"]["phase"] != "Running") {
            self.start(&pod.name_any()).await?;
        }
        let good: BTreeSet<String> = good.iter().map(ResourceExt::name_any).collect();
        let missing: Vec<_> = wanted.iter().filter(|pod| !good.contains(*pod)).collect();
        let healthy = json!({
            "phase": HEALTHY, "phaseReason": null, "instances": wanted.len(), "readyInstances": wanted.len(), "instanceNames": wanted, "image": IMAGE,
            "instancesStatus": { "healthy": wanted }, "currentPrimary": wanted[0], "targetPrimary": wanted[0], "conditions": [],
        });
        if !missing.is_empty() && self.mood.pause > Duration::ZERO {
            let phase = if good.is_empty() { "Setting up primary" } else { "Creating a new replica" };
            let first = if self.mood.hasty { healthy.clone() } else { json!({ "phase": phase, "instances": wanted.len(), "readyInstances": good.len() }) };
            self.say(object, first).await?;
        }
        for pod in missing {
            sleep(self.mood.pause).await;
            self.pod(object, pod).await?;
        }
        let healthy = match self.mood.password {
            Some(password) => self.superuser(&name, password, healthy).await?,
            None => healthy,
        };
        let now = self.api.get(&name).await?;
        // What was changed meanwhile has an event of its own; but whoever attends to that may have looked before the last pod was made here.
        if now.metadata.generation == object.metadata.generation { self.say(&now, strip(healthy)).await } else { Box::pin(self.cluster(&now)).await }
    }

    async fn pod(&self, object: &DynamicObject, name: &str) -> kube::Result<()> {
        let mut labels = object.data["spec"]["inheritedMetadata"]["labels"].clone();
        labels["cnpg.io/cluster"] = object.name_any().into();
        labels["cnpg.io/instanceName"] = name.into();
        labels["cnpg.io/podRole"] = "instance".into();
        let container = json!({ "name": "postgres", "image": IMAGE, "resources": object.data["spec"]["resources"] });
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": labels },
            "spec": { "containers": [container], "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0, "nodeName": "none" },
        });
        match self.pods().create(&PostParams::default(), &serde_json::from_value(pod).map_err(kube::Error::SerdeError)?).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            made => drop(made?),
        }
        self.start(name).await
    }

    /// Has a pod run, as the kubelet would.
    async fn start(&self, name: &str) -> kube::Result<()> {
        sleep(self.mood.pause).await;
        let running = json!({ "name": "postgres", "image": IMAGE, "imageID": "", "ready": true, "restartCount": 0, "state": { "running": {} } });
        let status = json!({ "phase": "Running", "podIP": "10.0.0.1", "conditions": [{ "type": "Ready", "status": "True" }], "containerStatuses": [running] });
        self.pods().patch_status(name, &PatchParams::default(), &Patch::Merge(json!({ "status": status }))).await.map(drop)
    }

    /// Makes the Secret of the superuser; the status that goes with it.
    async fn superuser(&self, name: &str, password: &str, mut status: Value) -> kube::Result<Value> {
        status["certificates"] = json!({ "serverCASecret": "authority" });
        let secrets: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), self.namespace, &core("Secret"));
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": superuser(name) },
            "type": "kubernetes.io/basic-auth", "stringData": { "username": "postgres", "password": password } });
        match secrets.create(&PostParams::default(), &serde_json::from_value(secret).map_err(kube::Error::SerdeError)?).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            made => drop(made?),
        }
        Ok(status)
    }

    /// Takes pods away, as the kubelet would, too.
    async fn dismiss(&self, pods: impl Iterator<Item = String>) -> kube::Result<()> {
        for pod in pods {
            sleep(self.mood.pause).await;
            let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
            match self.pods().delete(&pod, &now).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                gone => drop(gone?),
            }
        }
        Ok(())
    }

    /// Lets an object go whose dependents are gone, as the garbage collector would. What others hold stays held.
    async fn collect(&self, object: &DynamicObject) -> kube::Result<()> {
        let left: Vec<_> = object.finalizers().iter().filter(|name| *name != "foregroundDeletion").collect();
        if left.len() < object.finalizers().len() {
            let patch = json!({ "metadata": { "finalizers": left } });
            match self.api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                done => drop(done?),
            }
        }
        Ok(())
    }
}

fn superuser(name: &str) -> String {
    format!("{name}-superuser")
}

/// Without what is null: that only takes away what is there.
fn strip(mut status: Value) -> Value {
    if let Value::Object(map) = &mut status {
        map.retain(|_, value| !value.is_null());
    }
    status
}
