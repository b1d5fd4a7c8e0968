//! Users come, change and go.

use crate::world::{everywhere, name};
use domain::{Change, status::Item};

#[tokio::test]
async fn a_user_logs_in_with_its_password_and_no_log_knows_it() {
    everywhere(async |mut w| {
        w.server.configure("log_min_duration_statement = 0\nlog_min_error_statement = debug5").await;
        w.users(&["alice"]);
        w.database("shop", None, &["alice"], &[]);
        let inside = w.reach().await;
        assert_eq!(inside.users[&name("alice")], Item::Active { password_version: 1 });
        w.may("alice", "shop", "select 1").await;
        assert!(w.enter_with("alice", "wrong", "shop").await.is_err());

        let old = w.passwords[&name("alice")].clone();
        w.wish([Change::RotatePassword { name: name("alice") }, Change::SetUser { name: name("alice"), replication: Some(true), description: None }]);
        let inside = w.reach().await;
        assert_eq!(inside.users[&name("alice")], Item::Active { password_version: 2 });
        w.may("alice", "shop", "select 1").await;
        assert!(w.enter_with("alice", secrecy::ExposeSecret::expose_secret(&old), "shop").await.is_err());
        assert_eq!(w.ask("postgres", "select rolreplication from pg_roles where rolname = 'alice'").await, "true");
        let log = w.server.log();
        assert!(log.contains("select 1"), "the log is on");
        assert!(!log.contains("SCRAM-SHA-256"), "{log}");
    })
    .await;
}

#[tokio::test]
async fn a_role_made_by_hand_is_taken_over_with_what_it_has() {
    everywhere(async |mut w| {
        w.server.run_sql("postgres", "create role bob nologin noinherit replication; grant pg_monitor to bob; comment on role bob is 'Bob''s'").await;
        w.users(&["bob"]);
        w.reach().await;
        w.may("bob", "postgres", "select 1").await;
        assert_eq!(w.ask("postgres", "select rolinherit and not rolreplication from pg_roles where rolname = 'bob'").await, "true");
        assert_eq!(w.ask("postgres", "select pg_has_role('bob', 'pg_monitor', 'member')").await, "true");
        assert_eq!(w.ask("postgres", "select shobj_description('bob'::regrole, 'pg_authid')").await, "howdah: managed; Bob's");
    })
    .await;
}

#[tokio::test]
async fn what_a_leaving_user_owns_goes_to_the_admins() {
    everywhere(async |mut w| {
        w.users(&["alice", "bob", "eve"]);
        w.database("shop", None, &["alice", "bob"], &["eve"]);
        w.database("blog", None, &["bob"], &[]);
        w.reach().await;
        w.server.run_sql("postgres", "create database handmade owner bob").await;
        for database in ["shop", "blog", "handmade"] {
            w.may("bob", database, "create schema own create table own.t(i serial); create table public.t as select 1 as i").await;
        }
        w.may("bob", "shop", "grant select on own.t to eve; alter default privileges grant select on tables to public").await;
        let mut session = w.enter("bob", "shop").await.unwrap();
        w.wish([Change::RemoveUser { name: name("bob") }]);
        w.reach().await;
        assert!(sqlx::query("select 1").execute(&mut session).await.is_err(), "its session ends");
        assert_eq!(w.ask("postgres", "select count(*) from pg_roles where rolname = 'bob'").await, "0");
        let owner = "select string_agg(distinct pg_get_userbyid(relowner), ',') from pg_class where relname = 't'";
        assert_eq!(w.ask("shop", owner).await, "shop_admin");
        assert_eq!(w.ask("blog", owner).await, "blog_admin");
        assert_eq!(w.ask("handmade", owner).await, "postgres");
        assert_eq!(w.ask("postgres", "select pg_get_userbyid(datdba) from pg_database where datname = 'handmade'").await, "postgres");
        w.may("alice", "shop", "insert into own.t default values; drop table public.t").await;
        w.may("eve", "shop", "select * from own.t").await;
    })
    .await;
}

#[tokio::test]
async fn a_user_that_granted_memberships_can_leave() {
    everywhere(async |mut w| {
        w.users(&["alice", "bob"]);
        w.database("shop", None, &["alice", "bob"], &[]);
        w.reach().await;
        w.server.run_sql("postgres", "create role hand login; grant shop_admin to alice with admin option").await;
        w.may("alice", "shop", "grant shop_admin to hand").await;
        w.wish([Change::RemoveUser { name: name("alice") }]);
        w.reach().await;
        assert_eq!(w.ask("postgres", "select count(*) from pg_roles where rolname = 'alice'").await, "0");
    })
    .await;
}

#[tokio::test]
async fn what_was_made_by_hand_is_listed_and_stays() {
    everywhere(async |mut w| {
        w.server.run_sql("postgres", "create role hand login; create role grp; create role howdah_replication login replication").await;
        w.server.run_sql("postgres", "create database by_hand").await;
        w.users(&["alice"]);
        w.database("shop", None, &["alice"], &[]);
        w.reach().await;
        w.server.run_sql("postgres", "grant shop_readonly to hand").await;
        let inside = w.reach().await;
        assert_eq!((inside.foreign_users, inside.foreign_databases), (vec!["hand".to_owned()], vec!["by_hand".to_owned()]));
        assert_eq!(w.ask("postgres", "select pg_has_role('hand', 'shop_readonly', 'member')").await, "true");
        w.wish([Change::RemoveDatabase { name: name("shop"), confirm: domain::Confirm::Addressed }, Change::RemoveUser { name: name("alice") }]);
        let inside = w.reach().await;
        assert_eq!(inside.foreign_users, ["hand"]);
        assert_eq!(w.ask("postgres", "select string_agg(rolname, ' ' order by oid) from pg_roles where oid >= 16384").await, "hand grp howdah_replication");
        assert_eq!(w.ask("postgres", "select string_agg(datname, ' ' order by oid) from pg_database where oid >= 16384").await, "by_hand");
    })
    .await;
}

#[tokio::test]
async fn a_user_without_a_known_password_is_told_and_stops_nobody() {
    everywhere(async |mut w| {
        w.users(&["alice", "bob"]);
        w.verifiers.remove(&name("alice"));
        let inside = w.pass().await.inside;
        assert!(matches!(&inside.users[&name("alice")], Item::Error(why) if why.contains("alice")));
        assert_eq!(inside.users[&name("bob")], Item::Active { password_version: 1 });
    })
    .await;
}
