//! Requests a second: the cluster page of somebody signed in, and one instance over REST, against a bare server that reads the same rows.
//!
//! The portal lets one actor ask 200 times a second, so the load comes from many tokens and many sessions, on both sides.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::http::ask;
use super::portal::{Portal, newest, ready, stop};
use super::{Goal, Row, Series};
use crate::run::target;

const ROUNDS: usize = 5;
const SECONDS: usize = 3;
const CONNECTIONS: usize = 16;
/// Each may ask 200 times a second and 400 times at once.
const TOKENS: usize = 80;
const SESSIONS: usize = 24;

/// What wrk runs: request after request, each in the name of the next actor.
const SCRIPT: &str = r#"
local all, n = {}, 0
function init()
    for _, value in ipairs(VALUES) do all[#all + 1] = wrk.format("GET", PATH, { [NAME] = value }) end
end
function request() n = n % #all + 1; return all[n] end
function done(summary)
    local e = summary.errors
    io.write(string.format("\nRATE %.1f ERRORS %d\n", summary.requests / summary.duration * 1e6, e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// Page and REST.
pub fn rows(portal: &Portal) -> Result<Vec<Row>> {
    let (major, _) = newest(portal)?;
    let id = portal.create("load", 3, &major)?;
    let name = portal.until(&id, |cluster| (cluster["status"] == "ACTIVE").then(|| cluster["resource_name"].as_str().unwrap_or_default().to_owned()))?;
    let tokens = (0..TOKENS).map(|n| Ok(format!("Bearer {}", portal.token(&format!("load {n}"))?))).collect::<Result<Vec<_>>>()?;
    let sessions = (0..SESSIONS).map(|_| portal.session()).collect::<Result<Vec<_>>>()?;
    let page = format!("/clusters/{name}");
    let seen = ask(&portal.host, "GET", &page, &format!("Cookie: {}", sessions[0]), "")?;
    if seen.status != 200 {
        bail!("{page} answered {}", seen.status);
    }
    let bare = Bare::start(portal)?;
    let load = |file: &str, header, values: &[String], path: &str| Load::write(portal.folder.join(file), header, values, path);
    let rest = load("rest.lua", "Authorization", &tokens, &format!("/v1/postgres/instances/{id}"))?;
    let bare_rest = load("bare-rest.lua", "Authorization", &tokens, &format!("/instances/{id}"))?;
    let html = load("page.lua", "Cookie", &sessions, &page)?;
    let bare_html = load("bare-page.lua", "Cookie", &sessions, &format!("/page/{id}?bytes={}", seen.body.len()))?;
    Ok(vec![
        compare("cluster page", &[(&portal.host, &html), (&bare.host, &bare_html)], 0.5)?,
        compare("GET instance", &[(&portal.host, &rest), (&bare.host, &bare_rest)], 0.8)?,
    ])
}

fn compare(name: &'static str, sides: &[(&str, &Load); 2], bound: f64) -> Result<Row> {
    let mut series = [Series::default(), Series::default()];
    for round in 0..=ROUNDS {
        for ((host, load), series) in sides.iter().zip(&mut series) {
            let rate = load.run(host)?;
            // The first round only warms up.
            if round > 0 {
                series.add(rate);
            }
            eprintln!("{name}: {rate:.0} /s at {host}");
        }
    }
    let [ours, theirs] = series;
    Ok(Row::compare(name, "/s", &ours, &theirs, Goal::AtLeast(bound)))
}

/// A script for wrk.
struct Load(PathBuf);

impl Load {
    fn write(file: PathBuf, header: &str, values: &[String], path: &str) -> Result<Self> {
        let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        fs::write(&file, format!("local PATH, NAME, VALUES = {path:?}, {header:?}, {{ {} }}\n{SCRIPT}", quoted.join(", ")))?;
        Ok(Self(file))
    }

    /// Requests a second; an error when one of them failed, since refusals are cheap.
    fn run(&self, host: &str) -> Result<f64> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{SECONDS}s"), "-s"]).arg(&self.0).arg(format!("http://{host}/"));
        let output = wrk.output().context("starting wrk (Debian package wrk)")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = said.lines().rev().find(|line| line.starts_with("RATE ")).unwrap_or_default().split(' ').collect();
        match words[..] {
            [_, rate, _, "0"] => Ok(rate.parse()?),
            _ => bail!("{}: requests failed: {said}{}", self.0.display(), String::from_utf8_lossy(&output.stderr)),
        }
    }
}

/// The bare server, stopped when dropped.
struct Bare {
    process: Child,
    host: String,
}

impl Bare {
    fn start(portal: &Portal) -> Result<Self> {
        let mut command = Command::new(target()?.join("release/examples/bare"));
        let process = command.arg(portal.data()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting the bare server")?;
        let mut bare = Self { process, host: String::new() };
        bare.host = ready(&mut bare.process).context("the bare server")?;
        Ok(bare)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        stop(&mut self.process);
    }
}
