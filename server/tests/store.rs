//! Laws of the store, of the service's transactions and of sign-in, on a real PostgreSQL.

mod support;

use app::portal::{Passwords, Portal};
use domain::{
    Actor, Change, Cluster, ClusterId, Command, Confirm, Conflict, Error, Phase, ProjectId, Role, RoleName, Spec, Status, Uuid,
    event::Kind,
    name::{Description, Title},
    offer::{Offer, Release},
    topology::Topology,
    update::Update,
    user::User,
    version::Major,
};
use futures::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use server::{
    auth::{Auth, link, session, token},
    secret,
    service::{Live, Service},
    store::{
        Store,
        changes::{self, Changed},
        clusters, credentials,
        due::{self, Claim},
        events::{self, NewEvent},
    },
};
use sqlx::Row;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use support::{Server, database, eventually, store};

const LEASE: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_secs(3600);

fn offer() -> Offer {
    let release = |major| Release { major, full: "17.1".into(), image: String::new(), extensions: vec!["hstore".into()] };
    Offer {
        releases: vec![release(Major::V17), release(Major::V16)],
        topologies: vec![Topology::Standalone, Topology::Replicated],
        max_instances: 16,
        switchover: true,
        pause: true,
        external: Err("Loopback only.".into()),
        limits: Ok(()),
        storage: Ok(()),
        storage_classes: Vec::new(),
        ca: None,
    }
}

fn service(store: &Store) -> Service {
    Service::new(store.clone(), Arc::new(offer), Live::new())
}

fn actor(role: Role) -> Actor {
    Actor { id: "token:test".into(), name: "Ada".into(), role, project: ProjectId::DEFAULT }
}

fn admin() -> Actor {
    actor(Role::Admin)
}

fn spec(name: &str) -> Spec {
    Spec::new(&name.parse().unwrap(), Major::V17)
}

fn create(id: Uuid, name: &str, spec: Spec) -> Command {
    Command::Create { id: ClusterId(id), project: ProjectId::DEFAULT, name: name.parse().unwrap(), spec: Box::new(spec) }
}

fn change(id: ClusterId, expected: Option<u64>, change: Change) -> Command {
    Command::Change { id, expected, changes: vec![change] }
}

fn describe(text: &str) -> Change {
    Change::Describe { title: Some(Title::try_from(text.to_owned()).unwrap()), description: None, labels: None }
}

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn add_user(name: &str) -> Change {
    Change::AddUser { id: Uuid::new_v4(), name: role(name), replication: false, description: Description::default() }
}

async fn created(portal: &Service, name: &str) -> ClusterId {
    portal.submit(&admin(), create(Uuid::new_v4(), name, spec(name)), Passwords::new()).await.unwrap().accepted.id
}

async fn claim(store: &Store, worker: Uuid) -> Option<Claim> {
    due::claim(store, worker, LEASE).await.unwrap()
}

fn ready(cluster: &Cluster) -> Status {
    Status { generation: cluster.generation, phase: Phase::Ready, ..Status::default() }
}

#[tokio::test]
async fn two_workers_never_hold_one_lease() {
    let store = store().await;
    let portal = service(&store);
    for n in 0..20 {
        created(&portal, &format!("c{n}")).await;
    }
    let work = |store: Store| async move {
        let me = Uuid::new_v4();
        let mut mine = Vec::new();
        while let Some(claim) = claim(&store, me).await {
            mine.push(claim.cluster.id);
        }
        mine
    };
    let all: Vec<ClusterId> = futures::future::join_all((0..8).map(|_| tokio::spawn(work(store.clone())))).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(all.len(), 20);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 20);
}

#[tokio::test]
async fn the_cluster_that_is_due_longest_comes_first() {
    let store = store().await;
    let portal = service(&store);
    let (first, second) = (created(&portal, "first").await, created(&portal, "second").await);
    let me = Uuid::new_v4();
    assert_eq!(claim(&store, me).await.unwrap().cluster.id, first);
    assert_eq!(claim(&store, me).await.unwrap().cluster.id, second);
    assert!(claim(&store, me).await.is_none());
}

