//! The portal process: starts its parts and joins them.

use crate::config::Serve;
use domain::Role;

/// Serves until it is told to stop.
pub async fn serve(_: Serve) -> anyhow::Result<()> {
    anyhow::bail!("this build has no portal")
}

/// Makes an API token and returns it in clear, once.
pub async fn create_token(_: Serve, _name: String, _role: Role) -> anyhow::Result<String> {
    anyhow::bail!("this build has no portal")
}

/// Makes a one-time sign-in link.
pub async fn create_link(_: Serve) -> anyhow::Result<String> {
    anyhow::bail!("this build has no portal")
}
