//! Connection strings and examples for the clients that people use. Pure; never holds a password.

use domain::{
    Cluster,
    status::{Endpoint, EndpointKind},
};

/// The file name under which examples expect the certificate authority.
pub const CA_FILE: &str = "howdah-ca.pem";

/// A client that an example is written for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// PostgreSQL's own.
    #[default]
    Psql,
    /// psycopg.
    Python,
    /// node-postgres.
    Node,
    /// pgx.
    Go,
    /// tokio-postgres.
    Rust,
    /// JDBC.
    Java,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Psql, Self::Python, Self::Node, Self::Go, Self::Rust, Self::Java];

    /// Its name, also in the address of the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Psql => "psql",
            Self::Python => "Python",
            Self::Node => "Node",
            Self::Go => "Go",
            Self::Rust => "Rust",
            Self::Java => "Java",
        }
    }
}

/// What somebody wants to connect to.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// As whom; empty: there is no user yet.
    pub user: String,
    /// To which database; empty: there is none yet.
    pub database: String,
    /// Through which address.
    pub endpoint: EndpointKind,
    /// With what.
    pub language: Language,
}

impl Choice {
    /// What the address of the page asks for, where the cluster has it; else the first of each.
    pub fn of(cluster: &Cluster, user: Option<&str>, database: Option<&str>, endpoint: Option<&str>, language: Option<&str>) -> Self {
        let users = || cluster.spec.users.keys().map(|name| name.as_str());
        let databases = || cluster.spec.databases.keys().map(|name| name.as_str());
        let asked = users().find(|name| Some(*name) == user);
        let database = databases().find(|name| Some(*name) == database);
        // Without a wish the first user that may enter the first database, so that the string works as it stands.
        let first = || {
            let able = cluster.spec.databases.iter().find_map(|(name, database)| Some((database.users().next()?.as_str(), name.as_str())));
            able.or_else(|| Some((users().next()?, databases().next().unwrap_or_default()))).unwrap_or_default()
        };
        let of_user = asked.and_then(|user| cluster.spec.databases.iter().find(|(_, database)| database.users().any(|u| u.as_str() == user)));
        Self {
            user: asked.unwrap_or(first().0).into(),
            database: database.or(of_user.map(|(name, _)| name.as_str())).unwrap_or(first().1).into(),
            endpoint: [(EndpointKind::Ro, "ro"), (EndpointKind::External, "ext")]
                .into_iter()
                .find(|(kind, name)| endpoint == Some(*name) && cluster.status.endpoint(*kind).is_some())
                .map_or(EndpointKind::Rw, |(kind, _)| kind),
            language: Language::ALL.into_iter().find(|l| Some(l.name()) == language).unwrap_or_default(),
        }
    }
}

/// What a client can check of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Who signed its certificate, and the name in it.
    Name,
    /// Who signed its certificate: it has no name for this address.
    Authority,
    /// Nothing: who signs is not known.
    Nothing,
}

impl Trust {
    /// At an address of that kind. `authority`: whether it is known who signs; `own`: for this cluster alone, and then it knows only names inside of the place.
    pub fn at(kind: EndpointKind, authority: bool, own: bool) -> Self {
        match (authority, kind) {
            (false, _) => Self::Nothing,
            (true, EndpointKind::External) if own => Self::Authority,
            (true, EndpointKind::Rw | EndpointKind::Ro | EndpointKind::Instance | EndpointKind::External) => Self::Name,
        }
    }

    /// In libpq's words, which most clients share.
    const fn mode(self) -> &'static str {
        match self {
            Self::Name => "verify-full",
            Self::Authority => "verify-ca",
            Self::Nothing => "require",
        }
    }
}

/// The connection string, without a password.
pub fn string(choice: &Choice, to: &Endpoint) -> String {
    format!("postgresql://{}@{}:{}/{}?sslmode=require", choice.user, to.host, to.port, choice.database)
}

