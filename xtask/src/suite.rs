//! Runs named steps one after the other, all of them even when one fails, and closes with one summary.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

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

/// What failed is told again at the end: it scrolled away long ago.
fn tests() -> Result<()> {
    let mut tests = cargo();
    tests.arg("test").args(TESTED).arg("--no-fail-fast").stdout(Stdio::piped());
    let mut child = tests.spawn().context("starting cargo test")?;
    let mut failures = Failures::default();
    for line in BufReader::new(child.stdout.take().context("its output")?).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        failures.read(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("cargo test: {status}\n{}", failures.told);
    }
    Ok(())
}

/// Where the tests of a run failed, and the first words of why.
#[derive(Default)]
struct Failures {
    told: String,
    more: u8,
}

impl Failures {
    fn read(&mut self, line: &str) {
        const WORDS: u8 = 4;
        if line.starts_with("thread '") && line.contains("panicked at") {
            self.more = WORDS;
        } else if line.starts_with("stack backtrace") || line.starts_with("note: ") || line.is_empty() {
            self.more = 0;
        }
        if self.more > 0 {
            self.more -= 1;
            self.told += &format!("  {line}\n");
        } else if line.starts_with("test ") && line.ends_with(" FAILED") {
            self.told += &format!("  {line}\n");
        }
    }
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

#[cfg(test)]
mod tests {
    use super::Failures;

    #[test]
    fn failures_are_told_with_their_first_words() {
        let mut failures = Failures::default();
        let output = "test a ... ok\ntest b ... FAILED\n\n---- b stdout ----\nset up\nthread 'b' (7) panicked at tests/b.rs:1:2:\nassertion failed\n  left: 1\n right: 2\nmore\nstack backtrace:\n   0: main\ntest result: FAILED. 1 passed";
        output.lines().for_each(|line| failures.read(line));
        let told = "  test b ... FAILED\n  thread 'b' (7) panicked at tests/b.rs:1:2:\n  assertion failed\n    left: 1\n   right: 2\n";
        assert_eq!(failures.told, told);
    }
}
