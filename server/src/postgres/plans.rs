//! The SQL of whole plans, as snapshots that a reviewer can read.

use super::{
    MARK, databases,
    facts::{Database as Found, Facts, Inner, Membership, Object, Role, Schema},
    inside::{Act, Step},
    objects, removal, roles,
};
use crate::secret::Verifier;
use domain::{
    ClusterName, DatabaseName, RoleName, Spec, Timestamp, Uuid,
    database::{Database, Grants},
    name::Description,
    user::User,
    version::Major,
};
use std::{collections::BTreeMap, str::FromStr};

fn name<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("valid")
}

fn wish() -> (Spec, BTreeMap<RoleName, Verifier>) {
    let mut spec = Spec::new(&name::<ClusterName>("orders"), Major::V17);
    let (id, description, at) = (Uuid::nil(), Description::default(), Timestamp::UNIX_EPOCH);
    for user in ["Ab$c", "alice", "bob"] {
        let user = (name(user), User { id, replication: user == "bob", password_version: 2, description: description.clone(), created_at: at, updated_at: at });
        spec.users.insert(user.0, user.1);
    }
    let roles = Grants { admin: [name("alice")].into(), readonly: [name("bob")].into() };
    let extensions = ["hstore", "pg_cron", "uuid-ossp", "nonesuch"].map(name).into();
    let shop = Database { id, owner: Some(name("Ab$c")), roles, extensions, description, created_at: at, updated_at: at };
    spec.databases.insert(name("shop"), shop);
    let verifiers = spec.users.keys().map(|user| (user.clone(), Verifier { version: 2, scram: format!("SCRAM-of-{user}") })).collect();
    (spec, verifiers)
}

fn fresh() -> Facts {
    let postgres = Role { login: true, bootstrap: true, ..Role::default() };
    Facts { version: 170_000, me: "postgres".into(), roles: [("postgres".into(), postgres)].into(), ..Facts::default() }
}

fn marked_login() -> Role {
    Role { login: true, inherit: true, comment: Some(MARK.into()), ..Role::default() }
}

/// As the snapshots show it.
fn text(steps: Vec<Step>) -> String {
    let show = |step: &Step| match &step.act {
        Act::Run { what, sql } => format!("-- {what}{}\n{};\n", if step.stops { ", or stop" } else { "" }, sql.join(";\n")),
        Act::Refuse(why) => format!("-- refused: {why}\n"),
    };
    steps.iter().map(show).collect()
}

#[test]
fn a_fresh_cluster() {
    let (spec, verifiers) = wish();
    let mut steps = roles::plan(&spec, &verifiers, &fresh());
    steps.extend(databases::plan(&spec, &fresh()));
    insta::assert_snapshot!(text(steps));
}

#[test]
fn what_drifted() {
    let (spec, mut verifiers) = wish();
    let mut facts = fresh();
    facts.roles.insert("alice".into(), Role { verifier: Some("SCRAM-of-alice".into()), ..marked_login() });
    facts.roles.insert("bob".into(), Role { login: false, comment: Some("Bob's".into()), verifier: Some("SCRAM-old".into()), ..marked_login() });
    facts.roles.insert("hand".into(), Role { comment: None, ..marked_login() });
    facts.roles.insert("shop_admin".into(), Role { comment: Some(format!("{MARK}, group of shop")), ..Role::default() });
    facts.roles.insert("shop_readonly".into(), marked_login());
    let member = |group: &str, member: &str| Membership { group: group.into(), member: member.into(), grantor: "alice".into(), inherits: true };
    facts.members = [member("shop_admin", "bob"), member("shop_admin", "hand"), member("shop_admin", "Ab$c"), member("pg_monitor", "bob")].into();
    let all = || ["CONNECT", "TEMPORARY", "CREATE"].map(String::from).into();
    let rights = [("alice".into(), all()), ("".into(), ["TEMPORARY".to_owned()].into())].into();
    facts.databases.insert("shop".into(), Found { owner: "alice".into(), comment: Some("it's ours".into()), rights, ..Found::default() });
    verifiers.remove(&name::<RoleName>("Ab$c"));
    let mut steps = roles::plan(&spec, &verifiers, &facts);
    steps.extend(databases::plan(&spec, &facts));
    insta::assert_snapshot!(text(steps));
}

#[test]
fn inside_a_database() {
    let (spec, _) = wish();
    let schema = |owner: &str, readonly| Schema { owner: owner.into(), admin: false, readonly };
    let object = |name: &str, sequence, admin| Object { schema: "public".into(), name: name.into(), sequence, admin, readonly: false };
    let inner = Inner {
        extensions: ["plpgsql".to_owned(), "hstore".into()].into(),
        available: [("uuid-ossp".into(), None), ("pg_cron".into(), Some("pg_catalog".into()))].into(),
        schemas: [("public".into(), schema("pg_database_owner", true)), ("of alice".into(), schema("alice", false)), ("odd".into(), schema("hand", false))]
            .into(),
        creators: ["shop_admin".to_owned(), "alice".into()].into(),
        objects: vec![object("it\"s", false, true), object("t", false, false), object("t_id_seq", true, false)],
        ..Inner::default()
    };
    let shop: DatabaseName = name("shop");
    insta::assert_snapshot!(text(objects::plan(&shop, &spec.databases[&shop], &spec.users, &inner)));
}

#[test]
fn only_what_is_marked_leaves() {
    let (spec, _) = wish();
    let mut facts = fresh();
    let group = |database: &str| Role { comment: Some(format!("{MARK}, group of {database}")), ..Role::default() };
    for (role, found) in [("gone", marked_login()), ("alice", marked_login()), ("blog_admin", group("blog")), ("shop_admin", group("shop"))] {
        facts.roles.insert(role.into(), found);
    }
    facts.roles.insert("hand".into(), Role { comment: Some("howdah: managed by hand".into()), ..marked_login() });
    facts.roles.insert("howdah_replication".into(), Role { comment: None, ..marked_login() });
    let database = |comment: Option<&str>| Found { comment: comment.map(Into::into), ..Found::default() };
    for (found, comment) in [("blog", Some(MARK)), ("shop", Some(MARK)), ("hand", None), ("postgres", Some(MARK)), ("template1", None)] {
        facts.databases.insert(found.into(), database(comment));
    }
    insta::assert_debug_snapshot!((
        removal::leaving_databases(&spec, &facts),
        removal::leaving_roles(&spec, &facts),
        removal::foreign_databases(&spec, &facts),
        removal::foreign_users(&spec, &facts),
    ));
}
