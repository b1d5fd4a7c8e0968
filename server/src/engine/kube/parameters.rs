//! Parameters of a cluster where an operator writes the configuration, and which of them cannot be had: the same at every place on Kubernetes. Pure.

use domain::{Spec, quantity::Bytes};
use std::collections::BTreeMap;

/// What was wished for, and what follows from the size where nobody said otherwise.
pub fn parameters(spec: &Spec) -> BTreeMap<&str, String> {
    let memory = spec.size.memory().as_mib().max(1);
    let mb = |n: u64| format!("{n}MB");
    let sized = [
        ("shared_buffers", mb((memory / 4).max(16))),
        ("effective_cache_size", mb((memory * 3 / 4).max(32))),
        ("maintenance_work_mem", mb((memory / 20).clamp(16, 1024))),
        ("work_mem", mb((memory / u64::from(spec.max_connections()) / 4).max(1))),
    ];
    let mut all = BTreeMap::from(sized);
    all.extend(spec.parameters.0.iter().map(|(name, value)| (name.as_str(), value.clone())));
    all
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A number, of kilobytes or so, or one with a unit.
    Memory,
    /// A number, of milliseconds or so, or one with a unit.
    Time,
    /// A number.
    Number,
    /// On or off.
    Boolean,
}

/// Of the parameters that people set most, so that a slip of the pen does not keep PostgreSQL from starting. All others are for PostgreSQL to judge.
const FORMS: [(Form, &str); 4] = [
    (
        Form::Memory,
        "autovacuum_work_mem effective_cache_size gin_pending_list_limit logical_decoding_work_mem maintenance_work_mem max_slot_wal_keep_size \
         max_stack_depth min_parallel_index_scan_size min_parallel_table_scan_size shared_buffers temp_buffers temp_file_limit vacuum_buffer_usage_limit \
         wal_buffers wal_keep_size wal_skip_threshold work_mem",
    ),
    (
        Form::Time,
        "authentication_timeout autovacuum_naptime autovacuum_vacuum_cost_delay bgwriter_delay checkpoint_timeout checkpoint_warning \
         client_connection_check_interval deadlock_timeout idle_in_transaction_session_timeout idle_session_timeout lock_timeout \
         log_autovacuum_min_duration log_min_duration_sample log_min_duration_statement max_standby_archive_delay max_standby_streaming_delay \
         statement_timeout tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout transaction_timeout vacuum_cost_delay wal_receiver_timeout \
         wal_sender_timeout wal_writer_delay",
    ),
    (
        Form::Number,
        "autovacuum_analyze_scale_factor autovacuum_analyze_threshold autovacuum_max_workers autovacuum_vacuum_scale_factor autovacuum_vacuum_threshold \
         bgwriter_lru_maxpages checkpoint_completion_target cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost default_statistics_target \
         effective_io_concurrency from_collapse_limit hash_mem_multiplier join_collapse_limit maintenance_io_concurrency max_locks_per_transaction \
         max_logical_replication_workers max_parallel_maintenance_workers max_parallel_workers max_parallel_workers_per_gather \
         max_prepared_transactions max_sync_workers_per_subscription max_worker_processes random_page_cost seq_page_cost superuser_reserved_connections \
         tcp_keepalives_count vacuum_cost_limit",
    ),
    (
        Form::Boolean,
        "autovacuum default_transaction_deferrable default_transaction_read_only enable_bitmapscan enable_hashagg enable_hashjoin enable_indexonlyscan \
         enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop enable_partitionwise_aggregate enable_partitionwise_join \
         enable_seqscan enable_sort enable_tidscan hot_standby_feedback jit log_checkpoints log_disconnections log_duration log_lock_waits \
         log_replication_commands sync_replication_slots track_activities track_commit_timestamp track_counts track_io_timing track_wal_io_timing",
    ),
];

