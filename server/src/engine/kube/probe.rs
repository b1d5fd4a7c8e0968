//! What a place has: version, kinds, catalogs, storage classes, rights. Every part that may be forbidden is asked for by itself: one refusal hides
//! nothing else.

use super::{
    failure::{Failure, chain},
    object::{Kind, Object, Readable},
    place::Place,
    rights::{self, Ask, Part, Right, Scope},
};
use domain::ProjectId;
use futures::future::join_all;
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;

/// Longest wait for one question of a probe.
const QUESTION: Duration = Duration::from_secs(5);

/// CloudNativePG's API group.
pub const CNPG: &str = "postgresql.cnpg.io";
/// The API group that Cozystack serves to tenants.
pub const COZYSTACK: &str = "apps.cozystack.io";

/// The API group of prometheus-operator.
pub const MONITORING: &str = "monitoring.coreos.com";

/// What was found at a place that answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Kubernetes' version, as in `v1.35.4`.
    pub version: String,
    /// API groups that are served.
    pub groups: BTreeSet<String>,
    /// Kinds of CloudNativePG, as in `DatabaseRole`.
    pub cnpg: BTreeSet<String>,
    /// PodMonitors are wanted and served.
    pub monitors: bool,
    /// Exporters may be asked.
    pub proxy: bool,
    /// Image catalogs that there are to choose from.
    pub catalogs: Vec<Catalog>,
    /// Why catalogs could not be read.
    pub no_catalogs: Option<String>,
    /// Storage classes; none: may not be read.
    pub classes: Option<Vec<Class>>,
    /// Projects have namespaces of their own, and the portal may look at all of them.
    pub wide: bool,
    /// Whether the fixed namespace is there; none: there is no fixed one, or it may not be read.
    pub namespace: Option<bool>,
    /// Rights that are needed and missing.
    pub missing: Vec<Lack>,
    /// Something could not be found out, as while the API server starts: what is empty here may be there.
    pub uncertain: bool,
}

impl Facts {
    /// Whether a kind of CloudNativePG is served.
    pub fn has_cnpg(&self, kind: &str) -> bool {
        self.cnpg.contains(kind)
    }

    /// Whether no right to create clusters of CloudNativePG is missing. Tenants of Cozystack see the kind and may not.
    pub fn may_create_cnpg(&self) -> bool {
        !self.missing.iter().flat_map(|lack| &lack.asks).any(|ask| (ask.group, ask.resource, ask.verb) == (CNPG, "clusters", "create"))
    }

    /// The class that volumes get when none is named.
    pub fn default_class(&self) -> Option<&Class> {
        self.classes.iter().flatten().find(|class| class.default)
    }
}

/// A right that the portal has not, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The right.
    pub right: &'static Right,
    /// What of it is missing.
    pub asks: Vec<Ask>,
}

/// A list of images by major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Its name.
    pub name: String,
    /// Major version and image.
    pub images: Vec<(u16, String)>,
}

