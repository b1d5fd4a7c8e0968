//! What people ask for, from the first start to the last.

use crate::support::Place;
use domain::{Change, command::Confirm, observed::Progress, quantity::Bytes, quorum::Quorum, spec::Power, status::InstanceState};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_up_with_users_and_databases_and_goes_without_a_trace() {
    let Some(mut place) = Place::open("life", 1).await else { return };
    place.users(&["alice", "bob"]);
    place.database("shop", &["alice"], &["bob"], &["hstore", "uuid-ossp"]);
    let started = Instant::now();
    place.reach().await;
    eprintln!("one instance, two users and a database as wished for after {:?}", started.elapsed());
    place.ready();
    let before = place.versions().await;
    place.pass().await;
    place.pass().await;
    place.reopen();
    place.reach().await;
    assert_eq!(place.versions().await, before, "an idle pass writes nothing, nor does one after a restart of the portal");
    let mut alice = place.enter("alice", "shop").await.unwrap();
    sqlx::raw_sql("create table t (n int); insert into t values (1)").execute(&mut alice).await.unwrap();
    let mut bob = place.enter("bob", "shop").await.unwrap();
    let n: i32 = sqlx::query_scalar("select n from t").fetch_one(&mut bob).await.unwrap();
    assert_eq!(n, 1, "a reader sees what an admin made later");
    assert!(place.enter("bob", "postgres").await.is_ok() && place.enter("bob", "howdah_app").await.is_ok());
    assert_eq!(place.ask("shop", "(select string_agg(extname, ',' order by extname) from pg_extension)").await, "hstore,plpgsql,uuid-ossp");
    assert_eq!(place.cluster.status.foreign_users, Vec::<String>::new());
    assert_eq!(place.cluster.status.foreign_databases, Vec::<String>::new());

    place.wish([Change::RotatePassword { name: "bob".parse().unwrap() }]);
    place.reach().await;
    place.enter("bob", "shop").await.expect("the new password");

    place.wish([Change::RemoveUser { name: "alice".parse().unwrap() }]);
    place.reach().await;
    place.until("alice is gone", |cluster, progress| *progress == Progress::Settled && !cluster.status.users.contains_key(&"alice".parse().unwrap())).await;
    assert_eq!(place.ask("postgres", "(select count(*) from pg_roles where rolname = 'alice')").await, "0");
    assert_eq!(place.ask("shop", "(select n from t)").await, "1", "what she owned stays");

    place.run("postgres", "create database by_hand").await;
    place.wish([Change::RemoveDatabase { name: "shop".parse().unwrap(), confirm: Confirm::Addressed }]);
    place.reach().await;
    assert_eq!(
        place.ask("postgres", "(select string_agg(datname, ',' order by datname) from pg_database where datname in ('shop', 'by_hand'))").await,
        "by_hand"
    );
    assert_eq!(place.cluster.status.foreign_databases, ["by_hand"]);
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_instances_scale_switch_pause_and_take_parameters() {
    let Some(mut place) = Place::open("three", 1).await else { return };
    place.reach().await;
    place.wish([Change::Scale { instances: 3 }, Change::SetQuorum { quorum: Quorum::healing(0, 1) }]);
    let started = Instant::now();
    place.reach().await;
    eprintln!("1 -> 3 instances after {:?}", started.elapsed());
    place.ready();
    assert!(place.ask("postgres", "current_setting('synchronous_standby_names')").await.starts_with("ANY 1"));

    let before = place.instances().to_vec();
    let started = Instant::now();
    place.parameters(&[("work_mem", "7MB")]);
    place.reach().await;
    eprintln!("work_mem after {:?}", started.elapsed());
    assert_eq!(place.ask("postgres", "current_setting('work_mem')").await, "7MB");
    assert_eq!(before.iter().map(|i| i.started_at).collect::<Vec<_>>(), place.instances().iter().map(|i| i.started_at).collect::<Vec<_>>());
    let started = Instant::now();
    place.parameters(&[("max_connections", "77")]);
    place.reach().await;
    eprintln!("max_connections after {:?}", started.elapsed());
    assert_eq!(place.ask("postgres", "current_setting('max_connections')").await, "77");

    let to = place.instances().iter().find(|i| i.name != place.primary().name).unwrap().ordinal;
    let started = Instant::now();
    place.wish([Change::Switchover { to }]);
    place.reach().await;
    eprintln!("switchover after {:?}", started.elapsed());
    assert_eq!(place.primary().ordinal, to);
    let version = place.object().await.metadata.resource_version;
    place.pass().await;
    assert_eq!(place.object().await.metadata.resource_version, version, "a switchover is carried out once");

    place.wish([Change::Scale { instances: 2 }]);
    place.reach().await;
    place.ready();
    assert_eq!(place.primary().ordinal, to);

    place.wish([Change::SetPower { power: Power::Off }]);
    let started = Instant::now();
    place.reach().await;
    eprintln!("paused after {:?}", started.elapsed());
    assert!(place.instances().iter().all(|instance| instance.state == InstanceState::Stopped), "{:?}", place.instances());
    place.wish([Change::SetPower { power: Power::On }]);
    let started = Instant::now();
    place.reach().await;
    eprintln!("resumed after {:?}", started.elapsed());
    place.ready();

    place.wish([Change::Restart]);
    let before = place.instances().to_vec();
    place.reach().await;
    place
        .until("every instance is restarted", |cluster, progress| {
            *progress == Progress::Settled && cluster.status.instances.iter().zip(&before).all(|(now, before)| now.started_at > before.started_at)
        })
        .await;
    place.wish([Change::Grow { storage: Bytes::gib(2) }]);
    place.reach().await;
    place.remove().await;
}
