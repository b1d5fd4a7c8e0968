//! Databases, their groups, and who may do what in them.

use crate::world::{error, everywhere, name};
use domain::{Change, Confirm, DatabaseName, name::Group, status::Item};

const LONG: &str = "Sixty_three_characters_are_as_many_as_PostgreSQL_takes_in_names";

#[tokio::test]
async fn a_reader_sees_what_admins_and_owner_make_later() {
    everywhere(async |mut w| {
        w.users(&["owner", "admin", "reader", "stranger"]);
        w.database("shop", Some("owner"), &["admin"], &["reader"]);
        w.reach().await;
        for user in ["owner", "admin"] {
            w.may(user, "shop", &format!("create table {user}_t(id serial primary key); create schema {user}_s create table t(i int)")).await;
            w.may("reader", "shop", &format!("select * from {user}_t, {user}_s.t; select last_value from {user}_t_id_seq")).await;
            w.may_not("reader", "shop", &format!("insert into {user}_t default values")).await;
            w.may_not("reader", "shop", &format!("create table {user}_s.mine()")).await;
        }
        w.may("owner", "shop", "insert into admin_t default values; create table admin_s.more()").await;
        w.may("admin", "shop", "insert into owner_t default values; create table owner_s.more()").await;
        w.may("admin", "shop", "set role shop_admin; create table of_group(i int)").await;
        w.may("reader", "shop", "select * from of_group").await;
        w.may_not("reader", "shop", "create table mine()").await;
        w.may_not("stranger", "shop", "select 1").await;
        // What others make, the next pass finds.
        w.server.run_sql("shop", "create schema elsewhere create table t(i serial) create view v as select 1 as i").await;
        w.server.run_sql("shop", "create materialized view elsewhere.m as select 1 as i; create table elsewhere.p(i int) partition by list(i)").await;
        w.reach().await;
        w.may("reader", "shop", "select * from elsewhere.t, elsewhere.v, elsewhere.m, elsewhere.p").await;
        w.may("admin", "shop", "insert into elsewhere.t default values").await;
        // Schemas become the admins', whoever of them made one.
        w.may("owner", "shop", "drop table admin_s.t").await;
    })
    .await;
}

#[tokio::test]
async fn a_member_who_comes_later_makes_what_readers_see() {
    everywhere(async |mut w| {
        w.users(&["alice", "bob"]);
        w.database("shop", None, &[], &["bob"]);
        w.reach().await;
        w.may_not("alice", "shop", "select 1").await;
        w.roles("shop", &["alice"], &["bob"]);
        w.reach().await;
        w.may("alice", "shop", "create table t(i int)").await;
        w.may("bob", "shop", "select * from t").await;
    })
    .await;
}

#[tokio::test]
async fn moving_an_admin_to_readonly_revokes_and_keeps_its_tables_readable() {
    everywhere(async |mut w| {
        w.users(&["alice", "bob", "carol"]);
        w.database("shop", None, &["alice", "carol"], &["bob"]);
        w.reach().await;
        w.may("alice", "shop", "create table hers(i int)").await;
        w.may("alice", "shop", "create table counted(i serial)").await;
        w.may("alice", "shop", "create view seen as select * from hers").await;
        w.may("carol", "shop", "create table others(i int)").await;
        w.roles("shop", &["carol"], &["bob", "alice"]);
        w.reach().await;
        w.may_not("alice", "shop", "create table more()").await;
        w.may_not("alice", "shop", "insert into others values (1)").await;
        w.may("alice", "shop", "select * from others").await;
        w.may("bob", "shop", "select * from hers").await;
        // What she made belongs to all admins now.
        for word in ["insert into hers values (1)", "drop table hers", "insert into counted default values", "drop view seen"] {
            w.may_not("alice", "shop", word).await;
        }
        w.may("alice", "shop", "select * from seen").await;
        w.may("carol", "shop", "insert into counted default values").await;
        w.may("carol", "shop", "alter table hers add column j int").await;
        w.roles("shop", &["carol"], &["bob"]);
        w.reach().await;
        w.may_not("alice", "shop", "select 1").await;
    })
    .await;
}

#[tokio::test]
async fn a_membership_granted_by_somebody_else_is_revoked_as_well() {
    everywhere(async |mut w| {
        w.users(&["alice", "bob"]);
        w.database("shop", None, &["alice"], &[]);
        w.reach().await;
        w.server.run_sql("postgres", "grant shop_admin to alice with admin option").await;
        w.may("alice", "shop", "grant shop_admin to bob with admin option").await;
        w.reach().await;
        w.may_not("bob", "shop", "select 1").await;
    })
    .await;
}

#[tokio::test]
async fn a_new_owner_may_connect_and_the_old_one_no_longer() {
    everywhere(async |mut w| {
        w.users(&["old", "new"]);
        w.database("shop", Some("old"), &[], &[]);
        w.reach().await;
        w.may("old", "shop", "create table t(i int)").await;
        w.may_not("new", "shop", "select 1").await;
        w.wish([Change::SetDatabase { name: name("shop"), owner: Some(name("new")), roles: None, extensions: None, description: None }]);
        w.reach().await;
        w.may_not("old", "shop", "select 1").await;
        w.may("new", "shop", "insert into t values (1); create schema s; create table u()").await;
        assert_eq!(w.ask("postgres", "select pg_get_userbyid(datdba) from pg_database where datname = 'shop'").await, "new");
    })
    .await;
}

