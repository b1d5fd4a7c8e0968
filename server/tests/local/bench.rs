//! How long things take beside the same work by hand. Asked for by name: `cargo test -p server --test local -- --ignored --nocapture bench`.

use crate::support::Place;
use domain::{observed::Progress, spec::Switchover, status::EndpointKind};
use server::engine::{Engine, local::installs::Installs};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The same steps in a script: same binaries, same flags.
const BY_HAND: &str = r#"
set -e
cd "$DIR"
conf() { printf "port=%s\nlisten_addresses='127.0.0.1'\nunix_socket_directories='%s'\nwal_level=replica\nmax_wal_senders=40\nmax_replication_slots=40\nshared_buffers=64MB\nwal_log_hints=on\nwal_keep_size=256MB\nhba_file='%s/hba'\n" "$2" "$DIR" "$DIR" > "$DIR/$1.conf"; }
start() { setsid "$BIN/postgres" -D "$DIR/$1" -c config_file="$DIR/$1.conf" < /dev/null >> "$DIR/$1.log" 2>&1 & }
ready() { until [ -f "$DIR/$1/postmaster.pid" ] && sed -n 8p "$DIR/$1/postmaster.pid" | grep -q -e ready -e standby; do sleep 0.005; done; }
printf 'local all all trust\nlocal replication all trust\n' > hba
conf 1 19101
"$BIN/initdb" -D 1 -U postgres -k -E UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=reject --no-sync > /dev/null
start 1; ready 1
[ "$COUNT" = 1 ] && exit 0
CLONES=
for i in 2 3; do "$BIN/psql" -qAt -h "$DIR" -p 19101 -U postgres postgres -c "select pg_create_physical_replication_slot('s$i', true)" > /dev/null; done
for i in 2 3; do (
  conf $i 1910$i
  "$BIN/pg_basebackup" -D $i -d "host=$DIR port=19101 user=postgres" -S s$i -X stream -c fast --no-sync
  printf "primary_conninfo='host=%s port=19101 user=postgres application_name=s%s'\nprimary_slot_name='s%s'\n" "$DIR" $i $i >> $i.conf
  touch $i/standby.signal; start $i; ready $i ) & CLONES="$CLONES $!"; done
wait $CLONES
until [ "$("$BIN/psql" -qAt -h "$DIR" -p 19101 -U postgres postgres -c "select count(*) from pg_stat_replication where state = 'streaming'")" = 2 ]; do sleep 0.01; done
"#;

async fn by_hand(place: &Place, bin: &str, count: u8) -> Duration {
    let folder = place.root.join(format!("hand-{count}"));
    std::fs::create_dir_all(&folder).unwrap();
    Command::new("chown").arg("postgres").arg(&folder).status().unwrap();
    let started = Instant::now();
    let mut script = Command::new("setpriv");
    script.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh", "-c", BY_HAND]);
    script.env("DIR", &folder).env("BIN", bin).env("COUNT", count.to_string());
    assert!(script.status().unwrap().success());
    let took = started.elapsed();
    while let Some(pid) = crate::support::processes_under(&folder).first() {
        crate::support::kill(*pid);
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    took
}

/// Until the first session is let in.
async fn created(place: &Place, instances: u8) -> Duration {
    let cluster = place.cluster(instances);
    let started = Instant::now();
    loop {
        let progress = place.engine().converge(&cluster, &Default::default()).await.unwrap();
        let streaming = instances == 1 || {
            let primary = place.engine().primary(&cluster).await.unwrap().is_some();
            primary && place.text(&cluster, 1, "select count(*) from pg_stat_replication where state = 'streaming'").await == (instances - 1).to_string()
        };
        if streaming && let Some(options) = place.engine().primary(&cluster).await.unwrap() {
            PgConnection::connect_with(&options).await.unwrap();
            break;
        }
        assert!(!matches!(progress, Progress::Blocked(_)));
    }
    let took = started.elapsed();
    place.settle(&cluster).await;
    place.remove(&cluster).await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn bench_create_and_switch() {
    let Some(place) = Place::open("bench").await else { return };
    let installs = Installs::discover(&crate::support::installs()).await;
    let bin = installs.by_major[&place.major].bin.display().to_string();
    for round in 1..=3 {
        for count in [1, 3] {
            let (hand, engine) = (by_hand(&place, &bin, count).await, created(&place, count).await);
            eprintln!("round {round}: {count} instances: by hand {hand:.2?}, engine {engine:.2?}, {:.2} x", engine.as_secs_f64() / hand.as_secs_f64());
        }
    }
    let mut cluster = place.cluster(3);
    place.settle(&cluster).await;
    place
        .run(&cluster, 1, "create role app login superuser password 'secret'; create table t (n bigint primary key, at timestamptz default clock_timestamp())")
        .await;
    let rw = place.observed(&cluster).await.endpoints.iter().find(|e| e.kind == EndpointKind::Rw).unwrap().port;
    let running = Arc::new(AtomicBool::new(true));
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(rw).username("app").password("secret").database("postgres");
    let writer = tokio::spawn({
        let running = running.clone();
        async move {
            let (mut gaps, mut last, mut n, mut acknowledged, mut read_only) = (Vec::new(), Instant::now(), 0u64, 0u64, 0u64);
            while running.load(Ordering::Relaxed) {
                let Ok(Ok(mut session)) = tokio::time::timeout(Duration::from_secs(2), PgConnection::connect_with(&options)).await else { continue };
                loop {
                    n += 1;
                    match sqlx::raw_sql(AssertSqlSafe(format!("insert into t values ({n})"))).execute(&mut session).await {
                        Ok(_) => {
                            acknowledged += 1;
                            if last.elapsed() > Duration::from_millis(100) && acknowledged > 1 {
                                gaps.push(last.elapsed());
                            }
                            last = Instant::now();
                        }
                        Err(error) => {
                            read_only += u64::from(error.to_string().contains("read-only"));
                            break;
                        }
                    }
                    if !running.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
            (gaps, acknowledged, read_only)
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    for serial in 1..=4u32 {
        cluster.spec.switchover = Some(Switchover { to: u8::try_from(serial % 3 + 1).unwrap(), serial });
        place.settle(&cluster).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    running.store(false, Ordering::Relaxed);
    let (gaps, acknowledged, read_only) = writer.await.unwrap();
    let primary = place.primary(&cluster).await.ordinal;
    eprintln!("switchover gaps {gaps:.2?} (a login costs {:?} of SCRAM in a debug build)", Duration::from_millis(300));
    eprintln!(
        "acknowledged {acknowledged}, stored {}, sent to a read-only instance {read_only}",
        place.text(&cluster, primary, "select count(*) from t").await
    );
    place.remove(&cluster).await;
}