#[tokio::test]
async fn a_wish_saved_during_a_pass_is_not_slept_over() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    portal.submit(&admin(), change(id, None, describe("Orders")), Passwords::new()).await.unwrap();
    assert!(claim(&store, Uuid::new_v4()).await.is_none(), "the lease is held");
    assert!(due::settle(&store, me, &pass, &ready(&pass.cluster), &[], LATER).await.unwrap());
    let next = claim(&store, me).await.expect("due at once");
    assert_eq!(next.cluster.generation, 2);
    assert_eq!(next.cluster.status.generation, 1);
    assert!(due::settle(&store, me, &next, &ready(&next.cluster), &[], LATER).await.unwrap());
    assert!(claim(&store, me).await.is_none(), "nothing happened since: it sleeps");
}

#[tokio::test]
async fn a_wake_during_a_pass_survives() {
    let store = store().await;
    let id = created(&service(&store), "orders").await;
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    due::wake(&store, id).await.unwrap();
    assert!(due::postpone(&store, me, &pass, &ready(&pass.cluster), &[], LATER).await.unwrap());
    assert_eq!(due::until_next(&store).await.unwrap(), Some(Duration::ZERO));
    assert_eq!(claim(&store, me).await.unwrap().attempts, 0, "what woke it deserves a fresh try");
}

#[tokio::test]
async fn failed_passes_are_counted_until_one_settles() {
    let store = store().await;
    created(&service(&store), "orders").await;
    let me = Uuid::new_v4();
    for attempts in 0..3 {
        let pass = claim(&store, me).await.unwrap();
        assert_eq!(pass.attempts, attempts);
        assert!(due::postpone(&store, me, &pass, &Status::default(), &[], Duration::ZERO).await.unwrap());
    }
    let pass = claim(&store, me).await.unwrap();
    assert!(due::settle(&store, me, &pass, &Status::default(), &[], Duration::ZERO).await.unwrap());
    assert_eq!(claim(&store, me).await.unwrap().attempts, 0);
}

#[tokio::test]
async fn nothing_is_written_after_the_lease_was_lost() {
    let store = store().await;
    let id = created(&service(&store), "orders").await;
    let (slow, quick) = (Uuid::new_v4(), Uuid::new_v4());
    let pass = due::claim(&store, slow, Duration::ZERO).await.unwrap().unwrap();
    let other = eventually("the lease ran out", || claim(&store, quick)).await;
    let news = [NewEvent { kind: Kind::Good, title: "too late".into(), text: String::new(), actor: None }];
    assert!(!due::extend(&store, slow, id, LEASE).await.unwrap());
    assert!(!due::progress(&store, slow, &pass, &ready(&pass.cluster), &news).await.unwrap());
    assert!(!due::settle(&store, slow, &pass, &ready(&pass.cluster), &news, LATER).await.unwrap());
    assert!(!due::forget(&store, slow, &pass).await.unwrap());
    let now = clusters::get(&store, id).await.unwrap();
    assert_eq!(now.status, Status::default());
    assert!(events::list(&store, id, 10).await.unwrap().iter().all(|e| e.title != "too late"));
    assert!(due::extend(&store, quick, id, LEASE).await.unwrap());
    assert!(due::settle(&store, quick, &other, &ready(&now), &[], LATER).await.unwrap());
}

#[tokio::test]
async fn the_revision_grows_only_when_something_changed() {
    let store = store().await;
    let id = created(&service(&store), "orders").await;
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    for _ in 0..2 {
        assert!(due::progress(&store, me, &pass, &ready(&pass.cluster), &[]).await.unwrap());
    }
    assert!(due::settle(&store, me, &pass, &ready(&pass.cluster), &[], LATER).await.unwrap());
    assert_eq!(clusters::get(&store, id).await.unwrap().revision, 2);
}

#[tokio::test]
async fn until_next_is_the_time_until_somebody_may_claim() {
    let store = store().await;
    assert_eq!(due::until_next(&store).await.unwrap(), None);
    created(&service(&store), "orders").await;
    assert_eq!(due::until_next(&store).await.unwrap(), Some(Duration::ZERO));
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    let held = due::until_next(&store).await.unwrap().unwrap();
    assert!(held > LEASE / 2 && held <= LEASE, "{held:?}");
    assert!(due::settle(&store, me, &pass, &ready(&pass.cluster), &[], LATER).await.unwrap());
    assert!(due::until_next(&store).await.unwrap().unwrap() > LATER / 2);
}

