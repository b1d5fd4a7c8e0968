//! What a scenario needs of a place beyond the portal: to connect, to kill, to see what is left.

use crate::portal::Portal;
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::{PersistentVolumeClaim, Pod, Secret, Service},
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::Value;
use sqlx::{
    Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::time::Duration;

/// A portal with one place that matters.
pub struct Place {
    pub portal: Portal,
    pub name: String,
    offer: Value,
    kube: Option<(Client, String)>,
    engine: &'static str,
}

impl Place {
    pub async fn local() -> Option<Self> {
        let portal = Portal::start().await?;
        let offer = portal.look("/v1/places/local").await;
        Some(Self { portal, name: "local".into(), offer, kube: None, engine: "local" })
    }

    /// The Kubernetes cluster of the kubeconfig that a variable names.
    pub async fn kubernetes(variable: &str, engine: &'static str) -> Option<Self> {
        let Some(path) = std::env::var_os(variable) else {
            eprintln!("skipped: {variable} names no kubeconfig");
            return None;
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(&path).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a kubeconfig");
        // A tenant has the namespace that it was given.
        let template = if config.default_namespace == "default" { "howdah-conformance-{project}".to_owned() } else { config.default_namespace.clone() };
        let namespace = template.replace("{project}", "default");
        let client = Client::try_from(config).expect("a client");
        let file = std::env::temp_dir().join(format!("howdah-conformance-{engine}-{}.toml", std::process::id()));
        let text = format!("[[place]]\nname = \"there\"\nkubeconfig = {path:?}\nnamespace = \"{template}\"\nengine = \"{engine}\"\n");
        std::fs::write(&file, text).expect("written");
        let portal = Portal::start_with(vec!["--config".into(), file.display().to_string()]).await?;
        crate::eventually("the place is known", Duration::from_secs(60), async || {
            let there = portal.look("/v1/places/there").await;
            there["reachable"] == true && there["versions"].as_array().is_some_and(|all| !all.is_empty())
        })
        .await;
        let offer = portal.look("/v1/places/there").await;
        Some(Self { portal, name: "there".into(), offer, kube: Some((client, namespace)), engine })
    }

    /// Whether the place says that it can.
    pub fn can(&self, what: &str) -> bool {
        self.offer[what] == true
    }

    /// Whether the scenario may kill a primary: tenants may not.
    pub async fn kills(&self) -> bool {
        let Some((client, namespace)) = &self.kube else { return true };
        let attributes = ResourceAttributes {
            namespace: Some(namespace.clone()),
            verb: Some("delete".into()),
            resource: Some("pods".into()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let answer = Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await.expect("an answer");
        answer.status.is_some_and(|status| status.allowed)
    }

    /// A name that nobody had before.
    pub fn fresh_name(&self) -> String {
        format!("conf-{}", &uuid::Uuid::new_v4().simple().to_string()[..8])
    }

    pub async fn active(&self, id: &str) {
        let limit = if self.kube.is_some() { 400 } else { 120 };
        self.portal.active_within(id, Duration::from_secs(limit)).await;
    }

    /// A session through the read-write address that the portal shows, with the certificate of the server checked.
    pub async fn connect(&self, id: &str, user: &str, password: &str, database: &str) -> sqlx::Result<PgConnection> {
        let instance = self.portal.get(id).await;
        let endpoint = instance["endpoints"].as_array().into_iter().flatten().find(|e| e["kind"] == "rw").ok_or(sqlx::Error::PoolTimedOut)?.clone();
        let ca = self.portal.look(&format!("/v1/postgres/instances/{id}/access")).await["ca"].as_str().map(str::to_owned);
        let port = endpoint["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        let host = self.resolved(endpoint["host"].as_str().expect("a host")).await.ok_or(sqlx::Error::PoolTimedOut)?;
        let options = PgConnectOptions::new_without_pgpass().host(&host).port(port).username(user).password(password).database(database);
        let options = match ca {
            Some(ca) => options.ssl_mode(PgSslMode::VerifyCa).ssl_root_cert_from_pem(ca.into_bytes()),
            None => options.ssl_mode(PgSslMode::Require),
        };
        tokio::time::timeout(Duration::from_secs(5), PgConnection::connect_with(&options)).await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    /// A session as somebody who may do everything by hand; none where nobody may.
    pub async fn superuser(&self, id: &str) -> Option<PgConnection> {
        let instance = self.portal.get(id).await;
        let Some((client, namespace)) = &self.kube else { return Some(self.through_its_socket(&instance).await) };
        if self.engine != "cnpg" {
            return None;
        }
        let endpoint = instance["endpoints"].as_array().into_iter().flatten().find(|e| e["kind"] == "rw").expect("an address").clone();
        let name = endpoint["name"].as_str().and_then(|name| name.strip_suffix("-rw")).expect("a name").to_owned();
        let secret = Api::<Secret>::namespaced(client.clone(), namespace).get(&format!("{name}-superuser")).await.expect("the Secret of the superuser");
        let password = secret.data.and_then(|mut data| data.remove("password")).expect("a password");
        let password = String::from_utf8(password.0).expect("text");
        Some(self.connect(id, "postgres", &password, "postgres").await.expect("a session"))
    }

    async fn through_its_socket(&self, instance: &Value) -> PgConnection {
        let id = instance["uuid"].as_str().expect("an id").replace('-', "");
        let ordinal = instance["primary"].as_str().expect("a primary").rsplit('-').next().expect("an ordinal");
        let folder = self.portal.data.join("clusters/s").join(format!("{}.{ordinal}", &id[22..]));
        let files = std::fs::read_dir(&folder).expect("a folder of sockets");
        let port = files.flatten().find_map(|file| file.file_name().to_str()?.strip_prefix(".s.PGSQL.")?.parse().ok()).expect("a socket");
        let options = PgConnectOptions::new_without_pgpass().socket(folder).port(port).username("postgres").database("postgres");
        PgConnection::connect_with(&options).await.expect("a session")
    }

    /// Whether the place says that it takes away what somebody gave a role by hand.
    pub fn resets_roles(&self) -> bool {
        self.offer["remarks"].as_array().into_iter().flatten().any(|remark| remark.as_str().is_some_and(|text| text.contains("made by hand")))
    }

    /// The address behind a service's name, for a test that does not run in the cluster.
    async fn resolved(&self, host: &str) -> Option<String> {
        let Some((client, _)) = &self.kube else { return Some(host.to_owned()) };
        let mut parts = host.split('.');
        let (service, namespace) = (parts.next()?, parts.next()?);
        Api::<Service>::namespaced(client.clone(), namespace).get(service).await.ok()?.spec?.cluster_ip
    }

    /// When the primary's postmaster started.
    pub async fn started(&self, id: &str) -> String {
        let mut session = self.connect(id, "writer", crate::PASSWORD, "shop").await.expect("a session");
        sqlx::query("select pg_postmaster_start_time()::text").fetch_one(&mut session).await.expect("a row").get(0)
    }

    /// What tells of a write to each object of ours; nothing where there is none.
    pub async fn versions(&self, id: &str) -> Vec<(String, Option<String>)> {
        let mut all = Vec::new();
        for (kind, object) in self.objects(id).await {
            // The operator's own writes do not count: only those of the wish move the generation. Where objects have none, the portal dates its writes.
            let written = object.metadata.generation.map(|n| n.to_string()).or_else(|| object.annotations().get("howdah.dev/written").cloned());
            assert!(written.is_some(), "{:?}", object.metadata);
            all.push((format!("{kind}/{}", object.name_any()), written));
        }
        all.sort();
        all
    }

    async fn objects(&self, id: &str) -> Vec<(&'static str, DynamicObject)> {
        let Some((client, namespace)) = &self.kube else { return Vec::new() };
        let kinds: &[(&'static str, &str, &str, &str)] = match self.engine {
            "cnpg" => &[
                ("Cluster", "postgresql.cnpg.io", "v1", "clusters"),
                ("Database", "postgresql.cnpg.io", "v1", "databases"),
                ("DatabaseRole", "postgresql.cnpg.io", "v1", "databaseroles"),
            ],
            _ => &[("Postgres", "apps.cozystack.io", "v1alpha1", "postgreses")],
        };
        let mut all = Vec::new();
        for (kind, group, version, plural) in kinds {
            let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
            let found = api.list(&ListParams::default().labels(&format!("howdah.dev/cluster={id}"))).await;
            all.extend(found.into_iter().flat_map(|list| list.items).map(|object| (*kind, object)));
        }
        all
    }

    pub async fn kill_primary(&self, id: &str) {
        let instance = self.portal.get(id).await;
        match &self.kube {
            None => self.portal.kill_primary(&instance).await,
            Some((client, namespace)) => {
                let name = instance["primary"].as_str().expect("a primary");
                let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
                Api::<Pod>::namespaced(client.clone(), namespace).delete(name, &now).await.expect("killed");
            }
        }
    }

    /// What is left of a deleted cluster, as far as the test may see it.
    pub async fn left(&self, id: &str) -> Vec<String> {
        let Some((client, namespace)) = &self.kube else { return self.portal.leftovers() };
        let mut left: Vec<String> = self.objects(id).await.into_iter().map(|(kind, object)| format!("{kind}/{}", object.name_any())).collect();
        let ours = ListParams::default().labels(&format!("howdah.dev/cluster={id}"));
        if let Ok(found) = Api::<Secret>::namespaced(client.clone(), namespace).list(&ours).await {
            left.extend(found.items.into_iter().map(|secret| format!("Secret/{}", secret.name_any())));
        }
        if let Ok(found) = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace).list(&ours).await {
            left.extend(found.items.into_iter().map(|claim| format!("PersistentVolumeClaim/{}", claim.name_any())));
        }
        left
    }

    pub async fn end(self) {
        self.portal.end().await;
    }
}
