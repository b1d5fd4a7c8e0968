//! Log lines on standard error and the portal's own measurements.

use crate::config::Log;
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Chatty libraries are told to mind their own business; `RUST_LOG` overrules it. PostgreSQL's notices are among that: of a transaction that was given up
/// while it began it remarks that there is none.
const FILTER: &str = "info,sqlx=warn,sqlx::postgres::notice=error,sqlx_core=error,tower_sessions_core=error,tower_sessions=error,hyper=warn";

/// Logs to standard error from here on.
pub fn log(how: Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only when somebody else logs already, as in a test: then there is nothing to do.
    let _ = match how {
        Log::Json => lines.json().flatten_event(true).try_init(),
        Log::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}

/// Measures from here on; the handle renders the measurements as Prometheus text.
pub fn measure() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".into()), &[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0])
        .context("the buckets of histograms")?;
    let handle = builder.install_recorder().context("installing the recorder of metrics")?;
    metrics::describe_counter!("howdah_http_requests_total", "Requests answered, by method and status.");
    metrics::describe_histogram!("howdah_http_request_duration_seconds", "Seconds until a request was answered.");
    metrics::describe_counter!("howdah_passes_total", "Passes of the reconciler, by how they ended.");
    metrics::describe_histogram!("howdah_pass_duration_seconds", "Seconds that a pass of the reconciler took.");
    metrics::describe_gauge!("howdah_passes_running", "Passes of the reconciler under way.");
    metrics::gauge!("howdah_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}
