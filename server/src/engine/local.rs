//! Real PostgreSQL processes on this machine.

use super::*;
/// seam
#[derive(Clone)]
pub struct LocalConfig {
    /// r
    pub root: std::path::PathBuf,
    /// i
    pub installs: Vec<std::path::PathBuf>,
    /// r
    pub run_as: Option<String>,
}
/// seam
pub struct Local;
impl Local {
    /// seam
    pub async fn open(_: LocalConfig) -> anyhow::Result<std::sync::Arc<dyn Engine>> {
        anyhow::bail!("no engine")
    }
}
