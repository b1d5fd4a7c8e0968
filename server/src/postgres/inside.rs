//! One pass inside PostgreSQL: look, plan, do, and say what became of each user and database. A failing one never stops the others.

use super::{
    connect, databases,
    facts::{self, Facts},
    objects, removal, roles, words,
};
use crate::secret::Verifier;
use domain::{
    Cluster, DatabaseName, RoleName,
    database::Database,
    name::Group,
    observed::{Inside, Seen},
    status::Item,
};
use sqlx::{AssertSqlSafe, PgConnection, postgres::PgConnectOptions};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Longest run of one statement, as PostgreSQL keeps it; our own wait is a little longer.
const STATEMENT: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(35);

/// Whom a step, and its failure, belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A user, wished for or leaving.
    User(String),
    /// A database, wished for or leaving.
    Database(String),
}

impl Subject {
    /// The database of that name.
    pub fn of(database: &DatabaseName) -> Self {
        Self::Database(database.to_string())
    }
}

/// One thing to do, wholly or not at all.
pub struct Step {
    /// Whom it belongs to.
    pub of: Subject,
    /// What to do.
    pub act: Act,
    /// The subject's later steps make no sense if this one fails.
    pub stops: bool,
}

/// What a step does.
pub enum Act {
    /// Runs these statements in one transaction, or a single one on its own.
    Run {
        /// What it is for, as in `create the user app`. Free of secrets.
        what: String,
        /// The statements. May hold verifiers: never logged.
        sql: Vec<String>,
    },
    /// Only says why the wish cannot be fulfilled: a sentence.
    Refuse(String),
}

impl Step {
    /// Statements to run.
    pub fn run(of: Subject, what: String, sql: impl IntoIterator<Item = String>) -> Self {
        Self { of, act: Act::Run { what, sql: sql.into_iter().collect() }, stops: false }
    }

    /// Nothing can be done.
    pub fn refuse(of: Subject, why: String) -> Self {
        Self { of, act: Act::Refuse(why), stops: false }
    }

    /// Without it the rest of its subject is left for another pass.
    pub fn or_stop(self) -> Self {
        Self { stops: true, ..self }
    }
}

/// What a pass did and saw.
pub struct Pass {
    /// What is inside now.
    pub inside: Inside,
    /// Steps carried out. 0: everything was as wished for.
    pub changes: usize,
}

/// Makes users and databases what the spec says, as far as this pass gets, on the server that `options` lead to as superuser. Unknown: that could not be
/// looked at.
pub async fn converge(options: &PgConnectOptions, cluster: &Cluster, verifiers: &BTreeMap<RoleName, Verifier>) -> Seen<Inside> {
    match pass(options, cluster, verifiers).await {
        Ok(pass) => Seen::Known(pass.inside),
        Err(why) => Seen::Unknown(why),
    }
}

/// As [`converge`], where somebody else makes roles, databases and extensions: only rights are granted, and what leaves is emptied. What is not there yet is
/// new, not wrong. `made`: what became of them by the word of who makes them.
pub async fn converge_rights(options: &PgConnectOptions, cluster: &Cluster, verifiers: &BTreeMap<RoleName, Verifier>, made: &Inside) -> Seen<Inside> {
    match rights(options, cluster, verifiers, made).await {
        Ok(inside) => Seen::Known(inside),
        Err(why) => Seen::Unknown(why),
    }
}

/// As [`converge`], and how much there was to do. An error is a sentence.
pub async fn pass(options: &PgConnectOptions, cluster: &Cluster, verifiers: &BTreeMap<RoleName, Verifier>) -> Result<Pass, String> {
    let (mut connection, facts) = primary(options).await?;
    let spec = &cluster.spec;
    let mut work = Work::new(cluster, options);
    work.all(&mut connection, roles::plan(spec, verifiers, &facts)).await;
    work.all(&mut connection, databases::plan(spec, &facts)).await;
    for (name, database) in &spec.databases {
        if !work.stopped.contains(&Subject::of(name)) {
            work.within(name, database, Part::All).await;
        }
    }
    removal::run(&mut work, &mut connection, &facts).await;
    let (failures, changes) = (work.failures, work.changes);
    // Everything is done: how the session ends does not matter.
    let _ = patiently(sqlx::Connection::close(connection)).await;
    Ok(Pass { inside: inside(cluster, verifiers, facts, failures), changes })
}