/// An example that runs as it stands, given the password in `PGPASSWORD` and, if it checks it, the certificate authority beside it.
pub fn example(choice: &Choice, to: &Endpoint, trust: Trust) -> String {
    let Choice { user, database, language, endpoint: _ } = choice;
    let Endpoint { host, port, .. } = to;
    let mode = trust.mode();
    let with_authority = |text: String| if trust == Trust::Nothing { String::new() } else { text };
    let verified = format!("sslmode={mode}{}", with_authority(format!("&sslrootcert={CA_FILE}")));
    match language {
        Language::Psql => format!("psql \"postgresql://{user}@{host}:{port}/{database}?{verified}\""),
        Language::Python => format!(
            "import os, psycopg\n\nwith psycopg.connect(\n    host=\"{host}\", port={port},\n    dbname=\"{database}\", user=\"{user}\",\n    password=os.environ[\"PGPASSWORD\"],\n    sslmode=\"{mode}\",{}\n) as conn:\n    print(conn.execute(\"select now()\").fetchone())",
            with_authority(format!("\n    sslrootcert=\"{CA_FILE}\","))
        ),
        Language::Node => format!(
            "{}import pg from \"pg\"\n\nconst client = new pg.Client({{\n  host: \"{host}\", port: {port},\n  database: \"{database}\", user: \"{user}\",\n  password: process.env.PGPASSWORD,\n  ssl: {{ {} }},\n}})\nawait client.connect()\nconsole.log((await client.query(\"select now()\")).rows)\nawait client.end()",
            with_authority("import fs from \"node:fs\"\n".into()),
            match trust {
                Trust::Name => format!("ca: fs.readFileSync(\"{CA_FILE}\")"),
                Trust::Authority => format!("ca: fs.readFileSync(\"{CA_FILE}\"), checkServerIdentity: () => undefined"),
                Trust::Nothing => "rejectUnauthorized: false".to_owned(),
            }
        ),
        Language::Go => format!(
            "package main\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\t\"time\"\n\n\t\"github.com/jackc/pgx/v5\"\n)\n\nfunc main() {{\n\t// pgx reads PGPASSWORD by itself\n\turl := \"postgres://{user}@{host}:{port}/{database}?{verified}\"\n\tconn, err := pgx.Connect(context.Background(), url)\n\tif err != nil {{\n\t\tpanic(err)\n\t}}\n\tvar now time.Time\n\terr = conn.QueryRow(context.Background(), \"select now()\").Scan(&now)\n\tfmt.Println(now, err)\n}}"
        ),
        Language::Rust => format!(
            "// sqlx with tls-rustls; it reads PGPASSWORD by itself\nlet url = \"postgres://{user}@{host}:{port}/{database}?{verified}\";\nlet pool = sqlx::PgPool::connect(url).await?;\nlet now: String = sqlx::query_scalar(\"select now()::text\").fetch_one(&pool).await?;\nprintln!(\"{{now}}\");"
        ),
        Language::Java => format!(
            "var props = new java.util.Properties();\nprops.setProperty(\"user\", \"{user}\");\nprops.setProperty(\"password\", System.getenv(\"PGPASSWORD\"));\nprops.setProperty(\"sslmode\", \"{mode}\");{}\nvar url = \"jdbc:postgresql://{host}:{port}/{database}\";\ntry (var conn = java.sql.DriverManager.getConnection(url, props);\n     var rows = conn.createStatement().executeQuery(\"select now()\")) {{\n  rows.next();\n  System.out.println(rows.getString(1));\n}}",
            with_authority(format!("\nprops.setProperty(\"sslrootcert\", \"{CA_FILE}\");"))
        ),
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::fake::sample;

    fn end() -> Endpoint {
        sample::ready().status.endpoint(EndpointKind::Rw).cloned().expect("the sample has one")
    }

    #[test]
    fn what_the_cluster_does_not_have_is_not_chosen() {
        let choice = Choice::of(&sample::ready(), Some("nobody"), Some("nothing"), Some("ro"), Some("Cobol"));
        assert_eq!(choice, Choice { user: "reporting".into(), database: "analytics".into(), endpoint: EndpointKind::Ro, language: Language::Psql });
    }

    #[test]
    fn a_user_is_led_to_a_database_that_lets_it_in() {
        let choice = Choice::of(&sample::ready(), Some("app"), None, None, Some("Go"));
        assert_eq!((choice.user.as_str(), choice.database.as_str(), choice.language), ("app", "orders", Language::Go));
    }

    #[test]
    fn every_example_names_the_place_and_checks_the_certificate() {
        for language in Language::ALL {
            let choice = Choice { language, ..Choice::of(&sample::ready(), Some("app"), None, None, None) };
            let text = example(&choice, &end(), Trust::Name);
            for part in ["app", "orders", "127.0.0.1", "15100", CA_FILE] {
                assert!(text.contains(part), "{}: {part} is missing", language.name());
            }
            let checks = |text: &str, how: &str| text.contains(how) || language == Language::Node;
            assert!(checks(&text, "verify-full") && !text.contains("checkServerIdentity"), "{text}");
            let text = example(&choice, &end(), Trust::Authority);
            assert!(checks(&text, "verify-ca") && text.contains(CA_FILE) && !text.contains("verify-full"), "{text}");
            let text = example(&choice, &end(), Trust::Nothing);
            assert!(checks(&text, "require") && !text.contains(CA_FILE) && !text.contains("verify"), "{text}");
        }
    }

    #[test]
    fn a_name_is_checked_only_where_the_certificate_has_it() {
        use EndpointKind::{External, Rw};
        let own = [Trust::at(Rw, true, true), Trust::at(External, true, true), Trust::at(External, false, true)];
        assert_eq!(own, [Trust::Name, Trust::Authority, Trust::Nothing]);
        assert_eq!(Trust::at(External, true, false), Trust::Name, "who signs for all knows all names");
    }

    #[test]
    fn the_string_holds_no_password() {
        let choice = Choice::of(&sample::ready(), Some("app"), Some("orders"), None, None);
        assert_eq!(string(&choice, &end()), "postgresql://app@127.0.0.1:15100/orders?sslmode=require");
    }
}
