//! PostgreSQL parameters that people may set: which names are refused and which need a restart.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Parameters by lower-case name; values as PostgreSQL reads them, without quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(pub BTreeMap<String, String>);

/// The engine's own: a cluster would break, or the portal would lie about it, if people set them.
const FIXED: &[&str] = &[
    "archive_cleanup_command",
    "archive_command",
    "archive_mode",
    "cluster_name",
    "dynamic_library_path",
    "local_preload_libraries",
    "pg_failover_slots.primary_dsn",
    "pg_failover_slots.standby_slot_names",
    "port",
    "primary_conninfo",
    "primary_slot_name",
    "recovery_end_command",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "restore_command",
    "session_preload_libraries",
    "shared_preload_libraries",
    "ssl",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_crl_file",
    "ssl_crl_dir",
    "ssl_dh_params_file",
    "ssl_ecdh_curve",
    "ssl_groups",
    "ssl_key_file",
    "ssl_passphrase_command",
    "ssl_passphrase_command_supports_reload",
    "ssl_prefer_server_ciphers",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "synchronized_standby_slots",
    "synchronous_standby_names",
    "temp_tablespaces",
    "archive_library",
    "oauth_validator_libraries",
    "extension_control_path",
];

/// Refused because they reach outside the cluster or take away what the portal relies on.
const BLOCKED: &[&str] = &[
    "allow_system_table_mods",
    "allow_alter_system",
    "bonjour",
    "bonjour_name",
    "config_file",
    "data_directory",
    "data_sync_retry",
    "event_source",
    "external_pid_file",
    "hba_file",
    "hot_standby",
    "ident_file",
    "include",
    "include_dir",
    "include_if_exists",
    "jit_provider",
    "listen_addresses",
    "log_destination",
    "log_directory",
    "log_file_mode",
    "log_filename",
    "log_rotation_age",
    "log_rotation_size",
    "log_truncate_on_rotation",
    "logging_collector",
    "promote_trigger_file",
    "recovery_min_apply_delay",
    "restart_after_crash",
    "stats_temp_directory",
    "syslog_facility",
    "syslog_ident",
    "syslog_sequence_numbers",
    "syslog_split_messages",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
    "password_encryption",
    "fsync",
    "full_page_writes",
    "wal_log_hints",
    "ignore_checksum_failure",
    "zero_damaged_pages",
    "krb_server_keyfile",
];

/// Take effect only when the postmaster starts (context `postmaster` of `pg_settings`, 15 to 18), as far as people may set them.
const RESTART: &[&str] = &[
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "autovacuum_multixact_freeze_max_age",
    "autovacuum_worker_slots",
    "commit_timestamp_buffers",
    "dynamic_shared_memory_type",
    "huge_page_size",
    "huge_pages",
    "io_max_combine_limit",
    "io_max_concurrency",
    "io_method",
    "jit_debugging_support",
    "jit_profiling_support",
    "max_active_replication_origins",
    "max_connections",
    "max_files_per_process",
    "max_locks_per_transaction",
    "max_logical_replication_workers",
    "max_notify_queue_pages",
    "max_pred_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "min_dynamic_shared_memory",
    "multixact_member_buffers",
    "multixact_offset_buffers",
    "notify_buffers",
    "old_snapshot_threshold",
    "pg_stat_statements.max",
    "recovery_prefetch",
    "reserved_connections",
    "serializable_buffers",
    "shared_buffers",
    "shared_memory_type",
    "subtransaction_buffers",
    "summarize_wal_buffers",
    "superuser_reserved_connections",
    "track_activity_query_size",
    "track_commit_timestamp",
    "transaction_buffers",
    "wal_buffers",
    "wal_decode_buffer_size",
    "wal_level",
];

/// What a replica must have at least as much of as its primary, or it stops replaying.
pub const HELD_BY_REPLICAS: &[&str] = &["max_connections", "max_locks_per_transaction", "max_prepared_transactions", "max_wal_senders", "max_worker_processes"];

/// Whether a change of this parameter waits for a restart. Any letter case.
pub fn needs_restart(name: &str) -> bool {
    RESTART.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Why `name` = `value` is refused, as a sentence; none when it may be tried. Whether PostgreSQL knows it is for the engine to find out.
pub fn refusal(name: &str, value: &str) -> Option<String> {
    let part = |s: &str| s.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    let pieces: Vec<&str> = name.split('.').collect();
    if name.len() > 63 || pieces.len() > 2 || !pieces.iter().all(|piece| part(piece)) {
        return Some("A parameter is named as in work_mem or pg_stat_statements.max.".into());
    }
    if FIXED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Some(format!("{name} is set by the portal itself and cannot be changed here."));
    }
    if BLOCKED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Some(format!("{name} is not open to change: it reaches outside the cluster or weakens it."));
    }
    if value.chars().any(char::is_control) || value.len() > 1024 {
        return Some(format!("{name}: a value is one line of at most 1024 bytes."));
    }
    match name.to_ascii_lowercase().as_str() {
        "wal_level" if !["replica", "logical"].contains(&value.to_ascii_lowercase().as_str()) => {
            Some("wal_level is replica or logical: less would end replication.".into())
        }
        "max_connections" => bounds(name, value, 10, 10_000),
        "max_wal_senders" | "max_replication_slots" => bounds(name, value, 10, 1_000),
        _ => None,
    }
}

fn bounds(name: &str, value: &str, low: u32, high: u32) -> Option<String> {
    let fits = value.trim().parse::<u32>().is_ok_and(|n| (low..=high).contains(&n));
    (!fits).then(|| format!("{name} is a whole number from {low} to {high}."))
}

impl Parameters {
    /// The parameters that differ between two maps, in either direction.
    pub fn changed<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let gone = other.0.keys().filter(|name| !self.0.contains_key(*name));
        self.0.iter().filter(|(name, value)| other.0.get(*name) != Some(*value)).map(|(name, _)| name).chain(gone).map(String::as_str)
    }
}
