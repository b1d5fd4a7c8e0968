//! `psql`: a session on the primary that is sure of whom it talks to. The password is psql's own business.

use super::{
    Psql,
    client::{Client, Failure},
    get,
    output::cell,
};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::Value;
use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt, unix::process::CommandExt},
    path::PathBuf,
    process::Command,
};

/// psql with everything that it needs to connect; the certificate authority lives as long as the file is open.
pub struct Session {
    command: Command,
    /// Open for psql to read.
    #[expect(dead_code)]
    authority: Option<File>,
    warning: Option<&'static str>,
}

/// How sure psql can be of whom it talks to, and what to say where that is not wholly.
struct Trust {
    mode: &'static str,
    warning: Option<&'static str>,
}

fn trust(endpoint: &Value, authority: bool) -> Trust {
    match (authority, endpoint["kind"] == "external") {
        (true, false) => Trust { mode: "verify-full", warning: None },
        // Whoever signs for one cluster signs for nobody else, so the name says little more.
        (true, true) => Trust { mode: "verify-ca", warning: Some("the certificate has no name for the address from outside: only who signed it is checked.") },
        (false, _) => Trust { mode: "require", warning: Some("who signs this cluster's certificate is not known: the server is not verified.") },
    }
}

pub async fn command(client: &Client, asked: &Psql) -> Result<Session, Failure> {
    let instance = get::find(client, &asked.name).await?;
    let name = cell(&instance["resource_name"]);
    let endpoint = endpoint(&instance).ok_or_else(|| Failure::Refused(format!("{name} has no read-write address yet: see howdah status {name}.")))?;
    let address = get::address(&instance);
    let databases = client.get(&format!("{address}/databases"), &[]).await?;
    let users = client.get(&format!("{address}/users"), &[]).await?;
    let database = database(&name, asked.database.as_deref(), &databases)?;
    let user = match &asked.user {
        Some(user) => user.clone(),
        None => user(&database, &databases, &users)?,
    };
    let mut command = Command::new(program());
    command.args(&asked.args).env("PGHOST", cell(&endpoint["host"])).env("PGPORT", endpoint["port"].to_string());
    command.env("PGDATABASE", database).env("PGUSER", user).env("PGAPPNAME", "howdah psql");
    let access = client.get(&format!("{address}/access"), &[]).await?;
    let authority = match access["ca"].as_str() {
        Some(pem) => Some(keep(pem).map_err(|error| Failure::Refused(format!("The certificate authority cannot be kept: {error}")))?),
        None => None,
    };
    let trust = trust(endpoint, authority.is_some());
    command.env("PGSSLMODE", trust.mode);
    if let Some(file) = &authority {
        command.env("PGSSLROOTCERT", format!("/proc/self/fd/{}", file.as_raw_fd()));
    }
    Ok(Session { command, authority, warning: trust.warning })
}

/// Becomes psql; comes back only if there is none.
pub fn exec(mut session: Session) -> Result<String, Failure> {
    if let Some(warning) = session.warning {
        eprintln!("howdah: {warning}");
    }
    let error = session.command.exec();
    Err(Failure::Refused(format!("psql cannot be started: {error}. Install it, as in apt install postgresql-client.")))
}

fn endpoint(instance: &Value) -> Option<&Value> {
    // Where there is a way in from outside, it works from inside too.
    let of = |kind: &str| instance["endpoints"].as_array()?.iter().find(|endpoint| endpoint["kind"] == kind);
    of("external").or_else(|| of("rw"))
}

fn database(cluster: &str, asked: Option<&str>, databases: &Value) -> Result<String, Failure> {
    let names: Vec<_> = databases.as_array().into_iter().flatten().map(|database| cell(&database["name"])).collect();
    match (asked, names.as_slice()) {
        (Some(asked), _) => Ok(asked.to_owned()),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(Failure::Usage(format!("{cluster} has no database yet."))),
        (None, many) => Err(Failure::Usage(format!("{cluster} has several databases: say which: {}.", many.join(", ")))),
    }
}

/// Who connects when nobody is named: the owner, else the first who may write, else the first who may read, else the only user.
fn user(name: &str, databases: &Value, users: &Value) -> Result<String, Failure> {
    let database = databases.as_array().into_iter().flatten().find(|database| database["name"] == name);
    let member = |database: &Value, role: &str| database["roles"][role][0].as_str().map(str::to_owned);
    let of_database = database.and_then(|d| get::owner(d, users).or_else(|| member(d, "admin")).or_else(|| member(d, "readonly")));
    let only = || match users.as_array().map(Vec::as_slice) {
        Some([only]) => Some(cell(&only["name"])),
        _ => None,
    };
    of_database.or_else(only).ok_or_else(|| Failure::Usage("say as whom to connect: --user NAME.".into()))
}

/// psql from the path, else the newest that Debian has put where the path does not lead.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = domain::version::Major::ALL.map(|major| PathBuf::from(format!("/usr/lib/postgresql/{}/bin", major.number())));
    let all = std::env::split_paths(&path).chain(debian).map(|folder| folder.join("psql"));
    all.into_iter().find(|program| program.is_file()).unwrap_or_else(|| "psql".into())
}

/// A file without a name that psql inherits: nothing is left behind, and nobody else can put another one in its place.
fn keep(pem: &str) -> std::io::Result<File> {
    let path = std::env::temp_dir().join(format!("howdah-{}.pem", domain::Uuid::new_v4()));
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    file.write_all(pem.as_bytes())?;
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_checked_only_where_the_certificate_has_it() {
        let mode = |kind: &str, authority| trust(&json!({ "kind": kind, "host": "db.example.com" }), authority).mode;
        assert_eq!([mode("rw", true), mode("external", true), mode("rw", false), mode("external", false)], ["verify-full", "verify-ca", "require", "require"]);
    }
}
