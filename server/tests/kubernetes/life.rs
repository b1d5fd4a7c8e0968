//! The API server itself: what a portal meets when it starts, restarts and forgets.

use super::support::{Server, apply, crds, established, eventually, install_crds, namespace, shared};
use futures::TryStreamExt;
use kube::{
    Api, Client, Error, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, VersionMatch, WatchEvent, WatchParams},
};
use serde_json::{Value, json};
use std::{cell::RefCell, time::Duration};

fn databases(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&GroupVersionKind::gvk("postgresql.cnpg.io", "v1", "Database")))
}

fn database(name: &str, owner: &str) -> Value {
    json!({
        "apiVersion": "postgresql.cnpg.io/v1", "kind": "Database", "metadata": { "name": name },
        "spec": { "cluster": { "name": "orders" }, "name": name, "owner": owner },
    })
}

#[tokio::test]
async fn the_crds_that_their_authors_publish_are_served() {
    let Some(server) = shared().await else { return };
    let client = server.client().await;
    for name in ["clusters.postgresql.cnpg.io", "databaseroles.postgresql.cnpg.io", "podmonitors.monitoring.coreos.com"] {
        assert!(established(&crds(&client).get(name).await.unwrap()), "{name}");
    }
    let namespace = namespace(&client).await;
    let first = apply(&client, &namespace, &database("shop", "app")).await.unwrap();
    let second = apply(&client, &namespace, &database("shop", "app")).await.unwrap();
    assert_eq!(first.resource_version(), second.resource_version(), "the same wish is no write");
}

/// A server that starts answers 404 and 429 for kinds that it does not serve yet. Only a `NotFound` that names the object means that it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_never_says_by_name_that_an_object_is_gone() {
    let Some(mut server) = tokio::task::spawn_blocking(Server::start).await.unwrap() else { return };
    let client = server.client().await;
    install_crds(&client, &["cloudnative-pg"]).await;
    let namespace = namespace(&client).await;
    let before = apply(&client, &namespace, &database("shop", "app")).await.unwrap();

    let mut config = server.config().await;
    config.default_retry = false;
    let impatient = Client::try_from(config).unwrap();
    server.kill();
    let api = databases(&impatient, &namespace);
    let met = RefCell::new(Vec::new());
    let asking = eventually("the object is shown again", async || match api.get("shop").await {
        Ok(object) => Some(object),
        Err(Error::Api(status)) => {
            let named = status.details.as_ref().is_some_and(|details| details.name == "shop");
            assert!(!(status.is_not_found() && named), "{status:?}");
            met.borrow_mut().push(status.code);
            None
        }
        Err(_) => None,
    });
    let reviving = tokio::task::spawn_blocking(move || {
        server.revive();
        server
    });
    let (after, server) = tokio::join!(asking, reviving);
    let mut met = met.into_inner();
    met.dedup();
    println!("while it started, it answered {met:?}");
    assert_eq!((before.uid(), before.resource_version()), (after.uid(), after.resource_version()));
    assert!(met.iter().all(|code| [401, 403, 404, 429, 500, 503].contains(code)), "{met:?}");
    drop(server.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_compacted_is_gone_and_a_watch_from_there_has_to_list_again() {
    let Some(mut server) = tokio::task::spawn_blocking(Server::start).await.unwrap() else { return };
    let client = server.client().await;
    install_crds(&client, &["cloudnative-pg"]).await;
    let namespace = namespace(&client).await;
    let api = databases(&client, &namespace);
    let old = apply(&client, &namespace, &database("shop", "app")).await.unwrap().resource_version().unwrap();
    for owner in ["one", "two", "three"] {
        apply(&client, &namespace, &database("shop", owner)).await.unwrap();
    }
    let newest = server.compact();
    assert!(newest > old.parse().unwrap());

    // A warm cache still knows what etcd forgot; a new process does not.
    let server = tokio::task::spawn_blocking(move || {
        server.kill();
        server.revive();
        server
    });
    let server = server.await.unwrap();
    eventually("the object is shown again", async || api.get("shop").await.ok()).await;
    let exactly = ListParams { version_match: Some(VersionMatch::Exact), resource_version: Some(old.clone()), ..ListParams::default() };
    let refused = api.list(&exactly).await.unwrap_err();
    assert!(matches!(&refused, Error::Api(status) if status.code == 410), "{refused:?}");
    let watch = api.watch(&WatchParams::default().timeout(20), &old).await.unwrap();
    let first = tokio::time::timeout(Duration::from_secs(30), std::pin::pin!(watch).try_next()).await.expect("an event").unwrap();
    assert!(matches!(&first, Some(WatchEvent::Error(status)) if status.code == 410), "{first:?}");
    drop(server);
}