#[tokio::test]
async fn a_deleted_cluster_is_forgotten_only_by_who_removed_it() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    assert!(!due::forget(&store, me, &pass).await.unwrap(), "nobody asked for the deletion");
    let wrong = Command::Delete { id, confirm: Confirm::Typed("order".into()) };
    assert!(matches!(portal.submit(&admin(), wrong, Passwords::new()).await, Err(Error::Invalid(_))));
    let right = Command::Delete { id, confirm: Confirm::Typed("orders".into()) };
    portal.submit(&admin(), right.clone(), Passwords::new()).await.unwrap();
    assert_eq!(portal.submit(&admin(), right, Passwords::new()).await.unwrap().accepted.generation, 2, "asking twice is asking once");
    assert!(due::forget(&store, me, &pass).await.unwrap());
    assert_eq!(portal.cluster(&admin(), id).await, Err(Error::NotFound));
    let kept: i64 = sqlx::query_scalar("select count(*) from audit where cluster_id = $1").bind(id.0).fetch_one(store.pool()).await.unwrap();
    assert_eq!(kept, 2, "the audit outlives the cluster");
}

#[tokio::test]
async fn a_stale_generation_is_refused_and_changes_nothing() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    portal.submit(&admin(), change(id, Some(1), describe("One")), Passwords::new()).await.unwrap();
    let late = portal.submit(&admin(), change(id, Some(1), describe("Two")), Passwords::new()).await;
    assert_eq!(late.unwrap_err(), Conflict::Stale { generation: 2 }.into());
    assert_eq!(portal.cluster(&admin(), id).await.unwrap().spec.title.as_str(), "One");
}

#[tokio::test]
async fn of_two_people_changing_one_cluster_at_once_the_later_one_is_told() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let someone = |text: &'static str| {
        let portal = portal.clone();
        tokio::spawn(async move { portal.submit(&admin(), change(id, Some(1), describe(text)), Passwords::new()).await })
    };
    let (one, two) = (someone("One"), someone("Two"));
    let outcomes = [one.await.unwrap(), two.await.unwrap()];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let told = outcomes.into_iter().find_map(Result::err).unwrap();
    assert_eq!(told, Conflict::Stale { generation: 2 }.into());
}

#[tokio::test]
async fn a_double_click_makes_one_cluster() {
    let store = store().await;
    let portal = service(&store);
    let id = Uuid::new_v4();
    let mut with_user = spec("orders");
    let now = domain::Timestamp::now();
    let user = |id| User { id, replication: false, password_version: 1, description: Description::default(), created_at: now, updated_at: now };
    let click = |portal: Service, mut spec: Spec| {
        spec.users.insert(role("app"), user(Uuid::new_v4()));
        tokio::spawn(async move { portal.submit(&admin(), create(id, "orders", spec), Passwords::new()).await })
    };
    let clicks = futures::future::join_all((0..4).map(|_| click(portal.clone(), with_user.clone()))).await;
    for outcome in clicks {
        assert_eq!(outcome.unwrap().unwrap().accepted.generation, 1);
    }
    assert_eq!(portal.clusters(&admin()).await.unwrap().len(), 1);
    assert_eq!(credentials::verifiers(&store, ClusterId(id)).await.unwrap().len(), 1);
    with_user.instances = 2;
    with_user.topology = Topology::Replicated;
    let other = portal.submit(&admin(), create(id, "orders", with_user), Passwords::new()).await.unwrap_err();
    assert_eq!(other, Conflict::NameTaken(format!("cluster with the uuid {id}")).into());
    let same_name = portal.submit(&admin(), create(Uuid::new_v4(), "orders", spec("orders")), Passwords::new()).await.unwrap_err();
    assert_eq!(same_name, Conflict::NameTaken("cluster orders".into()).into());
}

#[tokio::test]
async fn wish_audit_history_and_verifier_are_saved_together_or_not_at_all() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let done = portal.submit(&admin(), change(id, None, add_user("app")), Passwords::new()).await.unwrap();
    let password = done.generated[&role("app")].expose_secret().to_owned();
    let verifier = credentials::verifiers(&store, id).await.unwrap().remove(&role("app")).unwrap();
    assert_eq!(verifier.version, 1);
    assert!(secret::verifies(&password, &verifier.scram));
    let newest = portal.events(&admin(), id, 1).await.unwrap().remove(0);
    assert_eq!((newest.kind, newest.title.as_str(), newest.actor.as_deref()), (Kind::Asked, "Add user app", Some("Ada")));

    // Whatever fails last takes everything with it.
    for table in ["audit", "events", "credentials"] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "create or replace function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
             create trigger refuse before insert on {table} for each row execute function refuse()"
        )))
        .execute(store.pool())
        .await
        .unwrap();
        let refused = portal.submit(&admin(), change(id, None, add_user("other")), Passwords::new()).await;
        assert!(matches!(refused, Err(Error::Internal(_))), "{table}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("drop trigger refuse on {table}"))).execute(store.pool()).await.unwrap();
    }
    let now = portal.cluster(&admin(), id).await.unwrap();
    assert_eq!((now.generation, now.spec.users.len()), (2, 1));
    assert_eq!(credentials::verifiers(&store, id).await.unwrap().len(), 1);
    let counts = sqlx::query("select (select count(*) from audit), (select count(*) from events)").fetch_one(store.pool()).await.unwrap();
    assert_eq!((counts.get::<i64, _>(0), counts.get::<i64, _>(1)), (2, 2));
}

