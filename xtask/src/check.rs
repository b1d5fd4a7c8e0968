//! What a reader of the tree may take for granted: formatted, no warnings, licences and shape as the tidy test wants.

use crate::run::{cargo, run};
use crate::suite::Step;

/// The steps, quick ones first.
pub fn steps() -> Vec<Step> {
    vec![
        Step::new("format", || run(cargo().args(["fmt", "--all", "--check"]))),
        // Alone, so that the build driver's dependencies keep the features they were just built with.
        Step::new("tidy", || run(cargo().args(["test", "--package", "xtask"]))),
        // Without `frontend`: leptos cannot be built for the server and for the browser at once.
        Step::new("lints", || run(cargo().args(["clippy", "--workspace", "--exclude", "frontend"]).args(["--all-targets", "--", "--deny", "warnings"]))),
        Step::new("lints-browser", || {
            run(cargo().args(["clippy", "--package", "frontend"]).args(["--target", "wasm32-unknown-unknown"]).args(["--", "--deny", "warnings"]))
        }),
    ]
}
