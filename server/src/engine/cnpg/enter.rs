//! How the portal gets into a cluster as superuser, and how people reach it.

use super::{
    Cnpg, build,
    crd::{self, SECRET},
};
use crate::engine::kube::{failure::Failure, object::Object};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{Cluster, ClusterId, place::Access};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What opens clusters, as long as their Secrets stay what they are.
#[derive(Default)]
pub struct Doors(Mutex<HashMap<ClusterId, (String, Keys)>>);

#[derive(Clone)]
struct Keys {
    password: SecretString,
    ca: String,
}

impl Doors {
    pub(super) fn forget(&self, id: ClusterId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

impl Cnpg {
    /// None while nobody accepts writes.
    pub(super) async fn enter(&self, cluster: &Cluster) -> Result<Option<PgConnectOptions>, Failure> {
        let namespace = self.place.namespace(cluster);
        let world = self.eyes.look(cluster).await?;
        let Some(object) = world.own(cluster) else { return Ok(None) };
        let status = &object.body.status;
        if !world.serves(cluster) {
            return Ok(None);
        }
        let Some(keys) = self.keys(cluster, &namespace, object).await? else { return Ok(None) };
        let (eyes, of, name) = (self.eyes.clone(), namespace.clone(), cluster.name.to_string());
        let fallback = status.current_primary.clone();
        let whom = Arc::new(move || eyes.primary(&of, &name).or_else(|| Some(fallback.clone())));
        let (host, port) = self.reach.to(cluster.id, &namespace, &format!("{}-rw", cluster.name), whom).await?;
        let options = PgConnectOptions::new_without_pgpass().host(&host).port(port).username("postgres").password(keys.password.expose_secret());
        // The name on the certificate is that of the service, which a forwarded port has not.
        Ok(Some(options.database("postgres").ssl_mode(PgSslMode::VerifyCa).ssl_root_cert_from_pem(keys.ca.into_bytes())))
    }

    async fn keys(&self, cluster: &Cluster, namespace: &str, object: &Object<crd::Cluster>) -> Result<Option<Keys>, Failure> {
        let versions = &object.body.status.secrets_resource_version;
        let version = |name: &str| versions.get(name).map(ToString::to_string).unwrap_or_default();
        let stamp = format!("{} {} {}", object.meta.uid, version("superuserSecretVersion"), version("serverCaSecretVersion"));
        if let Some((known, keys)) = self.doors.0.lock().unwrap_or_else(PoisonError::into_inner).get(&cluster.id)
            && *known == stamp
        {
            return Ok(Some(keys.clone()));
        }
        let (superuser, authority) = (format!("{}-superuser", cluster.name), authority(cluster, object));
        let (password, ca) = tokio::try_join!(self.entry(namespace, &superuser, "password"), self.entry(namespace, &authority, "ca.crt"))?;
        let (Some(password), Some(ca)) = (password, ca) else { return Ok(None) };
        let keys = Keys { password: password.into(), ca };
        self.doors.0.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster.id, (stamp, keys.clone()));
        Ok(Some(keys))
    }

    /// One entry of a Secret.
    async fn entry(&self, namespace: &str, name: &str, key: &str) -> Result<Option<String>, Failure> {
        let secret = self.place.get_raw(&SECRET, Some(namespace), name).await?;
        let text = secret.and_then(|secret| BASE64_STANDARD.decode(secret.data["data"][key].as_str()?).ok());
        Ok(text.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// The authority of a cluster's certificates, and how people get to it from inside and outside.
    pub(super) async fn ways(&self, cluster: &Cluster) -> Access {
        let namespace = self.place.namespace(cluster);
        let service = format!("{}-rw", cluster.name);
        let context = self.place.target().context.as_ref().map(|context| format!(" --context {context}")).unwrap_or_default();
        let mut commands = vec![
            ("From your own machine".to_owned(), format!("kubectl{context} --namespace {namespace} port-forward service/{service} 5432:5432")),
            (
                "See what the operator sees".to_owned(),
                format!("kubectl{context} --namespace {namespace} describe clusters.postgresql.cnpg.io {}", cluster.name),
            ),
        ];
        if cluster.spec.external {
            commands.push(("The address from outside".into(), format!("kubectl{context} --namespace {namespace} get service {}", build::external(cluster))));
        }
        let object = match self.eyes.look(cluster).await {
            Ok(world) => world.own(cluster).cloned(),
            Err(_) => None,
        };
        let ca = match &object {
            Some(object) => self.entry(&namespace, &authority(cluster, object), "ca.crt").await.ok().flatten(),
            None => None,
        };
        Access { ca, commands }
    }
}

/// The Secret with the authority that signs the servers' certificates.
fn authority(cluster: &Cluster, object: &Object<crd::Cluster>) -> String {
    match object.body.status.certificates.server_ca_secret.as_str() {
        "" => format!("{}-ca", cluster.name),
        name => name.to_owned(),
    }
}
