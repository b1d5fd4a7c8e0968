//! What goes wrong, and how it mends itself.

use crate::support::{Place, installs, kill, processes_under};
use domain::{observed::Progress, quantity::Bytes, spec::Switchover, status::InstanceState};
use futures::StreamExt;
use server::engine::{
    Engine,
    local::{Local, LocalConfig, OpenError},
};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

const TABLE: &str = "create table t (n int primary key); insert into t select generate_series(1, 1000)";
const COUNT: &str = "select count(*) from t";

#[tokio::test]
async fn a_killed_primary_comes_back_where_it_was_with_every_row() {
    let Some(place) = Place::open("killed").await else { return };
    let cluster = place.cluster(3);
    place.settle(&cluster).await;
    place.run(&cluster, 1, TABLE).await;
    let mut nudges = place.engine().nudges();
    place.kill_9(&cluster, 1);
    let nudge = tokio::time::timeout(Duration::from_secs(2), nudges.next()).await;
    assert_eq!(nudge.expect("the death is noticed at once"), Some(cluster.id));
    let started = Instant::now();
    place.settle(&cluster).await;
    eprintln!("after kill -9 of the primary settled in {:?}", started.elapsed());
    assert_eq!(place.primary(&cluster).await.ordinal, 1, "it was restarted, not replaced");
    place.kill_9(&cluster, 2);
    place.settle(&cluster).await;
    for instance in place.ready(&cluster).await {
        place.eventually(&cluster, instance.ordinal, COUNT, "1000").await;
    }
    place.remove(&cluster).await;
}

#[tokio::test]
async fn a_primary_that_cannot_start_is_replaced_and_rejoins() {
    let Some(place) = Place::open("replaced").await else { return };
    let cluster = place.cluster(3);
    place.settle(&cluster).await;
    place.run(&cluster, 1, TABLE).await;
    for ordinal in [2, 3] {
        place.eventually(&cluster, ordinal, COUNT, "1000").await;
    }
    place.kill_9(&cluster, 1);
    let control = place.folder(&cluster).join("1/data/global/pg_control");
    fs::write(&control, vec![0u8; 8192]).unwrap();
    let started = Instant::now();
    place.settle(&cluster).await;
    eprintln!("after the loss of the primary's data settled in {:?}", started.elapsed());
    let primary = place.primary(&cluster).await.ordinal;
    assert_ne!(primary, 1);
    place.run(&cluster, primary, "insert into t values (1001)").await;
    for instance in place.ready(&cluster).await {
        place.eventually(&cluster, instance.ordinal, COUNT, "1001").await;
    }
    // Its whole folder goes, by hand: a replica is copied anew.
    let replica = place.ready(&cluster).await.iter().find(|i| i.ordinal != primary).unwrap().ordinal;
    place.kill_9(&cluster, replica);
    fs::remove_dir_all(place.folder(&cluster).join(replica.to_string()).join("data")).unwrap();
    place.settle(&cluster).await;
    place.ready(&cluster).await;
    place.remove(&cluster).await;
}

#[tokio::test]
async fn a_diverged_primary_is_rewound() {
    let Some(place) = Place::open("rewound").await else { return };
    let cluster = place.cluster(2);
    place.settle(&cluster).await;
    place.run(&cluster, 1, TABLE).await;
    place.eventually(&cluster, 2, COUNT, "1000").await;
    // Somebody promotes the replica by hand and writes to it: it is fenced, and what only it has is taken back.
    place.run(&cluster, 2, "select pg_promote(true)").await;
    place.run(&cluster, 2, "insert into t values (5000)").await;
    place.run(&cluster, 1, "insert into t values (1001), (1002)").await;
    place.settle(&cluster).await;
    assert_eq!(place.primary(&cluster).await.ordinal, 1);
    place.eventually(&cluster, 2, COUNT, "1002").await;
    assert_eq!(place.text(&cluster, 2, "select count(*) from t where n = 5000").await, "0");
    place.remove(&cluster).await;
}

