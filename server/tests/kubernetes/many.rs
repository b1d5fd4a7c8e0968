//! Five hundred clusters at one place.

use super::{
    operator::Mood,
    place::{Place, cluster, nudged},
    support::shared,
};
use domain::{Cluster, Phase, observed::Progress};
use futures::{StreamExt, stream};
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const MANY: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_idle_clusters_cost_no_write_and_one_change_is_found_among_them() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let _operator = place.operator(Mood::default());
    let mut all: Vec<Cluster> = (0..MANY).map(|n| cluster(&format!("orders-{n}"))).collect();
    let started = Instant::now();
    rounds(&place, &mut all, Duration::from_secs(120)).await;
    println!("{MANY} clusters as wished for after {:?}", started.elapsed());
    let before = versions(&place).await;
    assert_eq!(before.len(), 2 * MANY);

    let started = Instant::now();
    for _ in 0..3 {
        rounds(&place, &mut all, Duration::from_secs(30)).await;
    }
    println!("{} idle passes took {:?}", 3 * MANY, started.elapsed());
    place.reopen();
    let started = Instant::now();
    rounds(&place, &mut all, Duration::from_secs(30)).await;
    println!("a portal that begins anew saw all of them after {:?}", started.elapsed());
    assert_eq!(versions(&place).await, before, "nothing was written");

    let mut nudges = place.nudges();
    let status = json!({ "status": { "phase": "Failing over", "targetPrimary": "orders-250-2" } });
    let started = Instant::now();
    place.api("Cluster").patch_status("orders-250", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    nudged(&mut nudges, all[250].id).await;
    println!("one change was heard of after {:?}", started.elapsed());
    assert!(matches!(place.pass(&mut all[250]).await, Progress::Working(_)));
}

/// Passes over all of them until each is as wished for.
async fn rounds(place: &Place, all: &mut [Cluster], patience: Duration) {
    let started = Instant::now();
    let reached = stream::iter(all.iter_mut()).map(async |cluster| {
        while place.pass(cluster).await != Progress::Settled || cluster.status.phase != Phase::Ready {
            assert!(started.elapsed() < patience, "{}: {:?}", cluster.name, cluster.status);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    reached.buffer_unordered(16).collect::<Vec<()>>().await;
}

/// Versions of every Cluster and every pod.
async fn versions(place: &Place) -> BTreeMap<String, String> {
    let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::namespaced(place.client.clone(), &place.namespace);
    let pods = pods.list(&ListParams::default()).await.unwrap().items.into_iter().map(|pod| pod.metadata);
    let clusters = place.api("Cluster").list(&ListParams::default()).await.unwrap().items.into_iter().map(|cluster| cluster.metadata);
    let named = |kind: &'static str| move |meta: kube::api::ObjectMeta| (format!("{kind}/{}", meta.name.unwrap()), meta.resource_version.unwrap());
    pods.map(named("Pod")).chain(clusters.map(named("Cluster"))).collect()
}
