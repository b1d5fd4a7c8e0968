//! What holds for every name, every password and every second pass.

use crate::{
    host::{Server, chosen},
    world::everywhere,
};
use domain::{Change, observed::Seen};
use nix::sys::signal::Signal;
use proptest::{prelude::*, test_runner::TestRunner};
use secrecy::SecretString;
use server::{
    postgres::{inside, quote, statistics::Probe},
    secret,
};
use sqlx::AssertSqlSafe;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

#[test]
fn quoting_is_what_the_server_calls_quoting() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for install in chosen().values().skip(chosen().len() - 1) {
        let server = runtime.block_on(Server::start(install));
        let connection = RefCell::new(runtime.block_on(server.connect("postgres")));
        let mut runner = TestRunner::new(ProptestConfig::with_cases(150));
        let texts = prop_oneof!["[ -~]{1,30}", "[^\\x00]{1,12}", "['\"\\\\$]{1,6}"];
        let law = runner.run(&texts, |text| {
            let identifier: String = text.chars().take(15).collect();
            let sql = format!("select quote_literal({}), quote_ident($1), parse_ident({})", quote::literal(&text), quote::literal(&quote::ident(&identifier)));
            let mut connection = connection.borrow_mut();
            let asked = sqlx::query_as(AssertSqlSafe(sql)).bind(&identifier).persistent(false).fetch_one(&mut *connection);
            let (literal, ident, parsed): (String, String, Vec<String>) = runtime.block_on(asked).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(&literal, &quote::literal(&text));
            // The server leaves away quotes that are not needed.
            prop_assert!(ident == quote::ident(&identifier) || ident == identifier);
            prop_assert_eq!(parsed, vec![identifier]);
            Ok(())
        });
        law.unwrap();
    }
}

#[test]
fn a_password_is_prepared_as_the_server_prepares_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for install in chosen().values().skip(chosen().len() - 1) {
        let server = runtime.block_on(Server::start(install));
        let connection = RefCell::new(runtime.block_on(server.connect("postgres")));
        let mut runner = TestRunner::new(ProptestConfig::with_cases(60));
        let passwords = prop_oneof![
            "[ -~]{1,30}",
            "\\PC{1,12}",
            "[^\\x00]{1,8}",
            Just("\u{ad}".to_owned()),
            Just("I\u{ad}X \u{2168}".to_owned()),
            Just("\u{7}bell".to_owned()),
            Just("\u{627}1".to_owned()),
            Just("\u{1d2c}".to_owned()),
            Just("\u{a0}\u{e9}\u{fb01}".to_owned())
        ];
        let law = runner.run(&passwords, |password| {
            let sql = format!("drop role if exists p; create role p login password {}", quote::literal(&password));
            let made = runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection.borrow_mut()));
            made.map_err(|e| TestCaseError::fail(e.to_string()))?;
            let theirs: String =
                runtime.block_on(sqlx::query_scalar("select rolpassword from pg_authid where rolname = 'p'").fetch_one(&mut *connection.borrow_mut())).unwrap();
            prop_assert!(secret::verifies(&SecretString::from(password), &theirs));
            Ok(())
        });
        law.unwrap();
    }
}

#[tokio::test]
async fn a_second_pass_writes_no_row_of_any_catalog() {
    everywhere(async |mut w| {
        w.users(&["owner", "admin", "reader"]);
        w.database("shop", Some("owner"), &["admin"], &["reader"]);
        w.database("blog", None, &["admin", "reader"], &[]);
        w.extensions("blog", &["hstore", "uuid-ossp"]);
        w.pass().await;
        w.may("admin", "shop", "create table t(i serial); create schema s create view v as select 1 as i").await;
        w.may("admin", "blog", "create table t(i serial)").await;
        w.pass().await;
        let rows = |table: &str| format!("(select string_agg(ctid::text || xmin::text, ' ' order by ctid) from {table})");
        let shared = ["pg_authid", "pg_auth_members", "pg_database", "pg_shdescription", "pg_db_role_setting"].map(rows).join(" || ");
        let local = ["pg_namespace", "pg_class", "pg_default_acl", "pg_extension", "pg_proc"].map(|t| format!("coalesce({}, '')", rows(t))).join(" || ");
        let look = async || {
            (
                w.ask("postgres", &shared.replace("pg_db_role_setting)", "pg_db_role_setting having true)")).await,
                w.ask("shop", &local).await,
                w.ask("blog", &local).await,
            )
        };
        let before = look().await;
        assert_eq!(w.pass().await.changes, 0);
        assert!(look().await == before);
    })
    .await;
}

#[tokio::test]
async fn parameters_that_wait_or_were_refused_are_told() {
    everywhere(async |mut w| {
        w.users(&["alice"]);
        let inside = w.reach().await;
        assert!(inside.pending_restart.is_empty() && inside.rejected_parameters.is_empty(), "{inside:?}");
        w.server.configure("max_locks_per_transaction = 77\nwork_mem = '1 elephant'").await;
        let inside = w.reach().await;
        assert_eq!(inside.pending_restart, ["max_locks_per_transaction"]);
        assert_eq!(inside.rejected_parameters.keys().collect::<Vec<_>>(), ["work_mem"], "{inside:?}");
    })
    .await;
}

#[tokio::test]
async fn a_pass_may_be_cut_off_anywhere_and_is_finished_by_another() {
    everywhere(async |mut w| {
        w.users(&["alice", "bob"]);
        w.database("shop", None, &["alice"], &["bob"]);
        w.cut_off_passes().await;
        w.pass().await;
        w.reach().await;
        w.wish([Change::RemoveUser { name: "alice".parse().unwrap() }]);
        w.cut_off_passes().await;
        w.reach().await;
        assert_eq!(w.ask("postgres", "select count(*) from pg_roles where rolname = 'alice'").await, "0");
    })
    .await;
}

#[tokio::test]
async fn nobody_there_is_unknown_and_not_empty() {
    everywhere(async |mut w| {
        w.users(&["alice"]);
        let nowhere = w.server.options().socket("/nonexistent");
        let seen = inside::converge(&nowhere, &w.cluster, &BTreeMap::new()).await;
        assert!(matches!(seen, Seen::Unknown(_)), "{seen:?}");
        // One that froze takes connections and never answers.
        w.server.signal(Signal::SIGSTOP);
        let start = Instant::now();
        let measured = Probe::new(w.server.options()).vitals(&w.cluster).await;
        assert!(measured.is_err() && start.elapsed() < Duration::from_secs(2));
        let seen = inside::converge(&w.server.options(), &w.cluster, &BTreeMap::new()).await;
        assert!(matches!(seen, Seen::Unknown(_)) && start.elapsed() < Duration::from_secs(6), "{seen:?}");
        w.server.signal(Signal::SIGCONT);
        w.reach().await;
    })
    .await;
}
