//! Flags and variables.

use std::path::PathBuf;

pub mod places;

/// Flags of `howdah serve`.
#[derive(Debug, Clone, clap::Args)]
pub struct Serve {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, env = "HOWDAH_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: std::net::SocketAddr,

    /// URL under which people reach the portal [default: http://ADDRESS].
    #[arg(long, env = "HOWDAH_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// How log lines are written.
    #[arg(long, env = "HOWDAH_LOG", value_enum, default_value_t = Log::Text)]
    pub log: Log,

    /// Kubernetes clusters to create clusters in: a place for each context of the file. May be given more than once.
    #[arg(long, env = "HOWDAH_KUBECONFIG", value_name = "FILE", value_delimiter = ':')]
    pub kubeconfig: Vec<PathBuf>,

    /// A file that says more about places (TOML).
    #[arg(long, env = "HOWDAH_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Whether clusters can be created on this machine [default: auto: unless the portal runs in a pod].
    #[arg(long, env = "HOWDAH_LOCAL", value_enum)]
    pub local: Option<places::Here>,

    /// Where the portal keeps its things.
    #[command(flatten)]
    pub state: State,
}

/// Where the portal keeps its things: the same for `serve`, `token` and `link`.
#[derive(Debug, Clone, clap::Args)]
pub struct State {
    /// Folder of everything that the portal keeps [default: /var/lib/howdah for root, else ~/.local/share/howdah].
    #[arg(long, env = "HOWDAH_DATA", value_name = "FOLDER")]
    pub data: Option<PathBuf>,

    /// The portal's own database [default: a private PostgreSQL under the data folder].
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// PostgreSQL installs, or folders of installs, separated by colons; /usr/lib/postgresql is always looked into.
    #[arg(long = "postgres", env = "HOWDAH_POSTGRES", value_name = "FOLDERS")]
    pub postgres: Option<std::ffi::OsString>,

    /// The operating system's user that PostgreSQL runs as, since it refuses root [default: postgres for root, else yourself].
    #[arg(long, env = "HOWDAH_RUN_AS", value_name = "USER")]
    pub run_as: Option<String>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Log {
    /// For programs.
    Json,
    /// For people.
    Text,
}

impl State {
    /// The data folder.
    pub fn folder(&self) -> PathBuf {
        let given = self.data.clone().filter(|folder| !folder.as_os_str().is_empty());
        given.unwrap_or_else(|| if is_root() { PathBuf::from("/var/lib/howdah") } else { own_data().join("howdah") })
    }

    /// The URL of the database, if one was given. An empty variable is none.
    pub fn database(&self) -> Option<&str> {
        self.database_url.as_deref().filter(|url| !url.is_empty())
    }

    /// Folders to look for PostgreSQL in, the chosen ones first. Each is an install or holds installs.
    pub fn installs(&self) -> Vec<PathBuf> {
        let chosen = self.postgres.iter().flat_map(std::env::split_paths).filter(|folder| !folder.as_os_str().is_empty());
        chosen.chain([PathBuf::from("/usr/lib/postgresql")]).collect()
    }

    /// The user that PostgreSQL runs as; none: whoever runs the portal.
    pub fn run_as(&self) -> Option<String> {
        let given = self.run_as.clone().filter(|user| !user.is_empty());
        given.or_else(|| is_root().then(|| "postgres".to_owned()))
    }
}

fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

fn own_data() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variable("HOME").unwrap_or_else(|| PathBuf::from("."));
    variable("XDG_DATA_HOME").unwrap_or_else(|| home().join(".local/share"))
}

fn public_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(url.to_owned()),
        Some(_) => Err("a URL without a path, as in https://db.example.org".into()),
        None => Err("a URL begins with http:// or https://".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_kept_without_its_last_slash() {
        assert_eq!(public_url("https://db.example.org/").as_deref(), Ok("https://db.example.org"));
        assert!(public_url("db.example.org").is_err());
        assert!(public_url("https://db.example.org/portal").is_err());
    }

    #[test]
    fn chosen_installs_come_before_the_usual_place() {
        let state = State { data: None, database_url: Some(String::new()), postgres: Some("/opt/pg17:/opt/more".into()), run_as: None };
        assert_eq!(state.installs(), ["/opt/pg17", "/opt/more", "/usr/lib/postgresql"].map(PathBuf::from));
        assert_eq!(state.database(), None);
    }
}
