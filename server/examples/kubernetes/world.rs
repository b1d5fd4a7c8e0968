//! A kube-apiserver with everything that the portal needs to find there: CRDs, a catalog, a storage class, a node that leads to the one PostgreSQL.

use crate::{
    operator::{IMAGE, Mood, Operator},
    postgres::{PASSWORD, Postgres},
};
use anyhow::{Context, Result, bail};
use kube::{
    Client, Config,
    api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

/// Where the portal puts clusters of the project that every portal has.
pub const NAMESPACE: &str = "howdah-default";

/// Everything; gone with the value.
pub struct World {
    /// An administrator.
    pub client: Client,
    /// Of that administrator.
    pub kubeconfig: PathBuf,
    data: PathBuf,
    child: Child,
    leash: Option<ChildStdin>,
    /// Every primary.
    pub postgres: Postgres,
    _operator: Operator,
}

impl World {
    /// `tools`: what `cargo xtask test kubernetes` built.
    pub async fn start(tools: &Path) -> Result<Self> {
        let postgres = Postgres::start()?;
        let mut command = Command::new(tools.join("apiserver"));
        command.args(["-leash", "-pods", &format!("127.0.0.1:{}", postgres.port)]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.process_group(0).spawn().context("starting the API server")?;
        let leash = child.stdin.take();
        let mut said = BufReader::new(child.stdout.take().context("its output")?).lines();
        let mut word = |start: &str| -> Result<String> {
            let line = said.next().context("the API server ended")??;
            Ok(line.strip_prefix(start).with_context(|| format!("the API server said {line:?}"))?.trim().to_owned())
        };
        let kubeconfig = PathBuf::from(word("ready")?);
        let kubelet: u16 = word("kubelet")?.parse()?;
        let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(&kubeconfig)?, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;
        furnish(&client, &tools.join("crds/cloudnative-pg"), kubelet, &postgres.ca).await?;
        let operator = Operator::start(client.clone(), None, Mood { password: Some(PASSWORD), ..Mood::default() });
        let data = kubeconfig.parent().context("a folder")?.to_owned();
        Ok(Self { client, kubeconfig, data, child, leash, postgres, _operator: operator })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ended = self.child.wait();
        let _gone = fs::remove_dir_all(&self.data);
    }
}

async fn furnish(client: &Client, crds: &Path, kubelet: u16, ca: &str) -> Result<()> {
    let mut all = Vec::new();
    for file in fs::read_dir(crds)? {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(file?.path())?)?;
        all.extend(documents.into_iter().filter(|document| !document.is_null()));
    }
    let images = [json!({ "major": 17, "image": IMAGE })];
    let default = json!({ "storageclass.kubernetes.io/is-default-class": "true" });
    all.extend([
        json!({ "apiVersion": "postgresql.cnpg.io/v1", "kind": "ClusterImageCatalog", "metadata": { "name": "postgresql" }, "spec": { "images": images } }),
        json!({ "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": "standard", "annotations": default },
            "provisioner": "example.com/none", "allowVolumeExpansion": true }),
        json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "none" } }),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }),
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default", "namespace": NAMESPACE } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "authority", "namespace": NAMESPACE }, "stringData": { "ca.crt": ca } }),
    ]);
    for object in &all {
        let until = Instant::now() + Duration::from_secs(30);
        // A kind is served a moment after its CRD was taken.
        while let Err(error) = apply(client, object).await {
            if Instant::now() > until {
                bail!("{} {}: {error}", object["kind"], object["metadata"]["name"]);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let addresses = json!([{ "type": "InternalIP", "address": "127.0.0.1" }]);
    let status = json!({ "status": { "addresses": addresses, "daemonEndpoints": { "kubeletEndpoint": { "Port": kubelet } } } });
    let nodes: Api<DynamicObject> = Api::all_with(client.clone(), &resource("v1", "Node"));
    nodes.patch_status("none", &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

/// A kind by its version, as in `postgresql.cnpg.io/v1`.
pub fn resource(version: &str, kind: &str) -> ApiResource {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// Bare server-side apply, as another field manager than the portal.
pub async fn apply(client: &Client, object: &Value) -> kube::Result<DynamicObject> {
    let resource = resource(object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default());
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    api.patch(name, &PatchParams::apply("bench").validation_strict(), &Patch::Apply(object)).await
}
