//! Configuration files as text: pure. What people set, what follows from the size, and what follows from events.

use super::{
    layout::Site,
    mark::Settings,
    world::{Held, Managed},
};
use domain::version::Major;
use std::fmt::Write;

/// The role that replicas and pg_rewind connect as.
pub const REPLICATION_ROLE: &str = "howdah_replication";
const HEADER: &str = "# Written by Howdah. What is changed here by hand is put back: change the cluster's parameters instead.\n";
const STATE: &str = "# state ";

/// Everything that the base configuration follows from.
#[derive(Debug)]
pub struct Base<'a> {
    /// The major version.
    pub major: Major,
    /// The cluster's name, for the process title.
    pub name: &'a str,
    /// Which instance.
    pub ordinal: u8,
    /// Its port.
    pub port: u16,
    /// Its folders.
    pub site: &'a Site,
    /// What people decide.
    pub settings: &'a Settings,
    /// Bytes of the volume.
    pub storage: u64,
}

/// A value as `postgresql.conf` quotes it.
pub fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// Memory settings of a size, and what the volume bounds.
fn sized(base: &Base<'_>) -> Vec<(&'static str, String)> {
    let memory = base.settings.size.memory().as_mib().max(1);
    let connections = u64::from(Held::of(base.settings).0[0]).max(1);
    let volume = (base.storage >> 20).max(1024);
    let mb = |n: u64| format!("{n}MB");
    vec![
        ("shared_buffers", mb((memory / 4).max(16))),
        ("effective_cache_size", mb((memory * 3 / 4).max(32))),
        ("maintenance_work_mem", mb((memory / 20).clamp(16, 1024))),
        ("work_mem", mb((memory / connections / 4).max(1))),
        ("max_wal_size", mb((volume / 4).clamp(128, 1024))),
        ("min_wal_size", mb(80)),
        ("max_slot_wal_keep_size", mb(volume / 4)),
        ("wal_keep_size", mb(256.min(volume / 8))),
    ]
}

/// `postgresql.conf`: all but what follows from events.
pub fn postgresql(base: &Base<'_>) -> String {
    let site = base.site;
    let at = |path: std::path::PathBuf| quote(&path.display().to_string());
    let mut text = HEADER.to_owned();
    let mut set = |name: &str, value: &str| {
        let _ = writeln!(text, "{name} = {value}");
    };
    set("listen_addresses", "'127.0.0.1'");
    set("port", &base.port.to_string());
    set("unix_socket_directories", &at(site.sockets.clone()));
    set("unix_socket_permissions", "0700");
    set("hba_file", &at(site.conf.join("pg_hba.conf")));
    set("ident_file", &at(site.conf.join("pg_ident.conf")));
    set("cluster_name", &quote(&format!("{}-{}", base.name, base.ordinal)));
    set("ssl", "on");
    set("ssl_cert_file", &at(site.tls.join("server.crt")));
    set("ssl_key_file", &at(site.tls.join("server.key")));
    set("ssl_min_protocol_version", "'TLSv1.2'");
    set("password_encryption", "'scram-sha-256'");
    set("wal_level", "replica");
    set("hot_standby", "on");
    set("wal_log_hints", "on");
    set("max_replication_slots", "40");
    set("wal_receiver_status_interval", "1s");
    set("wal_retrieve_retry_interval", "500ms");
    set("log_destination", "'stderr'");
    set("logging_collector", "off");
    set("log_line_prefix", "'%m [%p] %q%u@%d '");
    set("log_timezone", "'UTC'");
    set("timezone", "'UTC'");
    for (name, value) in sized(base) {
        set(name, &quote(&value));
    }
    if base.major >= Major::V17 {
        set("allow_alter_system", "off");
    }
    for (name, value) in &base.settings.parameters.0 {
        // The five that replicas must cover are in the managed file, which knows what the primary runs with.
        if !Held::NAMES.contains(&name.as_str()) {
            set(name, &quote(value));
        }
    }
    let _ = writeln!(text, "include = {}", at(site.conf.join("managed.conf")));
    text
}

/// `pg_hba.conf`: over the network only TLS and SCRAM; on the socket only the portal and PostgreSQL's own user.
pub fn hba() -> String {
    format!(
        "{HEADER}\
         local    all          all                        peer map=howdah\n\
         local    replication  {REPLICATION_ROLE}         peer map=howdah\n\
         hostssl  all          {REPLICATION_ROLE}  all    reject\n\
         hostssl  all          all  all                   scram-sha-256\n\
         hostssl  replication  all  all                   scram-sha-256\n\
         hostnossl all         all  all                   reject\n\
         hostnossl replication all  all                   reject\n"
    )
}

/// `pg_ident.conf`: who may be whom on the socket.
pub fn ident(users: &[String]) -> String {
    let mut text = HEADER.to_owned();
    for user in users {
        for role in ["postgres", REPLICATION_ROLE] {
            let _ = writeln!(text, "howdah {user} {role}");
        }
    }
    text
}

/// `managed.conf`: what follows from events. Its first lines carry the same as data, so that it can be read back.
pub fn managed(managed: &Managed, upstream: Option<(&Site, u16)>, ordinal: u8) -> String {
    let state = serde_json::to_string(managed).unwrap_or_default();
    let mut text = format!("{HEADER}{STATE}{state}\n");
    for (name, value) in Held::NAMES.iter().zip(managed.held.0) {
        let _ = writeln!(text, "{name} = {value}");
    }
    if let Some((site, port)) = upstream {
        let host = site.sockets.display();
        let conninfo = format!("host='{host}' port={port} user={REPLICATION_ROLE} application_name={}", member(ordinal));
        let _ = writeln!(text, "primary_conninfo = {}", quote(&conninfo));
        let _ = writeln!(text, "primary_slot_name = '{}'", member(ordinal));
    }
    if managed.short {
        text.push_str("default_transaction_read_only = on\n");
    }
    let names = match &managed.sync {
        Some((count, members)) if *count > 0 && !members.is_empty() => {
            let members: Vec<String> = members.iter().map(|m| format!("\"{}\"", member(*m))).collect();
            format!("ANY {count} ({})", members.join(", "))
        }
        _ => String::new(),
    };
    let _ = writeln!(text, "synchronous_standby_names = {}", quote(&names));
    text
}

/// What a managed file says about itself. Compare with what [`managed`] would write: edited files do not count.
pub fn read_managed(text: &str) -> Option<Managed> {
    let line = text.lines().find_map(|line| line.strip_prefix(STATE))?;
    serde_json::from_str(line).ok()
}

/// How an instance is called by PostgreSQL: its slot, and its `application_name`.
pub fn member(ordinal: u8) -> String {
    format!("howdah_{ordinal}")
}

/// The instance that is called so.
pub fn ordinal(member: &str) -> Option<u8> {
    member.strip_prefix("howdah_")?.parse().ok()
}

/// Arguments of initdb beside the folder.
pub fn initdb(major: Major) -> Vec<&'static str> {
    let mut args = vec!["-U", "postgres", "-k", "-E", "UTF8", "--auth-local=peer", "--auth-host=reject", "--no-sync"];
    // The builtin provider depends on no library of the machine, so directories can move between installs.
    if major >= Major::V17 {
        args.extend(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
    }
    args.push("--locale=C.UTF-8");
    args
}