#[tokio::test]
async fn extensions_come_and_a_missing_one_is_named() {
    everywhere(async |mut w| {
        w.users(&["alice"]);
        w.database("shop", None, &["alice"], &[]);
        w.extensions("shop", &["uuid-ossp", "hstore", "pgcrypto", "earthdistance"]);
        w.reach().await;
        w.may("alice", "shop", "select uuid_generate_v4(), 'a=>1'::hstore, digest('a', 'sha256')").await;
        w.extensions("shop", &["hstore", "no-such-thing", "citext"]);
        let inside = w.pass().await.inside;
        assert!(error(&inside, "shop").contains("no-such-thing"), "{inside:?}");
        assert_eq!(
            w.ask("shop", "select string_agg(extname, ' ' order by extname) from pg_extension").await,
            "citext cube earthdistance hstore pgcrypto plpgsql uuid-ossp"
        );
    })
    .await;
}

#[tokio::test]
async fn a_leaving_database_goes_with_its_sessions_and_groups() {
    everywhere(async |mut w| {
        w.users(&["alice"]);
        w.database("shop", Some("alice"), &["alice"], &[]);
        w.database("blog", None, &["alice"], &[]);
        w.reach().await;
        let mut session = w.enter("alice", "shop").await.unwrap();
        w.server.run_sql("shop", "select pg_create_logical_replication_slot('left_over', 'pgoutput')").await;
        w.wish([Change::RemoveDatabase { name: name("shop"), confirm: Confirm::Addressed }]);
        w.reach().await;
        assert!(sqlx::query("select 1").execute(&mut session).await.is_err());
        assert_eq!(w.ask("postgres", "select string_agg(datname, ' ' order by oid) from pg_database where oid >= 16384").await, "blog");
        assert_eq!(w.ask("postgres", "select count(*) from pg_roles where rolname like 'shop%'").await, "0");
    })
    .await;
}

#[tokio::test]
async fn one_that_fails_stops_no_other() {
    everywhere(async |mut w| {
        w.server.run_sql("postgres", "create role shop_admin login").await;
        w.users(&["alice"]);
        w.database("shop", None, &["alice"], &[]);
        w.database("zoo", None, &["alice"], &[]);
        let inside = w.pass().await.inside;
        assert!(error(&inside, "shop").contains("shop_admin"));
        assert_eq!(inside.databases[&name("zoo")], Item::Active { password_version: 0 });
        w.may("alice", "zoo", "create table t()").await;
        w.server.run_sql("postgres", "alter role shop_admin nologin").await;
        w.reach().await;
        w.may("alice", "shop", "create table t()").await;
    })
    .await;
}

#[tokio::test]
async fn a_database_made_by_hand_is_taken_over_with_its_tables() {
    everywhere(async |mut w| {
        w.server.run_sql("postgres", "create role hand login").await;
        w.server.run_sql("postgres", "create database shop owner hand").await;
        w.server.run_sql("shop", "set role hand; create table t(i serial); create schema \"S p\" create view \"v'\" as select 1 as one").await;
        w.users(&["alice", "bob"]);
        w.database("shop", None, &["alice"], &["bob"]);
        w.reach().await;
        w.may("bob", "shop", "select * from t, \"S p\".\"v'\"").await;
        w.may("alice", "shop", "insert into t default values; create table \"S p\".u()").await;
        w.may("alice", "shop", "create table v()").await;
    })
    .await;
}

#[tokio::test]
async fn names_that_need_quotes_and_long_ones_work() {
    everywhere(async |mut w| {
        let long: Vec<String> = ["a", "b"].iter().map(|tail| format!("{}{tail}", "Long_Name_".repeat(7)[..62].to_owned())).collect();
        w.users(&["Ab$c", "select", LONG]);
        w.database("Mixed_Case", Some("Ab$c"), &["select"], &[LONG]);
        w.database("table", None, &["select"], &["Ab$c"]);
        for database in &long {
            w.database(database, None, &["Ab$c"], &["select"]);
        }
        w.reach().await;
        w.may("Ab$c", "Mixed_Case", "create table \"T\"(i int)").await;
        w.may(LONG, "Mixed_Case", "select * from \"T\"").await;
        w.may("select", "table", "create table t(i int)").await;
        w.may("Ab$c", "table", "select * from t").await;
        w.may("Ab$c", &long[0], "create table t(i int)").await;
        w.may("select", &long[0], "select * from t").await;
        let groups: std::collections::BTreeSet<_> = long.iter().map(|db| name::<DatabaseName>(db).group(Group::Admin)).collect();
        assert_eq!(groups.len(), 2);
        w.wish(long.iter().map(|db| Change::RemoveDatabase { name: name(db), confirm: Confirm::Addressed }).chain([
            Change::SetDatabase { name: name("Mixed_Case"), owner: Some(name("select")), roles: None, extensions: None, description: None },
            Change::RemoveUser { name: name("Ab$c") },
        ]));
        w.reach().await;
        assert_eq!(w.ask("postgres", "select count(*) from pg_roles where rolname like 'Long%' or rolname = 'Ab$c'").await, "0");
    })
    .await;
}
