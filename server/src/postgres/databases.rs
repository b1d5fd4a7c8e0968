//! What is to be done about databases, their group roles and who is in them: pure. What is inside a database is for `objects`.

use super::{
    facts::{Facts, group_of, is_marked, marked},
    inside::{Step, Subject},
    quote::{ident, literal},
};
use domain::{DatabaseName, RoleName, Spec, database::Database, name::Group};
use std::collections::BTreeSet;

/// Steps for each database that is not as wished for, in their order.
pub fn plan(spec: &Spec, facts: &Facts) -> Vec<Step> {
    spec.databases.iter().flat_map(|(name, database)| one(name, database, spec, facts)).collect()
}

/// Rights of each database that is there with its roles: who else makes databases and roles may not have come so far.
pub fn rights_plan(spec: &Spec, facts: &Facts) -> Vec<Step> {
    let there = spec.databases.iter().filter(|(name, database)| is_there(name, database, facts));
    there.filter_map(|(name, database)| rights(name, &owner(name, database), facts)).collect()
}

/// Whether a database, its group roles and its owner are there.
pub fn is_there(name: &DatabaseName, database: &Database, facts: &Facts) -> bool {
    let roles = [name.group(Group::Admin), name.group(Group::Readonly), owner(name, database)];
    facts.databases.contains_key(name.as_str()) && roles.iter().all(|role| facts.roles.contains_key(role))
}

/// Whether everybody who shall be in a group of the database is in it.
pub fn has_members(name: &DatabaseName, database: &Database, facts: &Facts) -> bool {
    let is_in = |user: &RoleName, group| {
        let group = name.group(group);
        facts.members.iter().any(|m| m.group == group && m.member == user.as_str() && m.inherits)
    };
    database.roles.admin.iter().all(|user| is_in(user, Group::Admin)) && database.roles.readonly.iter().all(|user| is_in(user, Group::Readonly))
}

fn owner(name: &DatabaseName, database: &Database) -> String {
    database.owner.as_ref().map_or_else(|| name.group(Group::Admin), ToString::to_string)
}

fn one(name: &DatabaseName, database: &Database, spec: &Spec, facts: &Facts) -> Vec<Step> {
    let mut steps: Vec<_> = [Group::Admin, Group::Readonly].into_iter().filter_map(|group| group_role(name, &name.group(group), facts)).collect();
    let owner = owner(name, database);
    if !facts.databases.contains_key(name.as_str()) {
        let create = format!("create database {} owner {} template template0", ident(name.as_str()), ident(&owner));
        steps.push(Step::run(Subject::of(name), format!("create the database {name}"), [create]).or_stop());
    }
    steps.extend(rights(name, &owner, facts));
    // An owner has all that admins have, so that nothing an admin makes is hidden from it.
    let admins = database.roles.admin.iter().chain(&database.owner).map(ToString::to_string).collect();
    let readers = database.roles.readonly.iter().map(ToString::to_string).collect();
    steps.extend(members(name, &name.group(Group::Admin), &admins, spec, facts));
    steps.extend(members(name, &name.group(Group::Readonly), &readers, spec, facts));
    steps
}

fn group_role(database: &DatabaseName, name: &str, facts: &Facts) -> Option<Step> {
    let of = Subject::of(database);
    let role = ident(name);
    let mark = |before| format!("comment on role {role} is {}", literal(&marked(Some(database.as_str()), before)));
    let what = format!("create the group role {name}");
    let step = match facts.roles.get(name) {
        None => Step::run(of, what, [format!("create role {role} nologin"), mark(None)]),
        Some(found) => {
            let comment = found.comment.as_deref();
            match (is_marked(comment), found.login) {
                (false, true) => Step::refuse(of, format!("There is a role {name}, made by hand, that can log in; this database needs the name: rename it.")),
                (false, false) => Step::run(of, what, [mark(comment)]),
                (true, true) => Step::run(of, what, [format!("alter role {role} nologin"), mark(None)]),
                (true, false) if group_of(comment) != Some(database.as_str()) => Step::run(of, what, [mark(None)]),
                (true, false) => return None,
            }
        }
    };
    Some(step.or_stop())
}

/// Owner, comment, and who may connect. What a new owner changes is granted anew, since it takes over the old one's entries.
fn rights(name: &DatabaseName, owner: &str, facts: &Facts) -> Option<Step> {
    let database = ident(name.as_str());
    let found = facts.databases.get(name.as_str()).cloned().unwrap_or_default();
    let same_owner = found.owner == owner;
    let has = |role: &str, rights: &[&str]| same_owner && rights.iter().all(|right| found.rights.get(role).is_some_and(|all| all.contains(*right)));
    let public = found.rights.get("").is_some_and(|all| all.contains("CONNECT") || all.contains("TEMPORARY"));
    let (admin, readonly) = (name.group(Group::Admin), name.group(Group::Readonly));
    let steps = [
        (!found.owner.is_empty() && !same_owner, format!("alter database {database} owner to {}", ident(owner))),
        (found.owner.is_empty() || public, format!("revoke connect, temporary on database {database} from public")),
        (!has(&admin, &["CONNECT", "TEMPORARY", "CREATE"]), format!("grant all on database {database} to {}", ident(&admin))),
        (!has(&readonly, &["CONNECT", "TEMPORARY"]), format!("grant connect, temporary on database {database} to {}", ident(&readonly))),
        (!has(owner, &["CONNECT", "TEMPORARY", "CREATE"]), format!("grant all on database {database} to {}", ident(owner))),
        (!is_marked(found.comment.as_deref()), format!("comment on database {database} is {}", literal(&marked(None, found.comment.as_deref())))),
    ];
    let sql: Vec<_> = steps.into_iter().filter_map(|(differs, sql)| differs.then_some(sql)).collect();
    (!sql.is_empty()).then(|| Step::run(Subject::of(name), format!("set owner and rights of the database {name}"), sql).or_stop())
}

/// Who comes into a group and which of the portal's users leaves it. Roles made by hand stay where somebody put them.
fn members(name: &DatabaseName, group: &str, wished: &BTreeSet<String>, spec: &Spec, facts: &Facts) -> Vec<Step> {
    let since_16 = facts.version >= 160_000;
    let found = || facts.members.iter().filter(|m| m.group == group);
    let ours =
        |role: &str| spec.users.keys().any(|user| user.as_str() == role) || facts.roles.get(role).is_some_and(|r| r.login && is_marked(r.comment.as_deref()));
    let inherit = if since_16 { " with inherit true" } else { "" };
    let missing = wished.iter().filter(|user| !found().any(|m| m.member == **user && m.inherits));
    let grants = missing.map(|user| {
        let sql = format!("grant {} to {}{inherit}", ident(group), ident(user));
        Step::run(Subject::of(name), format!("put {user} into {group}"), [sql])
    });
    let leaving = found().filter(|m| !wished.contains(&m.member) && ours(&m.member));
    let revokes = leaving.map(|m| {
        let by = if since_16 { format!(" granted by {}", ident(&m.grantor)) } else { String::new() };
        let sql = format!("revoke {} from {}{by} cascade", ident(group), ident(&m.member));
        Step::run(Subject::of(name), format!("take {} out of {group}", m.member), [sql])
    });
    grants.chain(revokes).collect()
}