async fn rights(options: &PgConnectOptions, cluster: &Cluster, verifiers: &BTreeMap<RoleName, Verifier>, made: &Inside) -> Result<Inside, String> {
    let (mut connection, facts) = primary(options).await?;
    let spec = &cluster.spec;
    let mut work = Work::new(cluster, options);
    work.all(&mut connection, databases::rights_plan(spec, &facts)).await;
    let there = spec.databases.iter().filter(|(name, database)| databases::is_there(name, database, &facts));
    for (name, database) in there {
        if !work.stopped.contains(&Subject::of(name)) {
            work.within(name, database, Part::Rights).await;
        }
    }
    removal::run(&mut work, &mut connection, &facts).await;
    let (failures, lacking) = (work.failures, work.lacking);
    let _ = patiently(sqlx::Connection::close(connection)).await;
    let mut unmade = made.clone();
    // What PostgreSQL itself says is newer than what is said about it, and the password is known only here.
    for name in spec.users.keys() {
        let current =
            facts.roles.get(name.as_str()).is_some_and(|role| role.login && role.verifier.as_deref() == verifiers.get(name).map(|v| v.scram.as_str()));
        unmade.users.entry(name.clone()).and_modify(|item| later(item, current)).or_insert(Item::New);
        if !verifiers.contains_key(name) {
            unmade.users.insert(name.clone(), Item::Error(format!("No password of {name} is known to the portal: set a new one.")));
        }
    }
    for (name, database) in &spec.databases {
        let current = databases::is_there(name, database, &facts) && databases::has_members(name, database, &facts) && !lacking.contains(name);
        unmade.databases.entry(name.clone()).and_modify(|item| later(item, current)).or_insert(Item::New);
    }
    let mut seen = inside(cluster, verifiers, facts, failures);
    seen.users.extend(unmade.users.into_iter().filter(|(_, item)| !matches!(item, Item::Active { .. })));
    // A sentence of ours says more than that somebody else is still at it.
    let told = |name: &DatabaseName, seen: &Inside| matches!(seen.databases.get(name), Some(Item::Error(_)));
    let unmade: Vec<_> = unmade.databases.into_iter().filter(|(name, item)| !matches!(item, Item::Active { .. }) && !told(name, &seen)).collect();
    seen.databases.extend(unmade);
    Ok(seen)
}

/// What is said to be there and is not, is on its way.
fn later(item: &mut Item, current: bool) {
    if !current && matches!(item, Item::Active { .. }) {
        *item = Item::New;
    }
}

async fn primary(options: &PgConnectOptions) -> Result<(PgConnection, Facts), String> {
    let mut connection = connect(options, "postgres", STATEMENT).await.map_err(|e| format!("Cannot connect to the primary: {}.", words(&e)))?;
    let facts = patiently(facts::cluster(&mut connection)).await.map_err(|e| format!("Cannot read the catalogs of the primary: {}.", words(&e)))?;
    if facts.recovery {
        return Err("The instance that answered is a replica: users and databases can be changed only on a primary.".into());
    }
    Ok((connection, facts))
}

/// How much of what is in a database is ours to make.
#[derive(Clone, Copy)]
enum Part {
    /// Extensions and rights.
    All,
    /// Rights only.
    Rights,
}

/// A pass under way.
pub(super) struct Work<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) options: &'a PgConnectOptions,
    /// Sentences, by whom they are about.
    failures: BTreeMap<Subject, Vec<String>>,
    stopped: BTreeSet<Subject>,
    changes: usize,
    /// Databases in which extensions are missing that somebody else makes.
    lacking: BTreeSet<DatabaseName>,
}

impl<'a> Work<'a> {
    fn new(cluster: &'a Cluster, options: &'a PgConnectOptions) -> Self {
        Self { cluster, options, failures: BTreeMap::new(), stopped: BTreeSet::new(), changes: 0, lacking: BTreeSet::new() }
    }