/// A storage class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Taken when none is named.
    pub default: bool,
    /// Its volumes can be made larger.
    pub grows: bool,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct RawCatalog {
    spec: RawImages,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct RawImages {
    images: Vec<RawImage>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct RawImage {
    major: u16,
    image: String,
}

/// An image catalog of a namespace.
const OWN_CATALOG: Kind = Kind { group: CNPG, version: "v1", kind: "ImageCatalog", plural: "imagecatalogs" };

impl Readable for RawCatalog {
    const KIND: Kind = Kind { group: CNPG, version: "v1", kind: "ClusterImageCatalog", plural: "clusterimagecatalogs" };
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawClass {
    allow_volume_expansion: bool,
}

impl Readable for RawClass {
    const KIND: Kind = Kind { group: "storage.k8s.io", version: "v1", kind: "StorageClass", plural: "storageclasses" };
}

/// Looks at everything. An error is a sentence: the place does not answer, or refuses the credentials.
pub(super) async fn probe(place: &Place, client: &Client) -> Result<Facts, String> {
    let version = alive(client).await?;
    let groups = asked(client.list_api_groups()).await?;
    let groups: BTreeSet<String> = groups.groups.into_iter().map(|group| group.name).collect();
    let mut facts = Facts { version, groups, ..Facts::default() };
    if facts.groups.contains(CNPG) {
        let kinds = asked(client.list_api_group_resources(&format!("{CNPG}/v1"))).await;
        // A group that is there without its version: the CRDs are on their way in or out.
        facts.cnpg = kinds.map(|list| list.resources.into_iter().filter(|r| !r.name.contains('/')).map(|r| r.kind).collect()).unwrap_or_default();
        facts.uncertain = facts.cnpg.is_empty();
        match found_catalogs(place).await {
            Ok(all) => facts.catalogs = catalogs(all),
            Err(failure) => {
                facts.uncertain |= is_passing(&failure);
                facts.no_catalogs = Some(words(failure));
            }
        }
    }
    if place.target().pod_monitor && facts.groups.contains(MONITORING) {
        let kinds = asked(client.list_api_group_resources(&format!("{MONITORING}/v1"))).await;
        facts.uncertain |= kinds.is_err();
        facts.monitors = kinds.is_ok_and(|list| list.resources.iter().any(|resource| resource.kind == "PodMonitor"));
    }
    match place.list::<RawClass>(None, "").await {
        Ok(all) => facts.classes = Some(all.into_iter().map(class).collect()),
        Err(failure) => facts.uncertain |= is_passing(&failure),
    }
    let per_project = place.target().namespace.contains("{project}");
    let fixed = (!per_project).then_some(place.target().namespace.as_str());
    let everywhere = Ask { group: CNPG, resource: "clusters", subresource: "", verb: "list", scope: Scope::Namespace };
    if per_project {
        let wide = may(client, &everywhere, None).await;
        facts.uncertain |= wide.is_none();
        // Watches are not closed again: those of every namespace beside one for all would stay.
        facts.wide = wide.unwrap_or_else(|| place.facts().is_some_and(|known| known.wide));
    }
    if let Some(namespace) = fixed {
        match place.get_raw(&Kind::core("Namespace", "namespaces"), None, namespace).await {
            Ok(found) => facts.namespace = Some(found.is_some()),
            Err(failure) => facts.uncertain |= is_passing(&failure),
        }
    }
    // Whoever does not want to give it is not told that it is missing.
    let proxy = rights::needed(&[Part::PodProxy]).flat_map(Right::asks).next();
    if let Some(ask) = proxy.filter(|_| facts.groups.contains(CNPG)) {
        facts.proxy = may(client, &ask, fixed).await.unwrap_or_else(|| place.facts().is_some_and(|known| known.proxy));
    }
    let asks = needed(place, &facts);
    let answers = join_all(asks.iter().map(|(_, ask)| may(client, ask, fixed.filter(|_| ask.scope == Scope::Namespace)))).await;
    facts.uncertain |= answers.contains(&None);
    facts.missing = missing(asks, &answers);
    Ok(facts)
}

/// Whether it answers at all; its version.
pub(super) async fn alive(client: &Client) -> Result<String, String> {
    Ok(asked(client.apiserver_version()).await?.git_version)
}

async fn asked<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
    match timeout(QUESTION, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.code == 401 => {
            Err("The API server refuses the portal's credentials: they are wrong or have expired. Renew the kubeconfig.".into())
        }
        Ok(Err(error)) => Err(format!("The API server does not answer: {}. Clusters there go on; the portal tries again by itself.", chain(&error))),
        Err(_) => Err("The API server does not answer within 5 s. Clusters there go on; the portal tries again by itself.".into()),
    }
}

/// Those that belong to no namespace; only the one of the namespace where that was named.
async fn found_catalogs(place: &Place) -> Result<Vec<Object<RawCatalog>>, Failure> {
    let Some(name) = place.target().own_catalog() else { return place.list(None, "").await };
    // Every project has the like, where each has a namespace of its own.
    let found = place.get_raw(&OWN_CATALOG, Some(&place.namespace_of(ProjectId::DEFAULT)), name).await?;
    found.into_iter().map(|object| Object::read(object).map_err(Failure::Retry)).collect()
}

fn catalogs(all: Vec<Object<RawCatalog>>) -> Vec<Catalog> {
    let one =
        |object: Object<RawCatalog>| Catalog { name: object.meta.name, images: object.body.spec.images.into_iter().map(|i| (i.major, i.image)).collect() };
    let mut catalogs: Vec<_> = all.into_iter().map(one).collect();
    catalogs.sort_by(|a, b| a.name.cmp(&b.name));
    catalogs
}

fn class(object: Object<RawClass>) -> Class {
    let default = object.meta.annotation("storageclass.kubernetes.io/is-default-class") == Some("true");
    Class { name: object.meta.name, default, grows: object.body.allow_volume_expansion }
}

/// Whether another answer may come by itself; a missing right does not.
fn is_passing(failure: &Failure) -> bool {
    match failure {
        Failure::Blocked(_) | Failure::Owned(_) => false,
        Failure::Down(_) | Failure::Retry(_) | Failure::Stale(_) => true,
    }
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Blocked(reason) => reason.message,
        Failure::Down(why) | Failure::Retry(why) | Failure::Stale(why) => why,
        Failure::Owned(_) => String::new(),
    }
}

/// What the portal needs there.
fn needed(place: &Place, facts: &Facts) -> Vec<(&'static Right, Ask)> {
    let mut parts = vec![Part::Every];
    if facts.groups.contains(CNPG) {
        parts.push(Part::Cnpg);
        if place.target().pod_monitor {
            parts.push(Part::PodMonitors);
        }
    }
    if facts.groups.contains(COZYSTACK) {
        parts.push(Part::Cozystack);
    }
    if place.target().namespace.contains("{project}") {
        parts.push(Part::Namespaces);
    }
    if place.target().kubeconfig.is_some() {
        parts.push(Part::PortForward);
    }
    let own = place.target().own_catalog().is_some();
    let served = |right: &&Right| match right.resource {
        "databaseroles" => facts.has_cnpg("DatabaseRole"),
        "imagecatalogs" => own,
        "clusterimagecatalogs" => !own,
        _ => true,
    };
    rights::needed(&parts).filter(served).flat_map(|right| right.asks().map(move |ask| (right, ask))).collect()
}

/// What of it is denied. What could not be asked is not called missing.
fn missing(asks: Vec<(&'static Right, Ask)>, answers: &[Option<bool>]) -> Vec<Lack> {
    let mut lacks: Vec<Lack> = Vec::new();
    for ((right, ask), _) in asks.into_iter().zip(answers).filter(|(_, answer)| **answer == Some(false)) {
        match lacks.iter_mut().find(|lack| lack.right == right) {
            Some(lack) => lack.asks.push(ask),
            None => lacks.push(Lack { right, asks: vec![ask] }),
        }
    }
    lacks
}

/// Whether we have a right; none: that could not be asked just now. Where nobody may ask at all, everything is tried.
async fn may(client: &Client, ask: &Ask, namespace: Option<&str>) -> Option<bool> {
    let mut attributes = json!({ "group": ask.group, "resource": ask.resource, "verb": ask.verb });
    if !ask.subresource.is_empty() {
        attributes["subresource"] = ask.subresource.into();
    }
    if let Some(namespace) = namespace {
        attributes["namespace"] = namespace.into();
    }
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": { "resourceAttributes": attributes } });
    let request = http_post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review)?;
    match timeout(QUESTION, client.request::<Value>(request)).await {
        Ok(Ok(answer)) => answer["status"]["allowed"].as_bool(),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Some(true),
        Ok(Err(_)) | Err(_) => None,
    }
}

fn http_post(path: &str, body: &Value) -> Option<axum::http::Request<Vec<u8>>> {
    let body = serde_json::to_vec(body).ok()?;
    axum::http::Request::post(path).header("content-type", "application/json").body(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_that_was_not_answered_is_no_lack() {
        let right = rights::needed(&[Part::Cozystack]).next().expect("a right");
        let asks: Vec<_> = right.asks().take(3).map(|ask| (right, ask)).collect();
        let denied = asks[1].1;
        assert_eq!(missing(asks, &[None, Some(false), Some(true)]), [Lack { right, asks: vec![denied] }]);
    }
}
