//! The command line.

/// A third of the work on a page is memory that lives for a millisecond, which the allocator of the C library is slow at.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    server::cli::run()
}
