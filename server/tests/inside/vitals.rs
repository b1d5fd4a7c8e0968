//! Measurements of a primary with a replica that falls behind and dies.

use crate::world::{World, everywhere};
use domain::vitals::{Sync, Vitals};
use server::postgres::statistics::{self, Probe};
use std::time::Duration;

async fn eventually(probe: &mut Probe, w: &World, holds: impl Fn(&Vitals) -> bool) -> Vitals {
    let mut last = None;
    for _ in 0..200 {
        match probe.vitals(&w.cluster).await {
            Ok(vitals) if holds(&vitals) => return vitals,
            seen => last = Some(seen),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{last:?}");
}

#[tokio::test]
async fn lag_is_seen_in_bytes_seconds_and_silence() {
    everywhere(async |mut w| {
        if !w.server.install.join("bin/pg_basebackup").exists() {
            return;
        }
        w.server.configure("cluster_name = 'orders-1'").await;
        w.server.restart().await;
        let replica = w.server.replica("orders-2").await;
        let mut probe = Probe::new(w.server.options());
        let vitals = eventually(&mut probe, &w, |v| v.lag(2).is_some_and(|lag| lag.bytes == 0)).await;
        assert_eq!(vitals.primary, Some(1));
        assert_eq!((vitals.lag(2).unwrap().seconds, vitals.lag(2).unwrap().sync), (0.0, Sync::Async));
        assert!(vitals.lag(3).is_none());

        replica.run_sql("postgres", "select pg_wal_replay_pause()").await;
        w.server.run_sql("postgres", "create table t as select generate_series(1, 1000) as i").await;
        let vitals = eventually(&mut probe, &w, |v| v.lag(2).is_some_and(|lag| lag.bytes > 10_000 && lag.seconds > 0.0)).await;
        assert_eq!(vitals.lag(2).unwrap().state, "streaming");
        replica.run_sql("postgres", "select pg_wal_replay_resume()").await;
        eventually(&mut probe, &w, |v| v.lag(2).is_some_and(|lag| lag.bytes == 0 && lag.seconds == 0.0)).await;

        assert!(statistics::vitals(&replica.options(), &w.cluster, None).await.is_err(), "a replica does not answer for its primary");
        drop(replica);
        eventually(&mut probe, &w, |v| v.replicas.is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn rates_need_two_measurements_of_one_start_and_the_probe_comes_back() {
    everywhere(async |mut w| {
        w.server.run_sql("postgres", "create table t(i int)").await;
        let _client = w.server.connect("postgres").await;
        let mut probe = Probe::new(w.server.options());
        let vitals = probe.vitals(&w.cluster).await.unwrap();
        assert_eq!((vitals.transactions, vitals.wal, vitals.connections), (None, None, Some((1, 100))));
        w.server.run_sql("postgres", "insert into t select generate_series(1, 1000)").await;
        let vitals = eventually(&mut probe, &w, |v| v.wal.is_some_and(|wal| wal > 1000.0)).await;
        assert!(vitals.transactions.is_some_and(|rate| rate >= 0.0));
        eventually(&mut probe, &w, |v| v.transactions.is_some_and(|rate| rate > 0.0)).await;

        let (_, sample) = statistics::vitals(&w.server.options(), &w.cluster, None).await.unwrap();
        let (vitals, _) = statistics::vitals(&w.server.options(), &w.cluster, Some(&sample)).await.unwrap();
        assert!(vitals.wal.is_some());

        w.server.restart().await;
        assert!(probe.vitals(&w.cluster).await.is_err(), "its connection is gone");
        let vitals = probe.vitals(&w.cluster).await.unwrap();
        assert_eq!(vitals.wal, None, "another start is not compared");
    })
    .await;
}
