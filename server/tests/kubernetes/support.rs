//! A real API server that dies with the tests, clients for it, the CRDs of others, and Helm.

use super::operator::IMAGE;
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Namespace, ServiceAccount},
};
use kube::{
    Client, Config, ResourceExt,
    api::{Api, ApiResource, DynamicObject, GroupVersionKind, ObjectMeta, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Who applies what tests apply.
pub const MANAGER: &str = "test";

/// What `./dev test kubernetes` built; none, with a line about it, where it did not.
pub fn tools() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("kubernetes");
    if folder.join("built-from").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: there is no API server to test with; `./dev test kubernetes` builds one, with Go");
    None
}

/// An API server of its own.
pub struct Server {
    data: PathBuf,
    child: Child,
    leash: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Server {
    /// A fresh one; none where there is nothing to start.
    pub fn start() -> Option<Self> {
        Some(Self::run(&tools()?, &[]))
    }

    fn run(tools: &Path, arguments: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(Path::new(env!("CARGO_TARGET_TMPDIR")).join("apiserver.log")).unwrap();
        let mut command = Command::new(tools.join("apiserver"));
        command.arg("-leash").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // Ctrl-C ends the tests; the end of the leash then ends the server, which cleans up.
        command.process_group(0);
        let mut child = command.spawn().unwrap();
        let (leash, mut said) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let kubeconfig = line(&mut said);
        let kubeconfig = Path::new(kubeconfig.strip_prefix("ready ").expect("an API server that gets ready; see apiserver.log in target/tmp"));
        Self { data: kubeconfig.parent().unwrap().to_owned(), child, leash, said }
    }

    /// A kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.data.join("kubeconfig")
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again over the same data, at the same address. Returns when it is ready.
    pub fn revive(&mut self) {
        let data = self.data.to_str().unwrap().to_owned();
        // What is assigned over is dropped, and with it the data would go.
        let old = std::mem::replace(self, Self::run(&tools().unwrap(), &["-dir", &data]));
        std::mem::forget(old);
    }

    /// The port of loopback at which it is.
    pub fn port(&self) -> u16 {
        fs::read_to_string(self.data.join("address")).unwrap().rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Keeps what etcd holds, to be taken back by [`Server::restore`]. Only while it is killed.
    pub fn save(&self) {
        copy(&self.data.join("etcd"), &self.data.join("saved"));
    }

    /// As somebody does with an old backup. Only while it is killed.
    pub fn restore(&self) {
        fs::remove_dir_all(self.data.join("etcd")).unwrap();
        copy(&self.data.join("saved"), &self.data.join("etcd"));
    }

    /// Makes etcd forget everything but its newest revision; returns that.
    pub fn compact(&mut self) -> u64 {
        writeln!(self.leash.as_mut().unwrap(), "compact").unwrap();
        let answer = line(&mut self.said);
        answer.strip_prefix("compacted ").expect(&answer).parse().unwrap()
    }

    /// An administrator.
    pub async fn client(&self) -> Client {
        Client::try_from(self.config().await).unwrap()
    }

    /// An administrator, to be changed into somebody else.
    pub async fn config(&self) -> Config {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig()).unwrap();
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() { copy(&entry.path(), &to) } else { fs::copy(entry.path(), to).map(drop).unwrap() }
    }
}

/// Does with a server what takes a while.
pub async fn with<T: Send + 'static>(mut server: Server, work: impl FnOnce(&mut Server) -> T + Send + 'static) -> (Server, T) {
    let done = tokio::task::spawn_blocking(move || {
        let answer = work(&mut server);
        (server, answer)
    });
    done.await.unwrap()
}

/// A server of its own, with CloudNativePG's kinds, an image catalog and a storage class.
pub async fn own() -> Option<Server> {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap()?;
    furnish(&server.client().await).await;
    Some(server)
}

/// What a place needs before clusters can be created there.
pub async fn furnish(client: &Client) {
    install_crds(client, &["cloudnative-pg"]).await;
    let images = [json!({ "major": 17, "image": IMAGE })];
    let catalog =
        json!({ "apiVersion": "postgresql.cnpg.io/v1", "kind": "ClusterImageCatalog", "metadata": { "name": "postgresql" }, "spec": { "images": images } });
    let default = json!({ "storageclass.kubernetes.io/is-default-class": "true" });
    let class = json!({ "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": "standard", "annotations": default },
        "provisioner": "example.com/none", "allowVolumeExpansion": true });
    for object in [catalog, class] {
        eventually("the place is furnished", async || apply(client, "", &object).await.ok()).await;
    }
}

