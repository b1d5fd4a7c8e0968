//! The portal process: starts its parts and joins them.

use crate::config::Serve;

/// Serves until it is told to stop.
pub async fn serve(_: Serve) -> anyhow::Result<()> {
    anyhow::bail!("this build has no portal")
}