    /// Carries steps out in their order; what fails is noted. Answers whether none did.
    pub(super) async fn all(&mut self, connection: &mut PgConnection, steps: Vec<Step>) -> bool {
        let mut good = true;
        for step in steps {
            if self.stopped.contains(&step.of) {
                continue;
            }
            if let Err(why) = self.one(connection, &step.act).await {
                good = false;
                if step.stops {
                    self.stopped.insert(step.of.clone());
                }
                self.fail(step.of, why);
            }
        }
        good
    }

    async fn one(&mut self, connection: &mut PgConnection, act: &Act) -> Result<(), String> {
        let (what, sql) = match act {
            Act::Refuse(why) => return Err(why.clone()),
            Act::Run { what, sql } => (what, sql.join(";\n")),
        };
        patiently(sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection)).await.map_err(|e| format!("Could not {what}: {}.", words(&e)))?;
        tracing::info!(cluster.id = %self.cluster.id, step = what, "done inside PostgreSQL");
        self.changes += 1;
        Ok(())
    }

    pub(super) fn fail(&mut self, of: Subject, why: String) {
        tracing::info!(cluster.id = %self.cluster.id, why, "not done inside PostgreSQL");
        self.failures.entry(of).or_default().push(why);
    }

    async fn within(&mut self, name: &DatabaseName, database: &Database, part: Part) {
        if let Err(error) = self.look_and_do(name, database, part).await {
            self.fail(Subject::of(name), format!("Cannot look into the database {name}: {}.", words(&error)));
        }
    }

    async fn look_and_do(&mut self, name: &DatabaseName, database: &Database, part: Part) -> Result<(), sqlx::Error> {
        let mut connection = connect(self.options, name.as_str(), STATEMENT).await?;
        let extensions: Vec<_> = database.extensions.iter().map(|extension| extension.as_str()).collect();
        let (admin, readonly) = (name.group(Group::Admin), name.group(Group::Readonly));
        let users = &self.cluster.spec.users;
        let names: Vec<_> = users.keys().map(|user| user.as_str()).collect();
        let inner = patiently(facts::inner(&mut connection, [&admin, &readonly], &extensions, &names)).await?;
        let steps = match part {
            Part::All => objects::plan(name, database, users, &inner),
            Part::Rights => objects::rights(name, users, &inner),
        };
        if extensions.iter().any(|extension| !inner.extensions.contains(*extension)) {
            self.lacking.insert(name.clone());
        }
        self.all(&mut connection, steps).await;
        patiently(sqlx::Connection::close(connection)).await
    }

    /// A session in another database.
    pub(super) async fn session(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        connect(self.options, database, STATEMENT).await
    }
}

/// PostgreSQL cuts its statements off itself; a machine that froze does not.
pub(super) async fn patiently<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let frozen = |_| sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 35 seconds"));
    tokio::time::timeout(ANSWER, answer).await.map_err(frozen)?
}

fn inside(cluster: &Cluster, verifiers: &BTreeMap<RoleName, Verifier>, facts: Facts, failures: BTreeMap<Subject, Vec<String>>) -> Inside {
    let spec = &cluster.spec;
    let active = |name: &RoleName| Item::Active { password_version: verifiers.get(name).map_or(0, |v| v.version) };
    let mut users: BTreeMap<_, _> = spec.users.keys().map(|name| (name.clone(), active(name))).collect();
    let mut databases: BTreeMap<_, _> = spec.databases.keys().map(|name| (name.clone(), Item::Active { password_version: 0 })).collect();
    for (of, sentences) in failures {
        let item = Item::Error(sentences.join(" "));
        // A leaving one that cannot go is told as well. Its name is valid: it was wished for once.
        match of {
            Subject::User(name) => name.parse().map(|name: RoleName| users.insert(name, item)).ok(),
            Subject::Database(name) => name.parse().map(|name: DatabaseName| databases.insert(name, item)).ok(),
        };
    }
    Inside {
        foreign_users: removal::foreign_users(spec, &facts),
        foreign_databases: removal::foreign_databases(spec, &facts),
        users,
        databases,
        pending_restart: facts.pending_restart,
        rejected_parameters: facts.file_errors,
        unseen_parameters: None,
    }
}