/// The first parameter that cannot be had, and why, as sentences. CloudNativePG's webhook says some of it too late: where it is not installed, and on
/// Cozystack, where it fails a whole release.
pub fn refused(spec: &Spec) -> Option<(String, String)> {
    let all = &spec.parameters.0;
    let no = |name: &str, why: String| Some((name.to_owned(), why));
    for (name, value) in all {
        let form = FORMS.iter().find(|(_, names)| names.split_whitespace().any(|known| known == name)).map(|(form, _)| *form);
        if let Some(form) = form.filter(|form| !form.fits(value)) {
            return no(name, format!("{name} = {value} is not understood by PostgreSQL. It is {}.", form.words()));
        }
    }
    let mut amounts = BTreeMap::new();
    for name in ["shared_buffers", "min_wal_size", "max_wal_size"] {
        let Some(value) = all.get(name).filter(|value| !value.is_empty()) else { continue };
        match amount(value) {
            Some(amount) => drop(amounts.insert(name, amount)),
            None => {
                return no(name, format!("{name} = {value} is not taken by CloudNativePG. Write a whole number and its unit: kB, MB, GB or TB, as in 128MB."));
            }
        }
    }
    // In the words of whoever wished for it.
    let said = |name: &str, default: &str| match (all.get(name).filter(|value| !value.is_empty()), amounts.get(name)) {
        (Some(value), Some(read)) if value.parse::<u64>().is_ok() => format!("{name} = {value} (without a unit, CloudNativePG reads MB: {read})"),
        (Some(value), _) => format!("{name} = {value}"),
        (None, _) => format!("{name} = {default} (its default)"),
    };
    let memory = spec.size.memory();
    if amounts.get("shared_buffers").is_some_and(|buffers| *buffers > memory) {
        let buffers = said("shared_buffers", "");
        return no("shared_buffers", format!("{buffers} does not fit into {memory} of memory. Set it lower or choose a larger size."));
    }
    let (least, most) = (amounts.get("min_wal_size"), amounts.get("max_wal_size"));
    if most.is_some_and(|most| *most >= spec.storage) {
        let most = said("max_wal_size", "");
        return no("max_wal_size", format!("{most} does not fit onto a volume of {}. Set it lower or grow the volume.", spec.storage));
    }
    let (low, high) = (least.copied().unwrap_or(Bytes::mib(80)), most.copied().unwrap_or(Bytes::gib(1)));
    if (least.is_some() || most.is_some()) && low >= high {
        let name = if least.is_some() { "min_wal_size" } else { "max_wal_size" };
        return no(name, format!("{} is not below {}.", said("min_wal_size", "80MB"), said("max_wal_size", "1GB")));
    }
    None
}

/// An amount as CloudNativePG's webhook reads it: in MB where no unit is said, whatever PostgreSQL counts that parameter in.
fn amount(text: &str) -> Option<Bytes> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{text}Mi").parse().ok();
    }
    let text = text.strip_suffix('B')?.replace(' ', "");
    match text.strip_suffix('k') {
        Some(digits) => format!("{digits}Ki").parse().ok(),
        None if text.ends_with(['M', 'G', 'T']) => format!("{text}i").parse().ok(),
        None => text.parse::<u64>().ok().map(Bytes::from),
    }
}

impl Form {
    /// As PostgreSQL reads it, and rather too much than too little.
    fn fits(self, value: &str) -> bool {
        let (number, unit) = split(value.trim());
        match self {
            Self::Memory => number && ["", "B", "kB", "MB", "GB", "TB"].contains(&unit),
            Self::Time => number && ["", "us", "ms", "s", "min", "h", "d"].contains(&unit),
            Self::Number => number && unit.is_empty(),
            Self::Boolean => {
                let value = value.to_ascii_lowercase();
                let starts = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
                ["true", "false", "yes", "no", "1", "0"].iter().any(|word| starts(word, 1)) || ["on", "off"].iter().any(|word| starts(word, 2))
            }
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Memory => "a number with B, kB, MB, GB or TB, as in 64MB",
            Self::Time => "a number with us, ms, s, min, h or d, as in 30s",
            Self::Number => "a number",
            Self::Boolean => "on or off",
        }
    }
}

