//! Flags and variables.

use std::path::PathBuf;

/// Where the portal listens and keeps its things.
#[derive(Debug, Clone, clap::Args)]
pub struct Serve {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, env = "HOWDAH_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Folder of everything that the portal keeps.
    #[arg(long, env = "HOWDAH_DATA")]
    pub data: Option<PathBuf>,
    /// The portal's own database; none: a private PostgreSQL under the data folder.
    #[arg(long, env = "DATABASE_URL")]
    pub database_url: Option<String>,
}
