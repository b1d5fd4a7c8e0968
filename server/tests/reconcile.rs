//! Laws of the reconciler: a real store, and an engine that does what it is told.
#![allow(clippy::unwrap_used)]

#[path = "reconcile/model.rs"]
mod model;
mod support;

use app::portal::{Passwords, Portal};
use domain::{
    Actor, Change, Cluster, ClusterId, Command, Confirm, Phase, ProjectId, Role, Spec, Uuid, name::Title, spec::Power, status::kinds, version::Major,
};
use model::{Does, Model};
use server::{
    places::{Places, Site},
    reconcile::{self, Settings},
    service::{Live, Service},
    store::{Store, StoreError, clusters, events},
};
use std::{sync::Arc, time::Duration};
use support::{eventually, postgres, store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct World {
    store: Store,
    service: Service,
    model: Arc<Model>,
    stop: CancellationToken,
    workers: Vec<JoinHandle<()>>,
}

impl World {
    async fn new() -> Self {
        let store = store().await;
        let primary = postgres().await.parse().expect("a URL");
        let model = Model::new(Some(primary));
        let places = Arc::new(Places::new([Site::open(domain::PlaceName::local(), String::new(), model.clone())]));
        let service = Service::new(store.clone(), places, Live::new());
        Self { store, service, model, stop: CancellationToken::new(), workers: Vec::new() }
    }

    /// Another process begins to reconcile.
    fn reconcile(&mut self, settings: Settings) {
        let worker = reconcile::run(self.store.clone(), domain::PlaceName::local(), self.model.clone(), settings, self.stop.clone());
        self.workers.push(tokio::spawn(worker));
    }

    /// A paused cluster: it is reached without a PostgreSQL to look into.
    async fn paused(&self, name: &str, does: Does) -> ClusterId {
        self.cluster(name, Power::Off, does).await
    }

    async fn cluster(&self, name: &str, power: Power, does: Does) -> ClusterId {
        let id = ClusterId(Uuid::new_v4());
        self.model.set(id, does);
        let name = name.parse().expect("a name");
        let spec = Spec { power, ..Spec::new(&name, Major::V17) };
        self.submit(Command::Create { id, project: ProjectId::DEFAULT, place: None, name, spec: Box::new(spec) }).await;
        id
    }

    async fn submit(&self, command: Command) {
        let admin = Actor { id: "token:test".into(), name: "Ada".into(), role: Role::Admin, project: ProjectId::DEFAULT };
        self.service.submit(&admin, command, Passwords::new()).await.expect("accepted");
    }

    async fn wish(&self, id: ClusterId, title: &str) {
        let change = Change::Describe { title: Some(Title::try_from(title.to_owned()).expect("a title")), description: None, labels: None };
        self.submit(Command::Change { id, expected: None, changes: vec![change] }).await;
    }

    async fn delete(&self, id: ClusterId) {
        self.submit(Command::Delete { id, confirm: Confirm::Addressed }).await;
    }

    async fn get(&self, id: ClusterId) -> Cluster {
        clusters::get(&self.store, id).await.expect("a cluster")
    }

    async fn until(&self, id: ClusterId, what: &str, holds: impl Fn(&Cluster) -> bool) -> Cluster {
        eventually(what, || async { Some(self.get(id).await).filter(&holds) }).await
    }

    async fn asked(&self, id: ClusterId, times: usize) {
        eventually(&format!("it is asked for {times} times"), || async { (self.model.asked(id).len() >= times).then_some(()) }).await;
    }

    async fn gone(&self, id: ClusterId) {
        let gone = || async { matches!(clusters::get(&self.store, id).await, Err(StoreError::NotFound)).then_some(()) };
        eventually("the row is gone", gone).await;
    }

    /// Seconds until it is looked at again, and passes that failed in a row; once nobody holds it.
    async fn rests(&self, id: ClusterId, attempts: i32) -> f64 {
        eventually("the pass ends", || async {
            let row: (bool, i32, f64) = sqlx::query_as(
                "select lease_until is null, attempts, extract(epoch from reconcile_at - now())::float8 from clusters where id = $1 and reconcile_at > now()",
            )
            .bind(id.0)
            .fetch_optional(self.store.pool())
            .await
            .expect("a row")?;
            (row.0 && row.1 == attempts).then_some(row.2)
        })
        .await
    }

    /// The time comes, without anything having happened.
    async fn fast_forward(&self, id: ClusterId) {
        sqlx::query("update clusters set reconcile_at = now() where id = $1").bind(id.0).execute(self.store.pool()).await.expect("done");
    }

    async fn end(self) {
        self.stop.cancel();
        for worker in self.workers {
            tokio::time::timeout(Duration::from_secs(15), worker).await.expect("ends in time").expect("ends well");
        }
        assert!(!self.model.met(), "two passes met at one cluster");
    }
}

fn quick() -> Settings {
    Settings { grace: Duration::from_millis(100), ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_becomes_ready_step_by_step_and_its_history_says_so() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let id = world.cluster("orders", Power::On, Does::Steps(5)).await;
    let ready = world.until(id, "it is ready", |c| c.status.phase == Phase::Ready).await;
    assert_eq!(ready.status.generation, 1);
    assert_eq!(world.model.asked(id).len(), 6, "steps follow each other in one pass");
    let titles: Vec<_> = events::list(&world.store, ProjectId::DEFAULT, id, 10).await.expect("events").into_iter().map(|e| e.title).collect();
    assert!(titles.iter().any(|title| title == "Cluster is ready"), "{titles:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_saved_during_a_pass_is_not_slept_over() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let id = world.paused("orders", Does::Slowly(Duration::from_millis(500))).await;
    world.asked(id, 1).await;
    assert!(world.model.under_way(id));
    world.wish(id, "Another title").await;
    let reached = world.until(id, "the new wish is reached", |c| c.status.generation == 2).await;
    assert_eq!(reached.status.phase, Phase::Paused);
    assert_eq!(world.model.asked(id), [1, 2]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_attend_to_one_cluster_at_once() {
    let mut world = World::new().await;
    let settings = Settings { settled: Duration::ZERO, passes: 3, ..quick() };
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(world.paused(&format!("c{n}"), Does::Slowly(Duration::from_millis(20))).await);
    }
    world.reconcile(settings.clone());
    world.reconcile(settings);
    for id in ids {
        world.asked(id, 5).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_hangs_is_cut_off_and_others_go_on() {
    let mut world = World::new().await;
    let stuck = world.paused("stuck", Does::Hangs).await;
    world.reconcile(Settings { passes: 1, converge: Duration::from_millis(300), ..quick() });
    world.asked(stuck, 1).await;
    let fine = world.paused("fine", Does::Well).await;
    world.until(fine, "the other one is reached", |c| c.status.generation == 1).await;
    let status = world.until(stuck, "the reason is told", |c| c.status.reason.is_some()).await.status;
    let reason = status.reason.expect("a reason");
    assert!(reason.message.contains("took longer"), "{}", reason.message);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_again_waits_longer_and_a_new_wish_starts_anew() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let id = world.paused("orders", Does::Fails).await;
    let check = |pause: f64, least: f64| assert!((least - 1.0..=least * 1.25).contains(&pause), "{pause} s instead of {least} s");
    check(world.rests(id, 1).await, 2.0);
    world.fast_forward(id).await;
    check(world.rests(id, 2).await, 4.0);
    world.fast_forward(id).await;
    check(world.rests(id, 3).await, 8.0);
    let status = world.get(id).await.status;
    assert!(status.reason.is_some_and(|r| r.message.contains("no luck today")));
    world.wish(id, "Another title").await;
    check(world.rests(id, 1).await, 2.0);
    world.model.set(id, Does::Well);
    world.fast_forward(id).await;
    world.until(id, "it is reached", |c| c.status.generation == 2).await;
    assert!(world.rests(id, 0).await > 25.0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_new_wish_can_help_waits_for_one() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let id = world.paused("orders", Does::Refuses).await;
    assert!(world.rests(id, 0).await > 25.0);
    assert_eq!(world.model.asked(id), [1]);
    let status = world.get(id).await.status;
    assert_eq!(status.condition(kinds::BLOCKED).map(|c| c.reason.message.as_str()), Some("Port 5 is taken: free it."));
    world.wish(id, "Another title").await;
    world.asked(id, 2).await;
    assert_eq!(world.model.asked(id), [1, 2]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_one_pass_and_no_worker() {
    let mut world = World::new().await;
    let id = world.paused("orders", Does::Panics).await;
    world.reconcile(Settings { passes: 1, ..quick() });
    world.rests(id, 1).await;
    world.model.set(id, Does::Well);
    world.fast_forward(id).await;
    world.until(id, "it is reached", |c| c.status.generation == 1).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_cluster_is_taken_away_and_forgotten() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let id = world.paused("orders", Does::Well).await;
    world.until(id, "it is reached", |c| c.status.generation == 1).await;
    world.delete(id).await;
    world.gone(id).await;
    assert_eq!(world.model.removed(id), 2, "until nothing is left");
    world.end().await;
}

/// Another account at a place may make another engine fit, and that one sees nothing of what is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_left_alone_by_another_engine_than_its_own() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let id = world.paused("orders", Does::Well).await;
    let made = world.until(id, "it is reached", |c| c.status.generation == 1).await;
    assert_eq!(made.status.engine, "model");
    world.model.rename("another");
    world.delete(id).await;
    let refused = world.until(id, "it is told", |c| c.status.condition(kinds::BLOCKED).is_some()).await;
    let reason = refused.status.reason.expect("a reason");
    assert!(reason.message.contains("made on model, and its place works with another now"), "{reason:?}");
    assert_eq!((world.model.asked(id), world.model.removed(id)), (vec![1], 0), "nothing is asked of it");
    world.model.rename("model");
    world.model.nudge(id);
    world.gone(id).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_does_not_wait_for_a_step_that_hangs() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let id = world.paused("orders", Does::Hangs).await;
    world.asked(id, 1).await;
    world.delete(id).await;
    world.gone(id).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_lost_its_lease_is_cut_off_and_writes_nothing() {
    let mut world = World::new().await;
    world.reconcile(Settings { extend: Duration::from_millis(100), ..quick() });
    let id = world.paused("orders", Does::Hangs).await;
    let before = world.until(id, "the step under way is shown", |c| c.status.since.is_some()).await;
    sqlx::query("update clusters set lease_owner = $2 where id = $1").bind(id.0).bind(Uuid::new_v4()).execute(world.store.pool()).await.expect("stolen");
    eventually("the pass is cut off", || async { (!world.model.under_way(id)).then_some(()) }).await;
    assert_eq!(world.get(id).await.revision, before.revision);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_gives_back_every_lease() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let hangs = world.paused("hangs", Does::Hangs).await;
    let slow = world.paused("slow", Does::Slowly(Duration::from_millis(50))).await;
    world.asked(hangs, 1).await;
    world.asked(slow, 1).await;
    let store = world.store.clone();
    world.end().await;
    let held: i64 = sqlx::query_scalar("select count(*) from clusters where lease_until is not null").fetch_one(store.pool()).await.expect("a count");
    assert_eq!(held, 0);
    let due: bool = sqlx::query_scalar("select reconcile_at <= now() from clusters where id = $1").bind(hangs.0).fetch_one(store.pool()).await.expect("a row");
    assert!(due, "the next process goes on at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nudge_makes_the_next_look_come_at_once() {
    let mut world = World::new().await;
    world.reconcile(quick());
    let id = world.paused("orders", Does::Well).await;
    world.rests(id, 0).await;
    world.model.nudge(id);
    world.asked(id, 2).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_looked_at_again_soon() {
    let mut world = World::new().await;
    world.reconcile(Settings { working: Duration::from_millis(50), ..quick() });
    let id = world.cluster("orders", Power::On, Does::Waits).await;
    world.asked(id, 4).await;
    assert_eq!(world.get(id).await.status.phase, Phase::Creating);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_to_come_is_looked_for_before_the_long_rest_is_over() {
    let mut world = World::new().await;
    *world.model.quiet.lock().unwrap() = Some(Duration::from_secs(600));
    let (calm, awaits) = (world.paused("calm", Does::Well).await, world.paused("awaits", Does::Notes).await);
    world.reconcile(quick());
    assert!(world.rests(calm, 0).await > 590.0);
    assert!((20.0..=30.0).contains(&world.rests(awaits, 0).await));
    sqlx::query(
        "update clusters set status = jsonb_set(status, '{conditions}', (select jsonb_agg(c || '{\"since\": \"2026-01-01T00:00:00Z\"}')
           from jsonb_array_elements(status->'conditions') c)) where id = $1",
    )
    .bind(awaits.0)
    .execute(world.store.pool())
    .await
    .expect("long ago");
    world.model.nudge(awaits);
    world.asked(awaits, 2).await;
    assert!(world.rests(awaits, 0).await > 590.0, "what never comes costs nothing");
    world.end().await;
}