#[tokio::test]
async fn a_password_is_kept_rotated_and_forgotten_with_its_user() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let sent = |password: &str| Passwords::from([(role("app"), SecretString::from(password))]);
    let short = portal.submit(&admin(), change(id, None, add_user("app")), sent("short")).await.unwrap_err();
    assert!(short.at("users.app.password").is_some(), "{short}");
    let done = portal.submit(&admin(), change(id, None, add_user("app")), sent("correct horse")).await.unwrap();
    assert!(done.generated.is_empty());
    let rotate = Change::RotatePassword { name: role("app") };
    portal.submit(&admin(), change(id, None, rotate), sent("battery staple")).await.unwrap();
    let now = credentials::verifiers(&store, id).await.unwrap().remove(&role("app")).unwrap();
    assert_eq!(now.version, 2);
    assert!(secret::verifies("battery staple", &now.scram) && !secret::verifies("correct horse", &now.scram));
    let aimless = portal.submit(&admin(), change(id, None, describe("x")), sent("battery staple")).await.unwrap_err();
    assert!(aimless.at("users.app.password").is_some(), "{aimless}");
    portal.submit(&admin(), change(id, None, Change::RemoveUser { name: role("app") }), Passwords::new()).await.unwrap();
    assert!(credentials::verifiers(&store, id).await.unwrap().is_empty());
}

