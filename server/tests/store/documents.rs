//! `Postgres` documents through the portal.

use super::world::*;
use app::portal::{Applied, Intent, Target};

const ORDERS: &str = "
apiVersion: apps.cozystack.io/v1alpha1
kind: Postgres
metadata: {name: orders}
spec:
  version: v17
  replicas: 2
  size: 10Gi
  users:
    app: {password: correct horse}
    reader: {}
  databases:
    shop:
      roles: {admin: [app], readonly: [reader]}
      extensions: [hstore]
";

async fn apply(portal: &Service, text: &str) -> Result<Applied, Error> {
    portal.apply(&admin(), Target::Named, text, None, Intent::Save).await
}

#[tokio::test]
async fn a_document_applied_again_changes_nothing() {
    let store = store().await;
    let portal = service(&store);
    let tried = portal.apply(&admin(), Target::Named, ORDERS, None, Intent::Trial).await.unwrap();
    assert!(tried.created && tried.accepted.is_none());
    assert!(portal.clusters(&admin()).await.unwrap().is_empty(), "a trial saves nothing");

    let first = apply(&portal, ORDERS).await.unwrap();
    let id = first.accepted.unwrap().id;
    assert!(first.created && first.changed);
    let kept = credentials::verifiers(&store, id).await.unwrap();
    assert!(secret::verifies(&"correct horse".into(), &kept[&role("app")].scram));
    assert!(kept.contains_key(&role("reader")), "made up and kept");
    let before = portal.cluster(&admin(), id).await.unwrap();

    let second = apply(&portal, ORDERS).await.unwrap();
    assert!(!second.created && !second.changed && second.costs.is_empty(), "{second:?}");
    assert_eq!(portal.cluster(&admin(), id).await.unwrap(), before);
    assert!(credentials::verifiers(&store, id).await.unwrap() == kept);

    // The same document out is the same document in.
    let printed = portal.document(&admin(), id).await.unwrap();
    assert!(!printed.contains("correct horse"));
    let third = portal.apply(&admin(), Target::Cluster(id), &printed, Some(before.generation), Intent::Save).await.unwrap();
    assert!(!third.changed, "{printed}");
}

#[tokio::test]
async fn another_password_in_a_document_is_a_new_one() {
    let store = store().await;
    let portal = service(&store);
    let id = apply(&portal, ORDERS).await.unwrap().accepted.unwrap().id;
    let other = ORDERS.replace("correct horse", "battery staple");
    let applied = apply(&portal, &other).await.unwrap();
    assert!(applied.changed && applied.costs.iter().any(|cost| cost.contains("password of app")), "{applied:?}");
    let kept = credentials::verifiers(&store, id).await.unwrap();
    assert_eq!((kept[&role("app")].version, kept[&role("reader")].version), (2, 1));
    assert!(secret::verifies(&"battery staple".into(), &kept[&role("app")].scram));
}

#[tokio::test]
async fn documents_are_refused_at_the_line_of_theirs_that_is_wrong() {
    let store = store().await;
    let portal = service(&store);
    let refused = |text: String| {
        let portal = portal.clone();
        async move { apply(&portal, &text).await.unwrap_err() }
    };
    let version = refused(ORDERS.replace("v17", "v15")).await;
    assert!(version.at("spec.version").is_some(), "{version}");
    let long = refused(ORDERS.replace("correct horse", &"x".repeat(100))).await;
    assert!(long.at("spec.users.app.password").is_some(), "{long}");
    let extension = refused(ORDERS.replace("hstore", "postgis")).await;
    assert!(extension.at("spec.databases.shop.extensions").is_some(), "{extension}");
    assert!(matches!(refused("{".into()).await, Error::Invalid(_)));
    assert!(portal.clusters(&admin()).await.unwrap().is_empty());

    let id = apply(&portal, ORDERS).await.unwrap().accepted.unwrap().id;
    let drops = refused(ORDERS.replace("databases:", "databases: {}\n  unused:").replace("unused:\n    shop:", "labels:")).await;
    assert!(matches!(drops, Error::Invalid(_)), "{drops}");
    let stale = portal.apply(&admin(), Target::Cluster(id), &ORDERS.replace("replicas: 2", "replicas: 3"), Some(7), Intent::Save).await;
    assert_eq!(stale.unwrap_err(), Conflict::Stale { generation: 1 }.into());
    let viewer = portal.apply(&actor(Role::Operator), Target::Named, ORDERS, None, Intent::Save).await;
    assert!(matches!(viewer, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn one_document_applied_by_two_at_once_makes_one_cluster() {
    let store = store().await;
    let portal = service(&store);
    let one = || {
        let portal = portal.clone();
        tokio::spawn(async move { apply(&portal, ORDERS).await })
    };
    let all = futures::future::join_all([one(), one(), one()]).await;
    let created = all.into_iter().map(|outcome| outcome.unwrap().unwrap().created).filter(|created| *created).count();
    assert_eq!(created, 1);
    assert_eq!(portal.clusters(&admin()).await.unwrap().len(), 1);
}
