//! A cluster with a wish, the passwords of its users, and the server that shall follow.

use crate::host::{Server, chosen};
use domain::{
    Change, Cluster, ClusterId, DatabaseName, ProjectId, RoleName, Spec, Timestamp, Uuid, database::Grants, name::Description, observed::Inside, status::Item,
    version::Major,
};
use secrecy::{ExposeSecret, SecretString};
use server::{
    postgres::inside::{self, Pass},
    secret::{self, Verifier},
};
use sqlx::{ConnectOptions, PgConnection};
use std::{collections::BTreeMap, fmt::Display, str::FromStr, time::Duration};

/// Runs a test on the oldest and the newest major version at hand.
pub async fn everywhere(test: impl AsyncFn(World)) {
    for (major, install) in chosen() {
        let Some(version) = Major::from_number(major) else { continue };
        println!("on {version}");
        test(World::new(Server::start(&install).await, version)).await;
    }
}

pub struct World {
    pub server: Server,
    pub cluster: Cluster,
    pub passwords: BTreeMap<RoleName, SecretString>,
    pub verifiers: BTreeMap<RoleName, Verifier>,
}

/// A name that the test knows to be valid.
pub fn name<T: FromStr<Err: Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub fn names<T: FromStr<Err: Display> + Ord>(texts: &[&str]) -> std::collections::BTreeSet<T> {
    texts.iter().map(|text| name(text)).collect()
}

impl World {
    fn new(server: Server, version: Major) -> Self {
        let cluster_name = name("orders");
        let spec = Spec::new(&cluster_name, version);
        let cluster =
            Cluster::create(ClusterId(Uuid::from_u128(1)), ProjectId::DEFAULT, domain::PlaceName::local(), cluster_name, spec, Timestamp::UNIX_EPOCH).unwrap();
        Self { server, cluster, passwords: BTreeMap::new(), verifiers: BTreeMap::new() }
    }

    pub fn wish(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.cluster = self.cluster.change(None, changes.into_iter().collect(), Timestamp::UNIX_EPOCH).unwrap();
        let (passwords, verifiers) = (&mut self.passwords, &mut self.verifiers);
        for (user, wish) in &self.cluster.spec.users {
            if verifiers.get(user).is_none_or(|verifier| verifier.version != wish.password_version) {
                let password = secret::password();
                verifiers.insert(user.clone(), Verifier { version: wish.password_version, scram: secret::scram_verifier(&password) });
                passwords.insert(user.clone(), password);
            }
        }
    }

    pub fn users(&mut self, users: &[&str]) {
        let add = |user: &&str| Change::AddUser { id: Uuid::now_v7(), name: name(user), replication: false, description: Description::default() };
        self.wish(users.iter().map(add).collect::<Vec<_>>());
    }

    pub fn database(&mut self, database: &str, owner: Option<&str>, admin: &[&str], readonly: &[&str]) {
        let roles = Grants { admin: names(admin), readonly: names(readonly) };
        let (id, description) = (Uuid::now_v7(), Description::default());
        self.wish([Change::AddDatabase { id, name: name(database), owner: owner.map(name), roles, extensions: Default::default(), description }]);
    }

    pub fn roles(&mut self, database: &str, admin: &[&str], readonly: &[&str]) {
        let roles = Some(Grants { admin: names(admin), readonly: names(readonly) });
        self.wish([Change::SetDatabase { name: name(database), owner: None, roles, extensions: None, description: None }]);
    }

    pub fn extensions(&mut self, database: &str, extensions: &[&str]) {
        let extensions = Some(names(extensions));
        self.wish([Change::SetDatabase { name: name(database), owner: None, roles: None, extensions, description: None }]);
    }

    pub async fn pass(&self) -> Pass {
        inside::pass(&self.server.options(), &self.cluster, &self.verifiers).await.unwrap()
    }

    /// Passes that are cut off later and later, until one gets through.
    pub async fn cut_off_passes(&self) {
        let options = self.server.options();
        for step in 0.. {
            let pass = inside::pass(&options, &self.cluster, &self.verifiers);
            if tokio::time::timeout(Duration::from_millis(5 * step), pass).await.is_ok() {
                return;
            }
        }
    }

    /// A pass after which all is as wished for, and a second one finds nothing to do.
    pub async fn reach(&self) -> Inside {
        let first = self.pass().await.inside;
        let errors: Vec<_> = first.users.values().chain(first.databases.values()).filter(|item| matches!(item, Item::Error(_))).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let second = self.pass().await;
        assert_eq!(second.changes, 0, "a second pass changes nothing");
        second.inside
    }

    /// A session of that user, by its password.
    pub async fn enter(&self, user: &str, database: &str) -> sqlx::Result<PgConnection> {
        self.enter_with(user, self.passwords[&name::<RoleName>(user)].expose_secret(), database).await
    }

    pub async fn enter_with(&self, user: &str, password: &str, database: &str) -> sqlx::Result<PgConnection> {
        self.server.options().username(user).password(password).database(database).connect().await
    }

    /// Runs statements as that user.
    pub async fn act(&self, user: &str, database: &str, sql: &str) -> sqlx::Result<()> {
        let mut connection = self.enter(user, database).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.map(drop)
    }

    /// Runs statements as that user, which must be allowed.
    pub async fn may(&self, user: &str, database: &str, sql: &str) {
        self.act(user, database, sql).await.unwrap_or_else(|e| panic!("{user} in {database}: {sql}: {e}"));
    }

    /// Runs statements as that user, which must be refused.
    pub async fn may_not(&self, user: &str, database: &str, sql: &str) {
        let refused = self.act(user, database, sql).await.expect_err(sql);
        let code = refused.as_database_error().and_then(|e| e.code()).unwrap_or_default().into_owned();
        assert_eq!(code, "42501", "{user} in {database}: {sql}: {refused}");
    }

    /// One text, as superuser.
    pub async fn ask(&self, database: &str, sql: &str) -> String {
        let mut connection = self.server.connect(database).await;
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select coalesce(({sql})::text, '')"))).fetch_one(&mut connection).await.unwrap()
    }
}

/// The sentence of a database that could not be made what was wished.
pub fn error(inside: &Inside, database: &str) -> String {
    match &inside.databases[&name::<DatabaseName>(database)] {
        Item::Error(why) => why.clone(),
        item => panic!("{item:?}"),
    }
}
