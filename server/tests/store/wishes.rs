//! Commands: one transaction each, whole or not at all.

use super::world::*;
use domain::parameter::Parameters;
use server::{
    engine::kube::{Choice, Target, open},
    places::{Places, Site},
};
use tokio_util::sync::CancellationToken;

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
async fn a_cluster_is_seen_with_its_newest_events() {
    let store = store().await;
    let portal = service(&store);
    let (id, name) = (created(&portal, "orders").await, "orders".parse().unwrap());
    for text in ["One", "Two's \"second\" \\ line, and ü"] {
        portal.submit(&admin(), change(id, None, describe(text)), Passwords::new()).await.unwrap();
    }
    for limit in [0, 2, 9] {
        let (cluster, events) = portal.with_history(&admin(), &name, limit).await.unwrap();
        assert_eq!(cluster, portal.cluster(&admin(), id).await.unwrap());
        assert_eq!(events, portal.events(&admin(), id, limit).await.unwrap());
        assert_eq!(events.len(), usize::min(limit as usize, 3));
    }
    let stranger = Actor { project: domain::ProjectId(Uuid::new_v4()), ..admin() };
    assert_eq!(portal.with_history(&stranger, &name, 9).await.unwrap_err(), Error::NotFound);
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
    assert!(secret::verifies(&password.into(), &verifier.scram));
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
    assert!(secret::verifies(&"battery staple".into(), &now.scram) && !secret::verifies(&"correct horse".into(), &now.scram));
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
    assert!(refused(Spec { storage_class: "fast".into(), ..spec("orders") }).await.at("storage_class").is_some());
    let id = created(&portal, "orders").await;
    portal.submit(&admin(), change(id, None, Change::Scale { instances: 2 }), Passwords::new()).await.unwrap();
    let nobody = portal.submit(&admin(), change(id, None, Change::Switchover { to: 9 }), Passwords::new()).await.unwrap_err();
    assert_eq!(nobody.at("primary"), Some("There is no instance number 9."));
}

/// A place that nobody can reach: what its engine knows to fail is told all the same.
#[tokio::test]
async fn what_an_engine_knows_to_fail_is_refused_at_its_field() {
    let store = store().await;
    let name = PlaceName::local();
    let kubeconfig = Some(std::env::temp_dir().join("howdah-no-kubeconfig"));
    let (engine, stop) = (Choice::Cozystack, CancellationToken::new());
    let target =
        Target { name: name.clone(), kubeconfig, context: None, namespace: "tenant-a".into(), engine, catalog: None, pod_monitor: false, stop: stop.clone() };
    let places = Places::new([Site::open(name, String::new(), open(target))]);
    let portal = Service::new(store.clone(), Arc::new(places), Live::new());
    let id = created(&portal, "orders").await;
    let submit = |change_: Change| {
        let portal = portal.clone();
        async move { portal.submit(&admin(), change(id, None, change_), Passwords::new()).await }
    };
    let set = |name: &str, value: &str| Change::SetParameters { parameters: Parameters([(name.to_owned(), value.to_owned())].into()) };
    assert!(submit(add_user("app")).await.unwrap_err().at("users.app").is_some());
    assert!(submit(set("shared_buffers", "900GB")).await.unwrap_err().at("parameters.shared_buffers").is_some());
    submit(add_user("alice")).await.unwrap();
    submit(set("work_mem", "9MB")).await.unwrap();
    stop.cancel();
}