/// Whether it begins with a number (decimal, with an exponent, or `0x…`), and what follows that.
fn split(value: &str) -> (bool, &str) {
    let digits = value.trim_start_matches(['+', '-']);
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        let rest = hex.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        return (rest.len() < hex.len(), rest.trim_start());
    }
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let (mantissa, mut rest) = digits.split_at(end);
    let exponent = rest.strip_prefix(['e', 'E']).map(|rest| rest.trim_start_matches(['+', '-']));
    if let Some(exponent) = exponent.filter(|exponent| exponent.starts_with(|c: char| c.is_ascii_digit())) {
        rest = exponent.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    (mantissa.parse::<f64>().is_ok(), rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::version::Major;

    /// Parameters, and which of them is refused.
    type Case = (&'static [(&'static str, &'static str)], Option<&'static str>);

    /// Which of these parameters is refused for one micro instance (512Mi) with 10Gi, if one is.
    fn check(parameters: &[(&str, &str)]) -> Option<String> {
        let mut spec = Spec::new(&"orders".parse().expect("a name"), Major::V17);
        spec.parameters.0 = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        refused(&spec).map(|(name, _)| name)
    }

    #[test]
    fn what_the_webhook_refuses_is_refused_before() {
        let all: [Case; 22] = [
            (&[("shared_buffers", "128MB")], None),
            (&[("shared_buffers", "128 MB")], None),
            (&[("shared_buffers", "0.25GB")], None),
            (&[("shared_buffers", "134217728B")], None),
            (&[("shared_buffers", "256")], None),
            (&[("shared_buffers", "16384")], Some("shared_buffers")),
            (&[("shared_buffers", "1GB")], Some("shared_buffers")),
            (&[("shared_buffers", "1G")], Some("shared_buffers")),
            (&[("shared_buffers", " 128")], Some("shared_buffers")),
            (&[("shared_buffers", "0x4000")], Some("shared_buffers")),
            (&[("min_wal_size", "512MB")], None),
            (&[("min_wal_size", "2GB")], Some("min_wal_size")),
            (&[("min_wal_size", "1024")], Some("min_wal_size")),
            (&[("max_wal_size", "64MB")], Some("max_wal_size")),
            (&[("min_wal_size", "2GB"), ("max_wal_size", "4GB")], None),
            (&[("max_wal_size", "10GB")], Some("max_wal_size")),
            (&[("max_wal_size", "4Gi")], Some("max_wal_size")),
            (&[("hot_standby_feedback", "ON")], None),
            (&[("hot_standby_feedback", "tru")], None),
            (&[("hot_standby_feedback", "o")], Some("hot_standby_feedback")),
            (&[("sync_replication_slots", "enabled")], Some("sync_replication_slots")),
            (&[("archive_something", "enabled")], None),
        ];
        for (parameters, expect) in all {
            assert_eq!(check(parameters).as_deref(), expect, "{parameters:?}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_told_and_everything_that_postgresql_reads_passes() {
        let taken = [
            ("work_mem", "64MB"),
            ("work_mem", "65536"),
            ("work_mem", "1.5 GB"),
            ("work_mem", "0x1000kB"),
            ("work_mem", "1e5"),
            ("temp_file_limit", "-1"),
            ("statement_timeout", "30s"),
            ("statement_timeout", "0"),
            ("log_min_duration_statement", "-1"),
            ("lock_timeout", "1.5min"),
            ("random_page_cost", "1.1"),
            ("random_page_cost", "1e0"),
            ("jit", "off"),
            ("jit", "F"),
            ("synchronous_commit", "banana"),
        ];
        for (name, value) in taken {
            assert_eq!(check(&[(name, value)]), None, "{name} = {value}");
        }
        let slips = [
            ("work_mem", "banana"),
            ("work_mem", "64 mb"),
            ("work_mem", "64M"),
            ("work_mem", ""),
            ("work_mem", "."),
            ("statement_timeout", "30sec"),
            ("random_page_cost", "1,1"),
            ("random_page_cost", "4kB"),
            ("jit", "maybe"),
            ("jit", ""),
        ];
        for (name, value) in slips {
            assert_eq!(check(&[(name, value)]).as_deref(), Some(name), "{name} = {value}");
        }
    }
}
