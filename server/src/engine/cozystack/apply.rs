//! Bringing the object to a wish. One writer at a time for a cluster: the reconciler's lease; the API keeps no versions, and of two patches at once it loses one.
//!
//! No dry runs and no preconditions are used: this API ignores both, and really writes.

use super::{
    build, check,
    crd::{Pod, Postgres},
    mark::{Mark, Written, not_ours},
    observe::{World, outstanding, release_name, stuck, unfinished},
    patch::{patch, whole},
    platform::Platform,
    release::{Landed, before, landed, release},
};
use crate::engine::{
    EngineError, Verifiers,
    kube::{
        failure::{Failure, told},
        object::{Object, Readable},
        place::Place,
    },
};
use domain::{Cluster, Status, Timestamp, observed::Progress, status::Reason};
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longest wait for the answer to a write.
const WRITE: Duration = Duration::from_secs(12);
/// How long to wait until reads show what was written: they come from a cache.
const SHOWN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

/// One pass.
pub async fn converge(place: &Place, platform: &Platform, cluster: &Cluster, verifiers: &Verifiers, world: &World) -> Result<Progress, EngineError> {
    let namespace = place.namespace(cluster);
    let there = world.object.as_ref();
    if let Some(there) = there {
        if let Some(reason) = not_ours(cluster, there) {
            return Ok(Progress::Blocked(reason));
        }
        if there.meta.deleting.is_some() {
            let words = "Somebody deletes its Postgres object, and its data with it. When it is gone, delete the cluster here too";
            return Ok(Progress::Blocked(Reason::new("BeingDeleted", format!("{words}."))));
        }
    }
    if let Some(reason) = check::refusal(cluster, &platform.chart, &platform.classes, there) {
        return Ok(Progress::Blocked(reason));
    }
    let wish = match build::wish(cluster, verifiers, &platform.chart, there) {
        Ok(wish) => wish,
        Err(reason) => return Ok(Progress::Working(reason)),
    };
    let Some(there) = there else { return create(place, &namespace, cluster, world, &wish).await };
    let live = json!({"metadata": {"labels": there.meta.labels, "annotations": there.meta.annotations}, "spec": there.body.spec});
    match patch(&live, &wish) {
        Some(change) => write(place, &namespace, there, change, &wish).await,
        None => Ok(reached(cluster, there, world)),
    }
}

/// Nothing has to be written: whether what is written has come about.
fn reached(cluster: &Cluster, there: &Object<Postgres>, world: &World) -> Progress {
    match landed(&release(&there.body.status), Mark::read(&there.meta).written, Timestamp::now()) {
        // A release that hangs says for ten minutes that it is under way; its pods say why at once.
        Landed::NotYet(reason) => Progress::Working(stuck(cluster, world).unwrap_or(reason)),
        Landed::Failed(reason) => Progress::Blocked(match stuck(cluster, world) {
            Some(stuck) => Reason::new(&reason.code, format!("{} {}", stuck.message, reason.message)),
            None => reason,
        }),
        Landed::Yes => outstanding(cluster, world).map_or(Progress::Settled, Progress::Working),
    }
}

/// Whether the object was there at any time, also where its first wish was never wholly reached: addresses come with it, and what is known of them stays.
fn was_seen(status: &Status) -> bool {
    status.generation > 0 || !status.endpoints.is_empty()
}

async fn create(place: &Place, namespace: &str, cluster: &Cluster, world: &World, wish: &Value) -> Result<Progress, EngineError> {
    // What was there once is gone with its data: an empty cluster under the same name must not look like the old one.
    if was_seen(&cluster.status) {
        let words = "was deleted outside the portal, and its data with it. Delete the cluster here too, or restore a backup into a new one";
        return Ok(Progress::Blocked(Reason::new("Gone", format!("The Postgres object {} in {namespace} {words}.", cluster.name))));
    }
    // A new release would adopt what an earlier one of that name left behind, old data included.
    if let Some(left) = left_behind(world) {
        return Ok(Progress::Blocked(Reason::new(
            "LeftBehind",
            format!("Of an earlier cluster named {}, {left} is still there. Choose another name, or have an administrator delete it.", cluster.name),
        )));
    }
    let mut body = whole(wish);
    body["apiVersion"] = Postgres::KIND.api_version().into();
    body["kind"] = Postgres::KIND.kind.into();
    body["metadata"]["name"] = cluster.name.as_str().into();
    body["metadata"]["namespace"] = namespace.into();
    create_object(place, namespace, cluster, body).await
}

/// Makes the object.
pub async fn create_object(place: &Place, namespace: &str, cluster: &Cluster, mut body: Value) -> Result<Progress, EngineError> {
    stamp(&mut body, Written { after: 0, at: Timestamp::now() });
    let what = format!("creating Postgres {}", cluster.name);
    let object: DynamicObject = serde_json::from_value(body).map_err(anyhow::Error::from)?;
    let api = place.api(&Postgres::KIND, Some(namespace))?;
    tracing::info!(cluster.id = %cluster.id, place = place.name(), namespace, "creating a Postgres object");
    match place.call(&what, WRITE, async { Ok(api.create(&PostParams::default(), &object).await) }).await? {
        Ok(_) => Ok(Progress::Moved(Reason::new("Created", "The Postgres object was created."))),
        Err(error) => refused(&what, &error, namespace),
    }
}