#[tokio::test]
async fn roles_and_projects_are_kept_apart() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let viewer = portal.submit(&actor(Role::Viewer), change(id, None, add_user("app")), Passwords::new()).await.unwrap_err();
    assert_eq!(viewer, Error::Forbidden("This needs the role operator; yours is viewer.".into()));
    let operator = portal.submit(&actor(Role::Operator), change(id, None, Change::Scale { instances: 2 }), Passwords::new()).await.unwrap_err();
    assert_eq!(operator, Error::Forbidden("This needs the role admin; yours is operator.".into()));
    let stranger = Actor { project: ProjectId(Uuid::new_v4()), ..admin() };
    assert_eq!(portal.cluster(&stranger, id).await, Err(Error::NotFound));
    assert_eq!(portal.named(&stranger, &"orders".parse().unwrap()).await, Err(Error::NotFound));
    assert_eq!(portal.events(&stranger, id, 9).await, Err(Error::NotFound));
    assert_eq!(portal.submit(&stranger, change(id, None, describe("x")), Passwords::new()).await.unwrap_err(), Error::NotFound);
    assert!(portal.clusters(&stranger).await.unwrap().is_empty());
    assert!(matches!(portal.updates(&stranger).next().await, Some(Update::Snapshot(all)) if all.is_empty()));
    let foreign = portal.submit(&stranger, create(Uuid::new_v4(), "new", spec("new")), Passwords::new()).await;
    assert!(matches!(foreign, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn what_is_not_on_offer_is_refused_at_its_field() {
    let store = store().await;
    let portal = service(&store);
    let refused = |spec: Spec| {
        let portal = portal.clone();
        async move { portal.submit(&admin(), create(Uuid::new_v4(), "orders", spec), Passwords::new()).await.unwrap_err() }
    };
    assert!(refused(Spec { version: Major::V15, ..spec("orders") }).await.at("version").is_some());
    assert!(refused(Spec { external: true, ..spec("orders") }).await.at("external").is_some());
    assert!(refused(Spec { storage_class: "fast".into(), ..spec("orders") }).await.at("storageClass").is_some());
    let id = created(&portal, "orders").await;
    portal.submit(&admin(), change(id, None, Change::Scale { instances: 2 }), Passwords::new()).await.unwrap();
    let nobody = portal.submit(&admin(), change(id, None, Change::Switchover { to: 9 }), Passwords::new()).await.unwrap_err();
    assert_eq!(nobody.at("primary"), Some("There is no instance number 9."));
}

#[tokio::test]
async fn changes_are_announced_and_gaps_end_with_a_resync() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let store = Store::connect(&server.database().await).await.unwrap();
    let portal = service(&store);
    let mut heard = changes::listen(store.clone());
    assert_eq!(heard.next().await, Some(Changed::Resync));
    let id = created(&portal, "orders").await;
    assert_eq!(heard.next().await, Some(Changed::Cluster(id)));
    let me = Uuid::new_v4();
    // Neither a lease nor a wake nor an unchanged status is worth a word; a new status is.
    let pass = claim(&store, me).await.unwrap();
    due::wake(&store, id).await.unwrap();
    assert!(due::settle(&store, me, &pass, &Status::default(), &[], LATER).await.unwrap());
    portal.submit(&admin(), Command::Delete { id, confirm: Confirm::Addressed }, Passwords::new()).await.unwrap();
    assert_eq!(heard.next().await, Some(Changed::Cluster(id)));
    let pass = claim(&store, me).await.unwrap();
    assert!(due::forget(&store, me, &pass).await.unwrap());
    assert_eq!(heard.next().await, Some(Changed::Cluster(id)));
    assert!(futures::poll!(heard.next()).is_pending());

    let server = tokio::task::spawn_blocking(move || (server.stop(), server).1).await.unwrap();
    assert_eq!(heard.next().await, Some(Changed::Lost));
    assert_eq!(portal.clusters(&admin()).await, Err(Error::Unavailable));
    let _server = tokio::task::spawn_blocking(move || (server.resume(), server).1).await.unwrap();
    assert_eq!(heard.next().await, Some(Changed::Resync));
    let id = created(&portal, "again").await;
    assert_eq!(heard.next().await, Some(Changed::Cluster(id)));
}

#[tokio::test]
async fn a_reader_gets_a_snapshot_then_what_concerns_it() {
    let store = store().await;
    let live = Live::new();
    let portal = Service::new(store.clone(), Arc::new(offer), live.clone());
    let id = created(&portal, "orders").await;
    let mut updates = portal.updates(&admin());
    assert!(matches!(updates.next().await, Some(Update::Snapshot(all)) if all.len() == 1));
    assert_eq!(live.watched(), [id]);
    let cluster = portal.cluster(&admin(), id).await.unwrap();
    let foreign = Cluster { id: ClusterId(Uuid::new_v4()), project: ProjectId(Uuid::new_v4()), ..cluster.clone() };
    live.publish(Update::Cluster(Box::new(foreign.clone())));
    live.publish(Update::Gone(foreign.id));
    live.publish(Update::Snapshot(vec![cluster.clone(), foreign]));
    live.publish(Update::Gone(id));
    assert_eq!(updates.next().await, Some(Update::Snapshot(vec![cluster])));
    assert_eq!(updates.next().await, Some(Update::Gone(id)));
    for _ in 0..5000 {
        live.publish(Update::Store { reachable: true });
    }
    assert_eq!(updates.next().await, None, "who lags reads anew");
    drop(updates);
    assert_eq!(live.readers(), 0);
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let store = store().await;
    let secret = link::create(&store).await.unwrap();
    let redeem = || {
        let (store, secret) = (store.clone(), secret.expose_secret().to_owned());
        tokio::spawn(async move { link::redeem(&store, &secret).await.unwrap() })
    };
    let all = futures::future::join_all([redeem(), redeem(), redeem()]).await;
    let actors: Vec<Actor> = all.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(actors.len(), 1);
    assert_eq!(actors[0].role, Role::Admin);

    let late = link::create(&store).await.unwrap();
    sqlx::raw_sql("update links set expires_at = now()").execute(store.pool()).await.unwrap();
    assert_eq!(link::redeem(&store, late.expose_secret()).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_lasts_until_it_is_ended_or_idle() {
    use tower_sessions::{Expiry, Session};
    let store = store().await;
    let auth = Auth::new(store.clone());
    let sessions = Arc::new(session::Sessions::new(store.clone()));
    let idle = Some(Expiry::OnInactivity(time::Duration::days(7)));
    let fresh = Session::new(None, sessions.clone(), idle);
    assert_eq!(auth.session(&fresh).await.unwrap(), None);
    session::sign_in(&fresh, &admin()).await.unwrap();
    fresh.save().await.unwrap();
    let back = Session::new(fresh.id(), sessions.clone(), idle);
    assert_eq!(auth.session(&back).await.unwrap(), Some(admin()));
    sqlx::raw_sql("update sessions set expires_at = now()").execute(store.pool()).await.unwrap();
    assert_eq!(auth.session(&Session::new(fresh.id(), sessions.clone(), idle)).await.unwrap(), None);
    sqlx::raw_sql("update sessions set expires_at = now() + interval '1 day'").execute(store.pool()).await.unwrap();
    session::sign_out(&back).await.unwrap();
    assert_eq!(auth.session(&Session::new(fresh.id(), sessions, idle)).await.unwrap(), None);
    store.sweep().await.unwrap();
}

#[tokio::test]
async fn a_token_acts_with_its_role() {
    let store = store().await;
    let auth = Auth::new(store.clone());
    let token = token::create(&store, "ci", Role::Operator, ProjectId::DEFAULT).await.unwrap();
    assert_eq!(token.expose_secret().len(), "howdah_".len() + 43);
    let actor = auth.bearer(token.expose_secret()).await.unwrap().unwrap();
    assert_eq!((actor.name.as_str(), actor.role, actor.project), ("ci", Role::Operator, ProjectId::DEFAULT));
    assert_eq!(auth.bearer("howdah_").await.unwrap(), None);
    assert_eq!(auth.bearer(&format!("howdah_{}", "A".repeat(43))).await.unwrap(), None);
    let used: bool = sqlx::query_scalar("select used_at is not null from tokens").fetch_one(store.pool()).await.unwrap();
    assert!(used);
    assert!(token::create(&store, " ", Role::Admin, ProjectId::DEFAULT).await.is_err());
}

#[tokio::test]
async fn no_secret_is_in_any_row() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let sent = Passwords::from([(role("app"), SecretString::from("correct horse"))]);
    let mut clear = vec!["correct horse".to_owned()];
    portal.submit(&admin(), change(id, None, add_user("app")), sent).await.unwrap();
    let done = portal.submit(&admin(), change(id, None, add_user("other")), Passwords::new()).await.unwrap();
    clear.extend(done.generated.values().map(|password| password.expose_secret().to_owned()));
    clear.push(token::create(&store, "ci", Role::Admin, ProjectId::DEFAULT).await.unwrap().expose_secret().to_owned());
    clear.push(link::create(&store).await.unwrap().expose_secret().to_owned());
    let sessions = Arc::new(session::Sessions::new(store.clone()));
    let session = tower_sessions::Session::new(None, sessions, None);
    session::sign_in(&session, &admin()).await.unwrap();
    session.save().await.unwrap();
    clear.push(session.id().unwrap().to_string());

    let dump = dump(&store).await;
    assert!(dump.contains("SCRAM-SHA-256$") && dump.contains("\"actor\""), "the dump holds the rows");
    for secret in clear {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(&secret) && !dump.contains(&hex));
    }
}

/// Every row of every table as text.
async fn dump(store: &Store) -> String {
    let tables: Vec<String> =
        sqlx::query_scalar("select table_name::text from information_schema.tables where table_schema = 'public'").fetch_all(store.pool()).await.unwrap();
    let mut text = String::new();
    for table in tables {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select t::text from {table} t"))).fetch_all(store.pool()).await.unwrap();
        text += &rows.join("\n");
    }
    text
}

#[tokio::test]
async fn every_constraint_has_a_name_that_says_what_it_guards() {
    let store = store().await;
    let odd: Vec<String> = sqlx::query_scalar(
        "select conname::text from pg_constraint where connamespace = 'public'::regnamespace and conrelid <> '_sqlx_migrations'::regclass
         and conname !~ ('^' || conrelid::regclass || '_[a-z_]+(pkey|key|fkey|check)$') and conname <> conrelid::regclass || '_pkey'",
    )
    .fetch_all(store.pool())
    .await
    .unwrap();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test]
async fn many_processes_may_migrate_at_once() {
    let _ = database().await;
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let url = server.url("postgres");
    let one = |url: String| tokio::spawn(async move { Store::connect(&url).await.unwrap().migrate().await });
    for outcome in futures::future::join_all((0..4).map(|_| one(url.clone()))).await {
        outcome.unwrap().unwrap();
    }
}
