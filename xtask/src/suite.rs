//! Runs named steps one after the other, all of them even when one fails, and closes with one summary.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::run::{cargo, program, run, target};
use crate::wasm::Variant;
use crate::{check, kubernetes, site};

/// Something that passes or fails.
pub struct Step {
    name: &'static str,
    work: fn() -> Result<()>,
}

impl Step {
    /// A step with the name that the summary shows and `cargo xtask test NAME` selects.
    pub fn new(name: &'static str, work: fn() -> Result<()>) -> Self {
        Self { name, work }
    }
}

/// Everything that must hold before a change is taken.
pub fn all(only: Option<&str>) -> Vec<Step> {
    let mut steps = check::steps();
    steps.push(Step::new("kubernetes", kubernetes::build));
    steps.push(Step::new("tests", tests));
    steps.push(Step::new("browser", browser));
    steps.retain(|step| only.is_none_or(|word| step.name.contains(word)));
    steps
}

/// Without `frontend`, as for the lints; without `xtask`, which is tested by the step "tidy".
const TESTED: [&str; 5] = ["--workspace", "--exclude", "frontend", "--exclude", "xtask"];

fn tests() -> Result<()> {
    run(cargo().arg("test").args(TESTED).arg("--no-fail-fast"))
}

/// Playwright against the real binary, with the assets of this very tree.
fn browser() -> Result<()> {
    site::build(Variant::Fast)?;
    // The same packages as the tests, hence the same features: nothing is compiled twice.
    run(cargo().arg("build").args(TESTED).args(["--bin", "howdah"]))?;
    run(program("npm", "end2end").args(["run", "--silent", "check"]))?;
    let binary = target()?.join("debug/howdah");
    run(program("npm", "end2end").args(["test", "--silent"]).env("HOWDAH_BIN", binary))
}

/// Runs them; fails when one of them failed, or when there was none.
pub fn run_all(steps: &[Step]) -> Result<()> {
    let mut lines = String::new();
    let mut failed = 0;
    for step in steps {
        eprintln!("\n== {}", step.name);
        let start = Instant::now();
        let verdict = match (step.work)() {
            Ok(()) => "passed".to_owned(),
            Err(error) => {
                failed += 1;
                format!("FAILED: {error:#}")
            }
        };
        let line = format!("{:<14} {:>8}  {verdict}\n", step.name, minutes(start.elapsed()));
        eprint!("== {line}");
        lines += &line;
    }
    println!("\n{lines}steps: {} passed, {failed} failed", steps.len() - failed);
    if failed > 0 || steps.is_empty() {
        bail!("not everything passed");
    }
    Ok(())
}

fn minutes(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}
