//! What leaves: marked roles and databases that are no longer wished for. What carries no mark is foreign: listed, never touched.

use super::{
    facts::{self, Facts, group_of, is_marked},
    inside::{Step, Subject, Work, patiently},
    quote::{ident, literal},
    words,
};
use domain::{DatabaseName, Spec, name::Group};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// Databases that are part of PostgreSQL.
const SYSTEM: [&str; 3] = ["postgres", "template0", "template1"];

/// Login roles that somebody made by hand.
pub fn foreign_users(spec: &Spec, facts: &Facts) -> Vec<String> {
    let wished = |name: &str| spec.users.keys().any(|user| user.as_str() == name);
    // Some are CloudNativePG's own.
    let own = ["howdah_", "cnpg_"];
    let ours =
        |name: &str| name == "postgres" || name == "streaming_replica" || own.iter().any(|own| name.starts_with(own)) || *name == facts.me || wished(name);
    let foreign = facts.roles.iter().filter(|(name, role)| role.login && !role.bootstrap && !is_marked(role.comment.as_deref()) && !ours(name));
    foreign.map(|(name, _)| name.clone()).collect()
}

/// Databases that somebody made by hand.
pub fn foreign_databases(spec: &Spec, facts: &Facts) -> Vec<String> {
    let wished = |name: &str| spec.databases.keys().any(|database| database.as_str() == name);
    let ours = |name: &str| SYSTEM.contains(&name) || name.starts_with("howdah_") || wished(name);
    facts.databases.iter().filter(|(name, found)| !is_marked(found.comment.as_deref()) && !ours(name)).map(|(name, _)| name.clone()).collect()
}

/// Marked databases that nobody wishes for any more.
pub fn leaving_databases(spec: &Spec, facts: &Facts) -> Vec<String> {
    let wished = |name: &str| SYSTEM.contains(&name) || spec.databases.keys().any(|database| database.as_str() == name);
    facts.databases.iter().filter(|(name, found)| is_marked(found.comment.as_deref()) && !wished(name)).map(|(name, _)| name.clone()).collect()
}

/// Marked roles that nobody wishes for any more, and whom their failure belongs to: users, and groups of databases that are gone.
pub fn leaving_roles(spec: &Spec, facts: &Facts) -> Vec<(String, Subject)> {
    let groups: BTreeSet<String> = spec.databases.keys().flat_map(|name| [name.group(Group::Admin), name.group(Group::Readonly)]).collect();
    let wished = |name: &str| groups.contains(name) || spec.users.keys().any(|user| user.as_str() == name);
    let leaving = facts.roles.iter().filter(|(name, role)| is_marked(role.comment.as_deref()) && !role.bootstrap && **name != facts.me && !wished(name));
    let whose = |name: &String, comment: Option<&str>| match group_of(comment) {
        Some(database) => Subject::Database(database.into()),
        None => Subject::User(name.clone()),
    };
    leaving.map(|(name, role)| (name.clone(), whose(name, role.comment.as_deref()))).collect()
}

/// Takes away what leaves: databases first, since their groups go with them.
pub(super) async fn run(work: &mut Work<'_>, connection: &mut PgConnection, facts: &Facts) {
    let spec = &work.cluster.spec;
    let mut kept = BTreeSet::new();
    for name in leaving_databases(spec, facts) {
        if !work.all(connection, drop_database(&name)).await {
            kept.insert(Subject::Database(name));
        }
    }
    for (role, of) in leaving_roles(spec, facts) {
        if !kept.contains(&of) {
            remove_role(work, connection, facts, &role, of).await;
        }
    }
}

fn drop_database(name: &str) -> Vec<Step> {
    let of = || Subject::Database(name.into());
    let slots = format!("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = {} and not active", literal(name));
    vec![
        Step::run(of(), format!("free the database {name} of replication slots"), [slots]),
        Step::run(of(), format!("drop the database {name}"), [format!("drop database if exists {} with (force)", ident(name))]),
    ]
}

/// Closes the door, gives away what the role owns, and drops it. May stop half-way: the mark stays until the end.
async fn remove_role(work: &mut Work<'_>, connection: &mut PgConnection, facts: &Facts, role: &str, of: Subject) {
    let step = |what: &str, sql: Vec<String>| Step::run(of.clone(), format!("{what} {role}"), sql).or_stop();
    let end = format!("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = {}", literal(role));
    // Also what belongs to no database: so a database made by hand goes to the superuser, and not to the group of another.
    let shared = [
        step("close the door to", vec![format!("alter role {} nologin", ident(role))]),
        step("close the sessions of", vec![end]),
        step("give away what belongs to", give_away(role, &facts.me)),
    ];
    if !work.all(connection, shared.into()).await {
        return;
    }
    let databases = match patiently(facts::traces(connection, role)).await {
        Ok(databases) => databases,
        Err(error) => return work.fail(of.clone(), format!("Cannot find what {role} owns: {}.", words(&error))),
    };
    for database in databases {
        let heir = database.parse().ok().filter(|name| work.cluster.spec.databases.contains_key(name)).map(|name: DatabaseName| name.group(Group::Admin));
        let heir = heir.unwrap_or_else(|| facts.me.clone());
        let given = match work.session(&database).await {
            Ok(mut there) => work.all(&mut there, vec![step("give away what belongs to", give_away(role, &heir))]).await,
            Err(error) => {
                work.fail(of.clone(), format!("Cannot look into the database {database} for what {role} owns: {}.", words(&error)));
                false
            }
        };
        if !given {
            return;
        }
    }
    work.all(connection, vec![step("drop the role", vec![format!("drop role if exists {}", ident(role))])]).await;
}

fn give_away(role: &str, heir: &str) -> Vec<String> {
    vec![format!("reassign owned by {} to {}", ident(role), ident(heir)), format!("drop owned by {}", ident(role))]
}