fn line(said: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// The API server that the tests of this binary share, started with the first call, with all CRDs.
pub async fn shared() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static CRDS: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(Server::start).as_ref()).await.unwrap()?;
    let fill = async || {
        let client = server.client().await;
        furnish(&client).await;
        install_crds(&client, &["prometheus-operator"]).await;
    };
    CRDS.get_or_init(fill).await;
    Some(server)
}

/// Applies CRDs, by the name of their folder in `target/kubernetes/crds`, and waits until they are served.
pub async fn install_crds(client: &Client, names: &[&str]) {
    let files = names.iter().flat_map(|name| fs::read_dir(tools().unwrap().join("crds").join(name)).unwrap());
    let all: Vec<Value> = files.flat_map(|file| objects(&fs::read_to_string(file.unwrap().path()).unwrap())).collect();
    install(client, &all).await;
}

/// Applies CRDs, and waits until all that there are are served.
pub async fn install(client: &Client, all: &[Value]) {
    for object in all {
        apply(client, "default", object).await.unwrap();
    }
    for crd in crds(client).list(&Default::default()).await.unwrap() {
        let name = crd.name_any();
        eventually(&format!("{name} is served"), async || established(&crds(client).get(&name).await.unwrap()).then_some(())).await;
    }
}

/// The CRDs of a server.
pub fn crds(client: &Client) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition"));
    Api::all_with(client.clone(), &kind)
}

/// Whether a CRD is served.
pub fn established(crd: &DynamicObject) -> bool {
    let conditions = crd.data["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|condition| condition["type"] == "Established" && condition["status"] == "True"))
}

/// A fresh namespace.
pub async fn namespace(client: &Client) -> String {
    let name = format!("test-{}", uuid::Uuid::new_v4().simple());
    let namespace = Namespace { metadata: ObjectMeta { name: Some(name.clone()), ..Default::default() }, ..Default::default() };
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    // A controller would have made it: without one there are no pods.
    apply(client, &name, &json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" } })).await.unwrap();
    name
}

/// What a pod of this account would present.
pub async fn token(admin: &Client, namespace: &str, name: &str) -> String {
    let accounts = Api::<ServiceAccount>::namespaced(admin.clone(), namespace);
    accounts.create_token_request(name, &PostParams::default(), &TokenRequest::default()).await.unwrap().status.unwrap().token
}

/// The documents of a YAML text, without the empty ones.
pub fn objects(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// Applies an object as `kubectl apply --server-side --validate=strict` does, into `namespace` unless it names one.
pub async fn apply(client: &Client, namespace: &str, object: &Value) -> kube::Result<DynamicObject> {
    let kind = object["kind"].as_str().unwrap();
    let (group, version) = object["apiVersion"].as_str().unwrap().split_once('/').unwrap_or(("", object["apiVersion"].as_str().unwrap()));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let wide = ["CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Namespace", "ClusterImageCatalog", "StorageClass"].contains(&kind)
        || kind.ends_with("WebhookConfiguration");
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
    let api = if wide { Api::all_with(client.clone(), &resource) } else { Api::namespaced_with(client.clone(), namespace, &resource) };
    let name = object["metadata"]["name"].as_str().unwrap();
    api.patch(name, &PatchParams::apply(MANAGER).validation_strict(), &Patch::Apply(object)).await
}

/// Asks until the answer is some, for at most a minute: an API server on a busy machine takes its time.
pub async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < until, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What Helm makes of the chart for release `howdah`; an error is what it says.
pub fn helm(namespace: &str, values: &[&str]) -> Result<Vec<Value>, String> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("deploy").join("helm/howdah");
    let mut command = Command::new(tools().unwrap().join("helm"));
    command.args(["template", "howdah"]).arg(chart).args(["--kube-version", "1.35", "--namespace", namespace]);
    for value in values {
        command.args(["--set-json", value]);
    }
    let output = command.output().unwrap();
    match output.status.success() {
        true => Ok(objects(&String::from_utf8(output.stdout).unwrap())),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
