//! What people ask for, from the first start to the last.

use crate::support::{Place, off};
use domain::{
    quorum::Quorum,
    spec::Switchover,
    status::{EndpointKind, InstanceState},
};
use server::engine::Engine;
use sqlx::{Connection, PgConnection};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

#[tokio::test]
async fn a_standalone_cluster_comes_up_answers_and_goes_without_a_trace() {
    let Some(place) = Place::open("alone").await else { return };
    let cluster = place.cluster(1);
    let started = Instant::now();
    place.settle(&cluster).await;
    eprintln!("1 instance settled in {:?}", started.elapsed());
    let instances = place.ready(&cluster).await;
    let observed = place.observed(&cluster).await;
    assert_eq!(observed.endpoints.iter().find(|e| e.kind == EndpointKind::Rw).unwrap().port, instances[0].port);
    let options = place.engine().primary(&cluster).await.unwrap().expect("the primary answers");
    let mut session = PgConnection::connect_with(&options).await.unwrap();
    let checksums: String = sqlx::query_scalar("show data_checksums").fetch_one(&mut session).await.unwrap();
    assert_eq!(checksums, "on");
    drop(session);
    place.run(&cluster, 1, "create role someone login password 'secret'").await;
    let tcp = sqlx::postgres::PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(instances[0].port).username("someone").database("postgres");
    let plain = PgConnection::connect_with(&tcp.clone().password("secret").ssl_mode(sqlx::postgres::PgSslMode::Disable)).await;
    assert!(plain.is_err(), "without TLS nobody is let in");
    let ca = place.engine().offer().ca.unwrap();
    let verified = tcp.ssl_mode(sqlx::postgres::PgSslMode::VerifyFull).ssl_root_cert_from_pem(ca.into_bytes());
    assert!(PgConnection::connect_with(&verified.clone().password("wrong")).await.is_err());
    PgConnection::connect_with(&verified.password("secret")).await.expect("TLS and the password");
    assert!(place.engine().usage(&cluster).await[0].memory.unwrap() > 1 << 20);
    let before = place.starts(&cluster).await;
    place.settle(&cluster).await;
    assert_eq!(before, place.starts(&cluster).await, "the same wish again restarts nothing");
    place.remove(&cluster).await;
    place.remove(&cluster).await;
}

#[tokio::test]
async fn ten_thousand_rows_survive_one_three_two_instances_and_a_switchover() {
    let Some(place) = Place::open("rows").await else { return };
    let mut cluster = place.cluster(1);
    place.settle(&cluster).await;
    place.run(&cluster, 1, "create table t (n int primary key); insert into t select generate_series(1, 10000)").await;
    cluster = cluster.change(None, vec![domain::command::Change::Scale { instances: 3 }], domain::Timestamp::now()).unwrap();
    let started = Instant::now();
    place.settle(&cluster).await;
    eprintln!("1 -> 3 instances settled in {:?}", started.elapsed());
    let addresses = place.observed(&cluster).await.endpoints;
    for instance in place.ready(&cluster).await {
        place.eventually(&cluster, instance.ordinal, "select count(*) from t", "10000").await;
    }
    cluster.spec.switchover = Some(Switchover { to: 3, serial: 1 });
    let started = Instant::now();
    place.settle(&cluster).await;
    eprintln!("switchover settled in {:?}", started.elapsed());
    assert_eq!(place.primary(&cluster).await.ordinal, 3);
    place.run(&cluster, 3, "insert into t values (10001)").await;
    for instance in place.ready(&cluster).await {
        place.eventually(&cluster, instance.ordinal, "select count(*) from t", "10001").await;
    }
    cluster.spec.instances = 2;
    place.settle(&cluster).await;
    let left: Vec<u8> = place.ready(&cluster).await.iter().map(|i| i.ordinal).collect();
    assert_eq!(left, [1, 3], "the highest that is not the primary goes");
    for ordinal in left {
        place.eventually(&cluster, ordinal, "select count(*) from t", "10001").await;
    }
    assert_eq!(place.text(&cluster, 3, "select string_agg(slot_name, ',') from pg_replication_slots").await, "howdah_1");
    cluster.spec.instances = 1;
    place.settle(&cluster).await;
    assert_eq!(place.ready(&cluster).await[0].ordinal, 3);
    let now = place.observed(&cluster).await.endpoints;
    for kind in [EndpointKind::Rw, EndpointKind::Ro] {
        let port = |all: &[domain::status::Endpoint]| all.iter().find(|e| e.kind == kind).unwrap().port;
        assert_eq!(port(&addresses), port(&now), "an address stays");
    }
    place.remove(&cluster).await;
}

#[tokio::test]
async fn three_instances_pause_and_resume_with_a_quorum() {
    let Some(place) = Place::open("pause").await else { return };
    let mut cluster = place.cluster(3);
    cluster.spec.quorum = Quorum::healing(1, 2);
    let started = Instant::now();
    place.settle(&cluster).await;
    eprintln!("3 instances settled in {:?}", started.elapsed());
    place.ready(&cluster).await;
    let names = "select current_setting('synchronous_standby_names')";
    assert_eq!(place.text(&cluster, 1, names).await, r#"ANY 2 ("howdah_2", "howdah_3")"#);
    let before = place.starts(&cluster).await;
    place.settle(&cluster).await;
    assert_eq!(before, place.starts(&cluster).await);
    let paused = off(&cluster);
    place.settle(&paused).await;
    assert!(place.instances(&paused).await.iter().all(|i| i.state == InstanceState::Stopped));
    assert!(crate::support::processes_under(&place.root).is_empty(), "nothing runs while it is paused");
    place.settle(&cluster).await;
    place.ready(&cluster).await;
    place.remove(&cluster).await;
}

#[tokio::test]
async fn a_log_that_grows_is_cut_while_postgresql_writes_on() {
    let Some(place) = Place::open("verbose").await else { return };
    let cluster = place.cluster(1);
    place.settle(&cluster).await;
    let log = place.folder(&cluster).join("1/log/postgresql.log");
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    assert!(Command::new("fallocate").args(["-l", "65M"]).arg(&log).status().unwrap().success());
    let started = Instant::now();
    while length(&log) > 64 << 20 {
        assert!(started.elapsed() < Duration::from_secs(60), "it is cut by itself");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(length(&log.with_extension("log.1")), 16 << 20, "what was written last is kept");
    place.run(&cluster, 1, "do $$ begin raise log 'after the cut'; end $$").await;
    assert!(fs::read_to_string(&log).unwrap().contains("after the cut"));
    place.remove(&cluster).await;
}
