//! What is to be done about users: pure. Their memberships belong to the databases.

use super::{
    facts::{Facts, Role, group_of, is_marked, marked},
    inside::{Step, Subject},
    quote::{ident, literal},
};
use crate::secret::Verifier;
use domain::{RoleName, Spec, user::User};
use std::collections::BTreeMap;

/// One step for each user that is not as wished for.
pub fn plan(spec: &Spec, verifiers: &BTreeMap<RoleName, Verifier>, facts: &Facts) -> Vec<Step> {
    spec.users.iter().filter_map(|(name, user)| one(name, user, verifiers.get(name), facts.roles.get(name.as_str()))).collect()
}

fn one(name: &RoleName, user: &User, verifier: Option<&Verifier>, found: Option<&Role>) -> Option<Step> {
    let of = Subject::User(name.to_string());
    let Some(verifier) = verifier else {
        return Some(Step::refuse(of, format!("No password of {name} is known to the portal: set a new one.")));
    };
    let role = ident(name.as_str());
    let mark = |before| format!("comment on role {role} is {}", literal(&marked(None, before)));
    let Some(found) = found else {
        let replication = if user.replication { "replication" } else { "noreplication" };
        let create = format!("create role {role} login inherit {replication} password {}", literal(&verifier.scram));
        return Some(Step::run(of, format!("create the user {name}"), [create, mark(None)]));
    };
    let password = format!("password {}", literal(&verifier.scram));
    let differs = [
        (!found.login, "login"),
        (!found.inherit, "inherit"),
        (!found.replication && user.replication, "replication"),
        (found.replication && !user.replication, "noreplication"),
        (found.verifier.as_deref() != Some(&verifier.scram), password.as_str()),
    ];
    let words: Vec<_> = differs.into_iter().filter_map(|(differs, word)| differs.then_some(word)).collect();
    let alter = (!words.is_empty()).then(|| format!("alter role {role} {}", words.join(" ")));
    let mark = match found.comment.as_deref() {
        comment if !is_marked(comment) => Some(mark(comment)),
        // It was the group role of a database that is gone.
        comment if group_of(comment).is_some() => Some(mark(None)),
        _ => None,
    };
    let sql: Vec<_> = alter.into_iter().chain(mark).collect();
    (!sql.is_empty()).then(|| Step::run(of, format!("change the user {name}"), sql))
}
