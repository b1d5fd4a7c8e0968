//! The portal's private PostgreSQL: made, shared, found again, mended and stopped; with real processes.
#![allow(clippy::unwrap_used)]

mod support;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use server::{config::State, private::Database};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use support::eventually;

fn state(data: &Path) -> State {
    State { data: Some(data.to_owned()), database_url: None, postgres: None, run_as: None }
}

/// A folder that PostgreSQL's user may walk through.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("howdah-private").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn pid(data: &Path) -> Option<i32> {
    let file = fs::read_to_string(data.join("portal/data/postmaster.pid")).ok()?;
    file.lines().next()?.trim().parse().ok()
}

fn lives(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

async fn answers(database: &Database) -> bool {
    database.store.ping().await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_shared_by_all_who_use_it_and_stopped_by_the_last() {
    let data = folder();
    let first = Database::open(&state(data.path())).await.unwrap();
    let postmaster = pid(data.path()).unwrap();
    let second = Database::open(&state(data.path())).await.unwrap();
    assert_eq!(pid(data.path()), Some(postmaster), "found, not started again");
    first.close().await.unwrap();
    assert!(answers(&second).await);
    second.close().await.unwrap();
    assert!(!lives(postmaster));
    let third = Database::open(&state(data.path())).await.unwrap();
    assert!(answers(&third).await);
    third.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_started_again_when_it_is_killed() {
    let data = folder();
    let database = Database::open(&state(data.path())).await.unwrap();
    let postmaster = pid(data.path()).unwrap();
    kill(Pid::from_raw(postmaster), Signal::SIGKILL).unwrap();
    eventually("it answers again", || async { (pid(data.path()) != Some(postmaster) && answers(&database).await).then_some(()) }).await;
    database.close().await.unwrap();
    assert!(!lives(pid(data.path()).unwrap_or(postmaster)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pid_file_whose_pid_was_given_anew_does_not_stop_it_from_starting() {
    let data = folder();
    Database::open(&state(data.path())).await.unwrap().close().await.unwrap();
    // A process of the same user, as PostgreSQL's own check would find it, stands for the one that got the pid.
    let mut bystander = std::process::Command::new("sleep");
    bystander.arg("600");
    if nix::unistd::Uid::effective().is_root() {
        use std::os::unix::process::CommandExt;
        bystander.uid(nix::unistd::User::from_name("postgres").unwrap().unwrap().uid.as_raw());
    }
    let mut bystander = bystander.spawn().unwrap();
    let file = data.path().join("portal/data/postmaster.pid");
    fs::write(&file, format!("{}\n{}\n1\n5432\n", bystander.id(), data.path().join("portal/data").display())).unwrap();
    let database = Database::open(&state(data.path())).await.unwrap();
    assert!(answers(&database).await);
    assert!(bystander.try_wait().unwrap().is_none(), "the bystander is left alone");
    database.close().await.unwrap();
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_portal_gets_in() {
    let data = folder();
    let database = Database::open(&state(data.path())).await.unwrap();
    let port: String = sqlx::query_scalar("select current_setting('listen_addresses')").fetch_one(database.store.pool()).await.unwrap();
    assert_eq!(port, "");
    let sums: String = sqlx::query_scalar("select current_setting('data_checksums')").fetch_one(database.store.pool()).await.unwrap();
    assert_eq!(sums, "on");
    let mode = fs::metadata(data.path().join("portal/run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let url = format!("postgres://postgres@localhost/postgres?host={}", data.path().join("portal/run").display());
    assert!(server::store::Store::connect(&url).await.is_err(), "no role but the portal's");
    database.close().await.unwrap();
}
