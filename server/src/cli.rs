//! The command line: what can be asked, and the exit code that answers.

use crate::{
    config::{Serve, State},
    store::access::Known,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use client::{Client, Failure};
use domain::Role;
use std::{future::Future, io::Write, path::PathBuf, process::ExitCode, time::Duration};

mod apply;
mod client;
mod get;
mod output;
mod places;
mod psql;

const EXAMPLES: &str = "\
Examples:
  howdah serve
  export HOWDAH_TOKEN=$(howdah token create --name me)
  howdah apply -f orders.yaml --wait
  howdah get
  howdah get orders -o yaml
  howdah status orders
  howdah psql orders shop
  howdah delete orders

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not found, 4 the portal cannot be reached.";

/// PostgreSQL clusters on this machine and on Kubernetes, from the browser or from here.
#[derive(Debug, Parser)]
#[command(name = "howdah", version, about, after_help = EXAMPLES, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the portal
    #[command(after_help = "Examples:\n  howdah serve\n  howdah serve --listen 127.0.0.1:0 --data ~/howdah")]
    Serve(Serve),
    /// API tokens, on the machine of the portal
    Token {
        #[command(subcommand)]
        command: Token,
    },
    /// Print a fresh sign-in link, on the machine of the portal
    #[command(after_help = "Examples:\n  howdah link --data ~/howdah\n  howdah link --role viewer")]
    Link {
        /// How far whoever signs in by it may go: viewer, operator or admin
        #[arg(long, default_value = "admin", value_parser = parse_role)]
        role: Role,
        #[command(flatten)]
        state: State,
    },
    /// Make a cluster what a Postgres document says; creates it if there is none of its name
    #[command(
        after_help = "Examples:\n  howdah apply -f orders.yaml\n  howdah apply -f orders.yaml --dry-run\n  cat orders.yaml | howdah apply -f - --wait --timeout 2m"
    )]
    Apply(Apply),
    /// List clusters, or show one
    #[command(
        after_help = "Examples:\n  howdah get\n  howdah get orders\n  howdah get orders -o yaml > orders.yaml    the document that apply takes\n  howdah get -o json | jq '.[].status'"
    )]
    Get {
        /// Its name, uuid or title; none: all
        name: Option<String>,
        #[command(flatten)]
        portal: Portal,
        #[command(flatten)]
        format: Format,
    },
    /// How a cluster is: instances, lag, addresses, conditions
    #[command(after_help = "Examples:\n  howdah status orders\n  howdah status orders -o json | jq .nodes")]
    Status {
        /// Its name, uuid or title
        name: String,
        #[command(flatten)]
        portal: Portal,
        #[command(flatten)]
        format: Format,
    },
    /// List the places where clusters can be created, or show one
    #[command(after_help = "Examples:\n  howdah places\n  howdah places frankfurt")]
    Places {
        /// Its name; none: all
        name: Option<String>,
        #[command(flatten)]
        portal: Portal,
        #[command(flatten)]
        format: Format,
    },
    /// List the users of a cluster
    Users {
        /// Its name, uuid or title
        name: String,
        #[command(flatten)]
        portal: Portal,
        #[command(flatten)]
        format: Format,
    },
    /// List the databases of a cluster
    Databases {
        /// Its name, uuid or title
        name: String,
        #[command(flatten)]
        portal: Portal,
        #[command(flatten)]
        format: Format,
    },
    /// Open psql on the primary of a cluster, with the portal's certificate authority
    #[command(after_help = "Examples:\n  howdah psql orders\n  howdah psql orders shop --user app\n  PGPASSWORD=… howdah psql orders shop -- -c 'select 1'")]
    Psql(Psql),
    /// Delete a cluster and its data
    #[command(after_help = "Examples:\n  howdah delete orders          asks to type the name\n  howdah delete orders --yes")]
    Delete {
        /// Its name, uuid or title
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        portal: Portal,
    },
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Make a token and print it alone on stdout
    #[command(after_help = "Example:\n  export HOWDAH_TOKEN=$(howdah token create --name ci --role operator)")]
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// How far it reaches: viewer, operator or admin
        #[arg(long, default_value = "admin", value_parser = parse_role)]
        role: Role,
        #[command(flatten)]
        state: State,
    },
    /// List tokens: what they are for, how far they reach, when they were last used
    List(State),
    /// End every token of a name: within five seconds who holds one is refused
    #[command(after_help = "Example:\n  howdah token revoke ci")]
    Revoke {
        /// What it was called
        name: String,
        #[command(flatten)]
        state: State,
    },
}