#[tokio::test]
async fn data_that_outgrow_what_was_ordered_are_told_and_written_no_more() {
    let Some(place) = Place::open("outgrown").await else { return };
    let mut cluster = place.cluster(2);
    cluster.spec.storage = Bytes::gib(1);
    place.settle(&cluster).await;
    place.run(&cluster, 1, TABLE).await;
    let filler = place.folder(&cluster).join("1/data/filler");
    let grown = |size: &str| assert!(Command::new("fallocate").args(["-l", size]).arg(&filler).status().unwrap().success());
    // The machine itself may be nearly full: its word comes first, and says the same.
    let told = async |words: &[&str]| {
        let started = Instant::now();
        loop {
            place.settle(&cluster).await;
            let notes = place.observed(&cluster).await.notes;
            if notes.iter().any(|note| words.contains(&note.code.as_str())) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{notes:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    grown("900M");
    told(&["StorageNearlyFull", "DiskNearlyFull", "DiskFull"]).await;
    grown("990M");
    told(&["StorageFull", "DiskFull"]).await;
    place.eventually(&cluster, 1, "select current_setting('default_transaction_read_only')", "on").await;
    assert_eq!(place.text(&cluster, 1, COUNT).await, "1000", "reads go on");
    // What was ordered grows: room again, without a restart.
    let starts = place.starts(&cluster).await;
    cluster.spec.storage = Bytes::gib(2);
    place.settle(&cluster).await;
    place.eventually(&cluster, 1, "select current_setting('default_transaction_read_only')", "off").await;
    place.run(&cluster, 1, "insert into t values (1001)").await;
    assert_eq!(place.starts(&cluster).await, starts, "nothing was restarted");
    place.remove(&cluster).await;
}

#[tokio::test]
async fn a_portal_cut_off_anywhere_goes_on_where_it_was() {
    let Some(mut place) = Place::open("cut").await else { return };
    let mut cluster = place.cluster(1);
    let mut seed = 0x9e37_79b9_u64;
    let mut chance = move |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    let wishes: [(u8, Option<u8>); 4] = [(1, None), (3, None), (3, Some(2)), (2, None)];
    for (round, (instances, to)) in wishes.into_iter().enumerate() {
        cluster.spec.instances = instances;
        if instances > 1 {
            cluster.spec.topology = domain::topology::Topology::Replicated;
        }
        if let Some(to) = to {
            cluster.spec.switchover = Some(Switchover { to, serial: 1 });
        }
        for _ in 0..6 {
            let time = Duration::from_millis(chance(600));
            let _cut =
                tokio::time::timeout(time, async { while !matches!(place.engine().converge(&cluster, &Default::default()).await, Ok(Progress::Settled)) {} })
                    .await;
            place.reopen().await;
        }
        place.settle(&cluster).await;
        place.ready(&cluster).await;
        if round == 0 {
            place.run(&cluster, 1, TABLE).await;
        }
        for instance in place.ready(&cluster).await {
            place.eventually(&cluster, instance.ordinal, COUNT, "1000").await;
        }
    }
    assert_eq!(place.primary(&cluster).await.ordinal, 2);
    for _ in 0..3 {
        let _cut = tokio::time::timeout(Duration::from_millis(chance(60)), place.engine().remove(&cluster)).await;
        place.reopen().await;
    }
    place.remove(&cluster).await;
}

#[tokio::test]
async fn a_pid_file_of_another_life_does_not_keep_it_from_starting() {
    let Some(mut place) = Place::open("stale").await else { return };
    let cluster = place.cluster(1);
    place.settle(&cluster).await;
    place.run(&cluster, 1, TABLE).await;
    let file = place.folder(&cluster).join("1/data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    place.kill_9(&cluster, 1);
    // As after a restart of the machine: the pid is somebody else's now, of the same user.
    let mut other = std::process::Command::new("setpriv").args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sleep", "60"]).spawn().unwrap();
    let rest = text.split_once('\n').unwrap().1;
    fs::write(&file, format!("{}\n{rest}", other.id())).unwrap();
    place.reopen().await;
    place.settle(&cluster).await;
    assert_eq!(place.text(&cluster, 1, COUNT).await, "1000");
    assert!(other.try_wait().unwrap().is_none(), "nobody else is killed");
    other.kill().unwrap();
    other.wait().unwrap();
    place.remove(&cluster).await;
}

#[tokio::test]
async fn a_frozen_child_of_a_dead_postmaster_is_ended() {
    let Some(place) = Place::open("frozen").await else { return };
    let cluster = place.cluster(1);
    place.settle(&cluster).await;
    place.run(&cluster, 1, TABLE).await;
    let postmaster = place.postmaster(&cluster, 1);
    let child = processes_under(&place.root).into_iter().find(|pid| *pid != postmaster).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::Signal::SIGSTOP).unwrap();
    kill(postmaster);
    tokio::time::sleep(Duration::from_millis(100)).await;
    place.settle(&cluster).await;
    assert_eq!(place.text(&cluster, 1, COUNT).await, "1000");
    place.remove(&cluster).await;
}

#[tokio::test]
async fn files_edited_by_hand_are_put_back_and_bad_parameters_are_refused_in_words() {
    let Some(place) = Place::open("edited").await else { return };
    let mut cluster = place.cluster(3);
    place.settle(&cluster).await;
    let conf = place.folder(&cluster).join("1/conf/postgresql.conf");
    let right = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, format!("{right}\nwork_mem = '77MB'\n")).unwrap();
    fs::write(place.folder(&cluster).join("2/conf/managed.conf"), "primary_conninfo = ''\n").unwrap();
    let before = place.starts(&cluster).await;
    place.settle(&cluster).await;
    assert_eq!(fs::read_to_string(&conf).unwrap(), right);
    assert_ne!(place.text(&cluster, 1, "select current_setting('work_mem')").await, "77MB");
    assert_eq!(before, place.starts(&cluster).await, "that needs no restart");

    cluster.spec.parameters.0.insert("work_mem".into(), "5MB".into());
    place.settle(&cluster).await;
    assert_eq!(place.observed(&cluster).await.notes, []);
    assert_eq!(place.text(&cluster, 3, "select current_setting('work_mem')").await, "5MB");
    assert_eq!(before, place.starts(&cluster).await);

    cluster.spec.parameters.0.insert("no_such_thing".into(), "1".into());
    place.settle(&cluster).await;
    let notes = place.observed(&cluster).await.notes;
    let note = notes.iter().find(|note| note.code == "ParameterRejected").expect("it is said");
    assert!(note.message.contains("no_such_thing"), "{note:?}");
    assert_eq!(place.text(&cluster, 1, "select current_setting('work_mem')").await, "5MB");
    assert_eq!(before, place.starts(&cluster).await);
    cluster.spec.parameters.0.remove("no_such_thing");

    for (value, text) in [("150", "150"), ("60", "60")] {
        cluster.spec.parameters.0.insert("max_connections".into(), value.into());
        place.settle(&cluster).await;
        place.ready(&cluster).await;
        for ordinal in 1..=3 {
            assert_eq!(place.text(&cluster, ordinal, "select current_setting('max_connections')").await, text);
        }
    }
    assert!(place.observed(&cluster).await.notes.iter().all(|note| note.code != "ParameterRejected"));

    // Passes the check, and is found out only when it starts.
    cluster.spec.parameters.0.insert("max_connections".into(), "61".into());
    cluster.spec.parameters.0.insert("shared_buffers".into(), "100GB".into());
    place.settle(&cluster).await;
    place.ready(&cluster).await;
    assert!(place.observed(&cluster).await.notes.iter().any(|note| note.code == "ParameterRejected"));

    cluster.spec.parameters.0.remove("shared_buffers");
    cluster.spec.restarts += 1;
    let before = place.starts(&cluster).await;
    place.settle(&cluster).await;
    let after = place.starts(&cluster).await;
    assert!(before.iter().all(|(ordinal, start)| after[ordinal] > *start), "asked for, every instance restarts");
    place.remove(&cluster).await;
}

#[tokio::test]
async fn a_port_that_somebody_took_is_told_and_taken_when_free() {
    let Some(place) = Place::open("port").await else { return };
    let cluster = place.cluster(1);
    place.settle(&cluster).await;
    let port = place.ready(&cluster).await[0].port;
    let paused = crate::support::off(&cluster);
    place.settle(&paused).await;
    let thief = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let reason = loop {
        match place.engine().converge(&cluster, &Default::default()).await {
            Ok(Progress::Working(reason)) => break reason,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
    };
    assert_eq!(reason.code, "PortTaken");
    assert!(reason.message.contains(&port.to_string()));
    assert!(place.observed(&cluster).await.notes.iter().any(|note| note.code == "PortTaken"));
    drop(thief);
    place.settle(&cluster).await;
    assert_eq!(place.ready(&cluster).await[0].port, port, "an address stays");
    assert!(place.observed(&cluster).await.notes.iter().all(|note| note.code != "PortTaken"));
    place.remove(&cluster).await;
}

#[tokio::test]
async fn a_mark_that_somebody_removed_costs_nothing() {
    let Some(place) = Place::open("unmarked").await else { return };
    for instances in [1, 2] {
        let cluster = place.cluster(instances);
        place.settle(&cluster).await;
        place.run(&cluster, 1, TABLE).await;
        let starts = place.starts(&cluster).await;
        let marks: Vec<_> = (1..=instances).map(|ordinal| place.folder(&cluster).join(format!("{ordinal}/mark.json"))).collect();
        for mark in &marks {
            fs::remove_file(mark).unwrap();
        }
        place.settle(&cluster).await;
        assert!(marks.iter().all(|mark| mark.exists()), "what runs tells what its mark was");
        assert_eq!(place.starts(&cluster).await, starts, "and goes on running");
        // Of one that does not run nobody knows whether its data are whole.
        let kept = fs::read(&marks[0]).unwrap();
        fs::remove_file(&marks[0]).unwrap();
        place.kill_9(&cluster, 1);
        let (started, mut told) = (Instant::now(), 0);
        while told < 5 {
            let progress = place.engine().converge(&cluster, &Default::default()).await;
            assert!(started.elapsed() < Duration::from_secs(20), "{progress:?}");
            told = if matches!(&progress, Ok(Progress::Working(reason)) if reason.message.contains("put the file back")) { told + 1 } else { 0 };
        }
        assert!(!marks[0].exists() && place.folder(&cluster).join("1/data/PG_VERSION").exists());
        fs::write(&marks[0], kept).unwrap();
        place.settle(&cluster).await;
        assert_eq!(place.text(&cluster, place.primary(&cluster).await.ordinal, COUNT).await, "1000");
        place.remove(&cluster).await;
    }
}

#[tokio::test]
async fn a_lost_standalone_cluster_is_not_made_anew_and_a_data_root_has_one_owner() {
    let Some(place) = Place::open("lost").await else { return };
    let mut cluster = place.cluster(1);
    place.settle(&cluster).await;
    let again = Local::open(LocalConfig { root: place.root.clone(), installs: installs(), run_as: None }).await;
    assert!(matches!(again, Err(OpenError::Owned(_))));
    place.kill_9(&cluster, 1);
    fs::remove_dir_all(place.folder(&cluster).join("1/data")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match place.engine().converge(&cluster, &Default::default()).await {
            Ok(Progress::Blocked(reason)) if reason.code == "DataGone" => break,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
    }
    assert!(matches!(place.instances(&cluster).await[0].state, InstanceState::Failed(_)));
    fs::remove_dir_all(place.folder(&cluster)).unwrap();
    cluster.status.generation = 1;
    assert!(matches!(place.engine().converge(&cluster, &Default::default()).await, Ok(Progress::Blocked(reason)) if reason.code == "DataGone"));
    place.remove(&cluster).await;
}
