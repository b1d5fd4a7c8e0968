//! Which places a portal has: the local engine, contexts of kubeconfig files, the cluster that it runs in, and what a configuration file says. Pure but
//! for reading those files.

use super::Serve;
use crate::engine::kube::Choice;
use anyhow::{Context, Result, bail};
use domain::PlaceName;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Namespaces of clusters where nothing else is said: one for each project.
const NAMESPACE: &str = "howdah-{project}";
/// Where a pod finds who it is.
const POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Whether this machine is a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Here {
    /// Unless the portal runs in a pod.
    #[default]
    Auto,
    /// It is.
    On,
    /// It is not.
    Off,
}

/// A Kubernetes API server with its namespaces, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// Its name, unique in the portal.
    pub name: PlaceName,
    /// Words about where it is.
    #[serde(default)]
    pub region: String,
    /// How to reach it; none: the cluster that the portal runs in.
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; none: its current one.
    pub context: Option<String>,
    /// Where clusters go: `{project}` stands for the project's.
    #[serde(default = "namespace")]
    pub namespace: String,
    /// Which engine works there.
    #[serde(default)]
    pub engine: Choice,
    /// Name of the `ClusterImageCatalog` that offers versions, or `ImageCatalog/` and the name of one of the namespace; none: the first one there is.
    pub catalog: Option<String>,
    /// Each cluster gets a PodMonitor, by which Prometheus finds its metrics.
    #[serde(default)]
    pub pod_monitor: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    local: Option<Here>,
    #[serde(default)]
    place: Vec<Kubernetes>,
}

/// What a kubeconfig says about its contexts; everything else of it is for the client.
#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    contexts: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    context: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    namespace: Option<String>,
}

fn namespace() -> String {
    NAMESPACE.into()
}

/// The places of a portal.
#[derive(Debug, PartialEq, Eq)]
pub struct Chosen {
    /// This machine is one.
    pub local: bool,
    /// The others, in the order in which they were named.
    pub kubernetes: Vec<Kubernetes>,
}

/// Reads which places there are. An error names the file and what is wrong with it; a kubeconfig that cannot be read is none, since the place may only
/// be away: its engine says so.
pub fn chosen(serve: &Serve) -> Result<Chosen> {
    let file = serve.config.as_deref().map(read).transpose()?.unwrap_or_default();
    let pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() && Path::new(POD).join("token").exists();
    let mut all = file.place;
    for path in serve.kubeconfig.iter().filter(|path| !path.as_os_str().is_empty()) {
        all.extend(contexts(path));
    }
    if pod && all.iter().all(|place| place.kubeconfig.is_some()) {
        let own = std::fs::read_to_string(Path::new(POD).join("namespace")).map_or_else(|_| namespace(), |text| text.trim().to_owned());
        all.push(Kubernetes { namespace: own, kubeconfig: None, ..place(label("kubernetes"), PathBuf::new()) });
    }
    let local = match serve.local.or(file.local).unwrap_or_default() {
        Here::On => true,
        Here::Off => false,
        Here::Auto => !pod,
    };
    for (at, place) in all.iter().enumerate() {
        if place.name == PlaceName::local() && local || all[..at].iter().any(|other| other.name == place.name) {
            bail!("two places have the name {}: give one of them another one in the file of --config", place.name);
        }
        if !place.namespace.replace("{project}", "x").chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            bail!("{} is no namespace (place {}): lower-case letters, digits and hyphens, and {{project}}", place.namespace, place.name);
        }
    }
    if !local && all.is_empty() {
        bail!("there is no place where clusters could be created: name one by --kubeconfig or --config, or leave --local on");
    }
    Ok(Chosen { local, kubernetes: all })
}

fn read(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading the configuration {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("the configuration {}", path.display()))
}

fn place(name: PlaceName, path: PathBuf) -> Kubernetes {
    Kubernetes {
        name,
        region: String::new(),
        kubeconfig: Some(path),
        context: None,
        namespace: namespace(),
        engine: Choice::Auto,
        catalog: None,
        pod_monitor: false,
    }
}

/// A place for each context of a kubeconfig; one for the file where it cannot be read, so that people see that it is meant to be there.
fn contexts(path: &Path) -> Vec<Kubernetes> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let contexts = serde_saphyr::from_str::<Kubeconfig>(&text).map(|kubeconfig| kubeconfig.contexts).unwrap_or_default();
    if contexts.is_empty() {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("kubernetes");
        return vec![place(label(stem), path.to_owned())];
    }
    contexts
        .into_iter()
        .map(|Named { name, context }| {
            // A context that names a namespace means it; `default` is what tools write who mean none.
            let fixed = context.and_then(|context| context.namespace).filter(|namespace| !namespace.is_empty() && namespace != "default");
            Kubernetes { context: Some(name.clone()), namespace: fixed.unwrap_or_else(namespace), ..place(label(&name), path.to_owned()) }
        })
        .collect()
}

/// The text as a place's name: what a name cannot hold becomes a hyphen.
fn label(text: &str) -> PlaceName {
    let plain: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let trimmed = plain.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let short: String = trimmed.chars().take(domain::name::CLUSTER_NAME_MAX).collect();
    short.trim_end_matches('-').parse().or_else(|_| "kubernetes".parse()).unwrap_or_else(|_| PlaceName::local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_becomes_a_place_with_a_name_that_addresses_can_hold() {
        assert_eq!(label("kubernetes-admin@Kubernetes").as_str(), "kubernetes-admin-kubernetes");
        assert_eq!(label("123").as_str(), "kubernetes");
        assert_eq!(label("arn:aws:eks:eu-central-1:1:cluster/prod-and-a-very-long-name").as_str().len(), 41);
    }

    #[test]
    fn a_file_says_more_than_a_kubeconfig() {
        let file: File = toml::from_str("[[place]]\nname = \"frankfurt\"\nregion = \"eu\"\nkubeconfig = \"/k\"\nengine = \"cnpg\"\npod_monitor = true\n")
            .expect("it is TOML");
        assert_eq!(file.place.len(), 1);
        assert_eq!((file.place[0].engine, file.place[0].namespace.as_str(), file.place[0].pod_monitor), (Choice::Cnpg, NAMESPACE, true));
        assert!(toml::from_str::<File>("[[place]]\nname = \"x\"\nkubeconf = \"/k\"\n").is_err());
    }
}