/// Where the portal is, and who asks.
#[derive(Debug, Args)]
struct Portal {
    /// Address of the portal
    #[arg(long, env = "HOWDAH_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// API token, from `howdah token create`
    #[arg(long, env = "HOWDAH_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Debug, Args)]
struct Format {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
    Yaml,
}

#[derive(Debug, Args)]
struct Apply {
    /// The document; - reads it from stdin
    #[arg(short, long)]
    file: PathBuf,
    /// Where a new cluster is created, as in `howdah places`; none: as the document says
    #[arg(long)]
    place: Option<domain::PlaceName>,
    /// Wait until it is reached, or say why it is not
    #[arg(long)]
    wait: bool,
    /// How long to wait, as in 90s, 5m
    #[arg(long, default_value = "5m", value_parser = parse_duration, requires = "wait")]
    timeout: Duration,
    /// Only check it and say what it would do
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    portal: Portal,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct Psql {
    /// Name, uuid or title of the cluster
    name: String,
    /// The database; none: the only one that the cluster has
    database: Option<String>,
    /// The user; none: the owner of the database
    #[arg(short = 'U', long)]
    user: Option<String>,
    /// Handed on to psql
    #[arg(last = true)]
    args: Vec<String>,
    #[command(flatten)]
    portal: Portal,
}

/// Reads the arguments, does what they ask, answers the exit code.
pub fn run() -> ExitCode {
    // Absent already, or ours: both will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Failure::USAGE } else { 0 });
        }
    };
    match dispatch(cli.command) {
        Ok(text) => {
            // A reader that has seen enough, as in `| head`, is no failure.
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("howdah: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn dispatch(command: Command) -> Result<String, Failure> {
    match command {
        Command::Serve(config) => wait(crate::serve::serve(config)).map(|()| String::new()),
        Command::Token { command: Token::Create { name, role, state } } => wait(crate::serve::create_token(state, name, role)).map(line),
        Command::Token { command: Token::List(state) } => wait(crate::serve::tokens(state)).map(|tokens| listed(&tokens)),
        Command::Token { command: Token::Revoke { name, state } } => match wait(crate::serve::revoke_tokens(state, name.clone()))? {
            0 => Err(Failure::NotFound(format!("There is no token called {name}."))),
            1 => Ok(format!("{name} is revoked\n")),
            n => Ok(format!("{n} tokens called {name} are revoked\n")),
        },
        Command::Link { role, state } => wait(crate::serve::create_link(state, role)).map(line),
        Command::Apply(asked) => ask(&asked.portal, async |client| apply::apply(client, &asked).await),
        Command::Get { name, portal, format } => ask(&portal, async |client| get::get(client, name.as_deref(), format.output).await),
        Command::Status { name, portal, format } => ask(&portal, async |client| get::status(client, &name, format.output).await),
        Command::Places { name, portal, format } => ask(&portal, async |client| places::show(client, name.as_deref(), format.output).await),
        Command::Users { name, portal, format } => ask(&portal, async |client| get::users(client, &name, format.output).await),
        Command::Databases { name, portal, format } => ask(&portal, async |client| get::databases(client, &name, format.output).await),
        Command::Psql(asked) => ask(&asked.portal, async |client| psql::command(client, &asked).await).and_then(psql::exec),
        Command::Delete { name, yes, portal } => ask(&portal, async |client| apply::delete(client, &name, yes).await),
    }
}

/// Does what only works on the machine of the portal.
fn wait<T>(work: impl Future<Output = anyhow::Result<T>>) -> Result<T, Failure> {
    let refused = |error: anyhow::Error| Failure::Refused(format!("{error:#}"));
    tokio::runtime::Runtime::new().map_err(|error| refused(error.into()))?.block_on(work).map_err(refused)
}

/// Asks a portal over REST.
fn ask<T>(portal: &Portal, work: impl AsyncFnOnce(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| Failure::Refused(error.to_string()))?;
    let client = Client::new(&portal.url, portal.token.as_deref().unwrap_or_default())?;
    runtime.block_on(work(&client))
}

fn listed(tokens: &[Known]) -> String {
    if tokens.is_empty() {
        return "There is no token yet: howdah token create --name NAME makes one.\n".into();
    }
    let row = |token: &Known| {
        let used = token.used_at.map_or_else(|| "never".into(), |at| at.to_string());
        vec![token.name.clone(), token.role.to_string(), token.created_at.to_string(), used]
    };
    output::table(&["NAME", "ROLE", "CREATED", "LAST USED"], &tokens.iter().map(row).collect::<Vec<_>>())
}

fn line(text: String) -> String {
    text + "\n"
}

fn parse_role(text: &str) -> Result<Role, &'static str> {
    text.parse()
}

fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|seconds| (1..=86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or("A time as in 90s, 5m or 1h, at most a day.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(parse_duration(text).ok(), expect.map(Duration::from_secs), "{text}");
        check("90", Some(90));
        check("90s", Some(90));
        check("5m", Some(300));
        check("1h", Some(3600));
        for wrong in ["", "m", "0", "5x", "-1", "99999999999999999999", "25h"] {
            check(wrong, None);
        }
    }
}
