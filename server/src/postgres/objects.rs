//! What is to be done inside one database: extensions, and the rights of its two groups to what is there and what comes later. Pure.
//!
//! Rights to later things are default privileges, which hold for the role that makes them: so for each member of the admin group. What another role
//! makes is found by the next pass.

use super::{
    facts::{Inner, Object},
    inside::{Step, Subject},
    quote::{ident, qualified},
};
use domain::{DatabaseName, ExtensionName, RoleName, database::Database, name::Group, user::User};
use std::collections::BTreeMap;

/// Objects named in one statement.
const CHUNK: usize = 200;

/// Kinds of things made later: how the catalog and the statement call them, what admins get and what readers get.
const LATER: [(char, &str, &[&str], &[&str]); 3] = [
    ('r', "tables", &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"], &["SELECT"]),
    ('S', "sequences", &["USAGE", "SELECT", "UPDATE"], &["SELECT"]),
    ('n', "schemas", &["USAGE", "CREATE"], &["USAGE"]),
];

/// Steps towards the wish, in their order. One that fails stops none of the others.
pub fn plan(name: &DatabaseName, database: &Database, users: &BTreeMap<RoleName, User>, inner: &Inner) -> Vec<Step> {
    let missing = database.extensions.iter().filter(|extension| !inner.extensions.contains(extension.as_str()));
    let mut steps: Vec<_> = missing.map(|extension| create_extension(name, extension, inner)).collect();
    steps.extend(rights(name, users, inner));
    steps
}

/// Of these, only what grants rights.
pub fn rights(name: &DatabaseName, users: &BTreeMap<RoleName, User>, inner: &Inner) -> Vec<Step> {
    let mut steps = Vec::new();
    let step = |what: &str, sql: Vec<String>| (!sql.is_empty()).then(|| Step::run(Subject::of(name), format!("{what} in {name}"), sql));
    steps.extend(step("grant rights to schemas", schemas(name, users, inner)));
    steps.extend(step("grant rights to what is made later", later(name, inner)));
    steps.extend(step("take over what former admins made", left(name, inner)));
    steps.extend(step("grant rights to tables", objects(name, inner)));
    steps
}

fn create_extension(name: &DatabaseName, extension: &ExtensionName, inner: &Inner) -> Step {
    let what = format!("create the extension {extension} in {name}");
    let schema = match inner.available.get(extension.as_str()) {
        None => return Step::refuse(Subject::of(name), format!("The extension {extension} cannot be had here: this PostgreSQL does not come with it.")),
        Some(None) => " schema public",
        // It insists on a schema of its own.
        Some(Some(_)) => "",
    };
    Step::run(Subject::of(name), what, [format!("create extension if not exists {}{schema} cascade", ident(extension.as_str()))])
}

fn schemas(name: &DatabaseName, users: &BTreeMap<RoleName, User>, inner: &Inner) -> Vec<String> {
    let (admin, readonly) = (name.group(Group::Admin), name.group(Group::Readonly));
    let mut sql = Vec::new();
    for (schema, found) in &inner.schemas {
        // What an admin made belongs to all admins, also when that one is an admin no longer.
        let of_an_admin = inner.creators.contains(&found.owner) || users.keys().any(|user| user.as_str() == found.owner);
        let takes_over = found.owner != admin && (schema == "public" || of_an_admin);
        if takes_over {
            sql.push(format!("alter schema {} owner to {}", ident(schema), ident(&admin)));
        }
        if !found.admin && !takes_over {
            sql.push(format!("grant all on schema {} to {}", ident(schema), ident(&admin)));
        }
        if !found.readonly {
            sql.push(format!("grant usage on schema {} to {}", ident(schema), ident(&readonly)));
        }
    }
    sql
}

/// An owner may do everything with what it owns, whatever it is revoked: so it belongs to the group from now on.
fn left(name: &DatabaseName, inner: &Inner) -> Vec<String> {
    let admin = ident(&name.group(Group::Admin));
    inner.left.iter().map(|(schema, relation)| format!("alter table {} owner to {admin}", qualified(schema, relation))).collect()
}

fn later(name: &DatabaseName, inner: &Inner) -> Vec<String> {
    let (admin, readonly) = (name.group(Group::Admin), name.group(Group::Readonly));
    let has = |creator: &str, kind, grantee: &str, rights: &[&str]| {
        let found = inner.defaults.iter().filter(|d| d.creator == creator && d.kind == kind && d.grantee == grantee);
        let found: Vec<_> = found.map(|d| d.right.as_str()).collect();
        rights.iter().all(|right| found.contains(right))
    };
    let mut sql = Vec::new();
    for creator in &inner.creators {
        for (kind, things, all, read) in LATER {
            let mut grant = |rights: &str, grantee: &str| {
                sql.push(format!("alter default privileges for role {} grant {rights} on {things} to {}", ident(creator), ident(grantee)));
            };
            // The group has all rights to what it owns itself.
            if *creator != admin && !has(creator, kind, &admin, all) {
                grant("all", &admin);
            }
            if !has(creator, kind, &readonly, read) {
                grant(read[0], &readonly);
            }
        }
    }
    sql
}

fn objects(name: &DatabaseName, inner: &Inner) -> Vec<String> {
    let lists = [
        (false, "all on table", Group::Admin),
        (false, "select on table", Group::Readonly),
        (true, "all on sequence", Group::Admin),
        (true, "select on sequence", Group::Readonly),
    ];
    let has = |object: &Object, group| match group {
        Group::Admin => object.admin,
        Group::Readonly => object.readonly,
    };
    let mut sql = Vec::new();
    for (sequence, grant, group) in lists {
        let lacking: Vec<_> = inner.objects.iter().filter(|o| o.sequence == sequence && !has(o, group)).map(|o| qualified(&o.schema, &o.name)).collect();
        sql.extend(lacking.chunks(CHUNK).map(|some| format!("grant {grant} {} to {}", some.join(", "), ident(&name.group(group)))));
    }
    sql
}
