//! The build driver, called by `./dev`: turns sources into the folder of assets and the server binary, and runs,
//! checks, tests and measures the result. It installs nothing; that is `./dev`'s part.

mod bench;
mod check;
mod css;
mod kubernetes;
mod precompress;
mod run;
mod site;
mod suite;
mod up;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds and runs Howdah.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the assets and the server binary.
    Build {
        /// One self-contained binary, `target/release/howdah`.
        #[arg(long)]
        release: bool,
    },
    /// Build only the folder of assets, `target/site`.
    Site {
        /// Small and precompressed.
        #[arg(long)]
        release: bool,
    },
    /// Build and run the portal; further arguments go to `howdah serve`.
    Up {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Formatting, lints, licences and the shape of the tree.
    Check,
    /// `check`, then every test, then the browser suite.
    Test {
        /// Only the steps whose name contains this word.
        only: Option<String>,
    },
    /// Measure, side by side with the same work done by hand.
    Bench(bench::Wanted),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Build { release: true } => up::build_release(),
        Task::Build { release: false } => up::build_dev(),
        Task::Site { release: true } => site::build(wasm::Variant::Small),
        Task::Site { release: false } => site::build(wasm::Variant::Fast),
        Task::Up { args } => up::up(&args),
        Task::Check => suite::run_all(&check::steps()),
        Task::Test { only } => suite::run_all(&suite::all(only.as_deref())),
        Task::Bench(wanted) => bench::run(&wanted),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a backtrace of this program: it would push what matters, the lines before, off the screen.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