/// This API answers 500 to most things.
fn refused(what: &str, error: &kube::Error, namespace: &str) -> Result<Progress, EngineError> {
    let message = match error {
        kube::Error::Api(status) => status.message.clone(),
        _ => String::new(),
    };
    if message.contains("object is being deleted") {
        let words = "An earlier cluster of that name is still being deleted";
        return Ok(Progress::Working(Reason::new("NameInUse", format!("{words} in {namespace}; it waits for that."))));
    }
    // Reads are a little old: the next one tells whose it is.
    if message.contains("already exists") {
        return Ok(Progress::Working(Reason::new("Created", "A Postgres object of that name is there by now.")));
    }
    Err(told(what, error).into())
}

/// Writes a change, and waits until reads show it.
async fn write(place: &Place, namespace: &str, there: &Object<Postgres>, mut change: Value, wish: &Value) -> Result<Progress, EngineError> {
    let written = Mark::read(&there.meta).written;
    let spec = change.get("spec").is_some();
    // A change of labels alone makes no release to wait for, but takes the finalizer off like any other.
    let after = if spec { before(&release(&there.body.status), written) } else { written.map_or(0, |written| written.after) };
    let fields = names(&change);
    stamp(&mut change, Written { after, at: Timestamp::now() });
    tracing::info!(place = place.name(), namespace, name = there.meta.name, fields = fields.join(" "), "changing a Postgres object");
    place.merge(&Postgres::KIND, Some(namespace), &there.meta.name, &change).await?;
    let deadline = Instant::now() + SHOWN;
    loop {
        let shown = place.get::<Postgres>(Some(namespace), &there.meta.name).await?;
        let reached = shown.is_some_and(|now| {
            let live = json!({"metadata": {"labels": now.meta.labels, "annotations": now.meta.annotations}, "spec": now.body.spec});
            patch(&live, wish).is_none()
        });
        if reached || Instant::now() >= deadline {
            // Not shown by then: lost to somebody who wrote an old copy back, and sent again by the next pass.
            return Ok(Progress::Moved(Reason::new("Changed", format!("Changed: {}.", fields.join(", ")))));
        }
        sleep(PAUSE).await;
    }
}

/// Notes the write on the object itself.
fn stamp(body: &mut Value, written: Written) {
    for (name, value) in (Mark { written: Some(written), ..Mark::default() }).annotations() {
        if !body["metadata"]["annotations"].is_object() {
            body["metadata"]["annotations"] = json!({});
        }
        if name == super::mark::WRITTEN {
            body["metadata"]["annotations"][name] = value;
        }
    }
}

/// Names of the fields that a change touches, for people and logs: never a value.
fn names(change: &Value) -> Vec<String> {
    let of = |key: &str| change.get(key).and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys).cloned().collect::<Vec<_>>();
    let spec = of("spec");
    if spec.is_empty() { of("metadata") } else { spec }
}

/// What is to be seen without an object.
pub fn left_behind(world: &World) -> Option<String> {
    let pod = world.pods.first().map(|pod| format!("the pod {}", pod.meta.name));
    pod.or_else(|| {
        let name = &world.workloads.as_ref()?.first()?.meta.name;
        Some(name.strip_prefix("pvc-").map_or_else(|| format!("the pod {}", name.trim_start_matches("pod-")), |volume| format!("the volume {volume}")))
    })
}

/// Reads everything that a tenant may read of a cluster.
pub async fn look(place: &Place, cluster: &Cluster) -> Result<World, Failure> {
    let namespace = place.namespace(cluster);
    let name = release_name(cluster);
    let object = place.get::<Postgres>(Some(&namespace), cluster.name.as_str());
    let labels = format!("cnpg.io/cluster={name}");
    let pods = place.list::<Pod>(Some(&namespace), &labels);
    let monitor = format!("workloads.cozystack.io/monitor={name}");
    let workloads = async {
        match place.list(Some(&namespace), &monitor).await {
            Ok(all) => Ok(Some(all)),
            // Before 0.38 no tenant may read what is counted.
            Err(Failure::Blocked(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    };
    let outside = format!("{name}-external-write");
    let outside = async {
        match cluster.spec.external {
            true => place.get(Some(&namespace), &outside).await,
            false => Ok(None),
        }
    };
    let (object, pods, workloads, outside) = tokio::try_join!(object, pods, workloads, outside)?;
    let mut world = World { object, pods, workloads, outside, jobs: Vec::new() };
    if unfinished(&world, Timestamp::now()) {
        world.jobs = place.list(Some(&namespace), &format!("batch.kubernetes.io/job-name={name}-init-job")).await?;
    }
    Ok(world)
}
