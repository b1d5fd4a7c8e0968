//! The command line.

fn main() -> std::process::ExitCode {
    server::cli::run()
}
