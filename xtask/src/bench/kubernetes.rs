//! On Kubernetes: from a wish to its object, from a change to the browser, and what clusters cost of which nothing is wanted. All at a kube-apiserver of
//! this machine; `server/examples/kubernetes` plays the operator, and one PostgreSQL every primary.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use super::portal::Portal;
use super::{Goal, Row, Series};
use crate::kubernetes;
use crate::run::target;

const WISHES: usize = 20;
/// Each is two: a pod stops being ready, and is again.
const CHANGES: usize = 60;
/// After a change, ways to primaries stay open for two minutes.
const CALM: Duration = Duration::from_secs(150);
/// As long as the portal leaves an idle cluster alone: each is looked at once meanwhile.
const IDLE: Duration = Duration::from_secs(900);

/// All rows; none, with a line about it, where there is no API server to be had. `idle`: numbers of clusters.
pub fn rows(idle: &[usize]) -> Result<Vec<Row>> {
    kubernetes::build()?;
    let tools = target()?.join("kubernetes");
    if !tools.join("built-from").is_file() {
        eprintln!("skipped: the rows about Kubernetes, which need an API server; with Go 1.25 in PATH, the bench builds one");
        return Ok(Vec::new());
    }
    let mut beside = Beside::start(&tools)?;
    let portal = Portal::elsewhere(&beside.kubeconfig)?;
    beside.meet(&portal)?;
    let mut rows = wishes(&mut beside, &portal)?;
    for (round, &count) in idle.iter().enumerate() {
        eprintln!("{count} clusters are made, which takes a while");
        let seconds = beside.say(&format!("grow {count}"))?;
        eprintln!("{count} clusters are as wished for after {seconds} s");
        if round == 0 {
            rows.extend(changes(&mut beside, count)?);
        }
        beside.say("leave")?;
        rows.extend(idling(&mut beside, &portal, count)?);
        beside.meet(&portal)?;
    }
    drop(portal);
    Ok(rows)
}

fn wishes(beside: &mut Beside, portal: &Portal) -> Result<Vec<Row>> {
    let (mut ours, mut bare, mut kubectl) = (Series::default(), Series::default(), Series::default());
    let file = portal.folder.join("object.json");
    beside.say(&format!("apply {}", file.display()))?;
    let by_hand = Kubectl::find();
    // The first of each warms up and is not counted.
    for round in 0..=WISHES {
        let (portal, plain) = pair(&beside.say("wish")?)?;
        let mut told = format!("wish to object: {portal:.1} ms, bare apply {plain:.1} ms");
        if round > 0 {
            ours.add(portal);
            bare.add(plain);
        }
        if let Some(by_hand) = &by_hand {
            let took = by_hand.apply(beside, &file)?;
            told += &format!(", kubectl apply {took:.1} ms");
            if round > 0 {
                kubectl.add(took);
            }
        }
        eprintln!("{told}");
    }
    let mut rows = vec![Row::compare("wish to object, against bare apply", "ms", &ours, &bare, Goal::AtMost(1.5))];
    if !kubectl.0.is_empty() {
        rows.push(Row::compare("wish to object, against kubectl apply", "ms", &ours, &kubectl, Goal::AtMost(1.0)));
    }
    Ok(rows)
}

/// A kubectl.
struct Kubectl(Vec<String>);

impl Kubectl {
    /// None, with a line about it, where there is none.
    fn find() -> Option<Self> {
        let words: Vec<String> = env::var("KUBECTL").unwrap_or_else(|_| "kubectl".into()).split_whitespace().map(str::to_owned).collect();
        let found = Self(words);
        if !found.run().ok()?.args(["version", "--client"]).output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: the row about kubectl, which is not in PATH; KUBECTL may name one");
            return None;
        }
        Some(found)
    }

    fn run(&self) -> Result<Command> {
        let (program, more) = self.0.split_first().context("KUBECTL is empty")?;
        let mut command = Command::new(program);
        command.args(more);
        Ok(command)
    }

    /// Milliseconds from its start to the object.
    fn apply(&self, beside: &mut Beside, file: &Path) -> Result<f64> {
        let started = SystemTime::now();
        let mut apply = self.run()?;
        apply.args(["apply", "--server-side", "--field-manager", "bench", "--kubeconfig"]).arg(&beside.kubeconfig).arg("--filename").arg(file);
        let output = apply.output()?;
        if !output.status.success() {
            bail!("kubectl: {}", String::from_utf8_lossy(&output.stderr));
        }
        let seen: f64 = beside.say("seen")?.parse()?;
        Ok(seen - started.duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1000.0)
    }
}

fn changes(beside: &mut Beside, count: usize) -> Result<Vec<Row>> {
    let mut took = Series::default();
    for _ in 0..CHANGES {
        let (down, up) = pair(&beside.say("change")?)?;
        eprintln!("pod to browser: {down:.0} ms, and back {up:.0} ms");
        took.add(down);
        took.add(up);
    }
    let row = |part: &str, ours, reference, goal| Row { name: format!("pod to browser, of {count}, {part}"), unit: "ms", ours, reference, goal, noise: None };
    Ok(vec![row("p50", took.median(), None, Goal::None), row("p99", took.quantile(0.99), Some(250.0), Goal::AtMost(1.0))])
}

fn idling(beside: &mut Beside, portal: &Portal, count: usize) -> Result<Vec<Row>> {
    sleep(CALM);
    let before = beside.say("versions")?;
    let (started, window) = (processor(portal)?, SystemTime::now());
    eprintln!("{count} clusters are left alone for {} minutes", IDLE.as_secs() / 60);
    sleep(IDLE);
    let spent = (processor(portal)? - started) / window.elapsed()?.as_secs_f64() * 100.0;
    if beside.say("versions")? != before {
        bail!("objects of idle clusters were written");
    }
    let row = |what: &str, unit, ours, limit| {
        let name = format!("{count} idle clusters, {what}");
        Row { name, unit, ours, reference: Some(limit), goal: Goal::AtMost(1.0), noise: None }
    };
    Ok(vec![
        Row { name: format!("{count} idle clusters, writes"), unit: "", ours: 0.0, reference: None, goal: Goal::None, noise: None },
        row("of a core", "%", spent, 5.0),
        row("memory", "MB", memory(portal)?, 300.0),
    ])
}

/// Seconds of processor time.
fn processor(portal: &Portal) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{}/stat", portal.pid()))?;
    let fields: Vec<&str> = text.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("stat")?.parse()?) };
    // utime and stime, in hundredths of a second on every Linux.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Resident megabytes.
fn memory(portal: &Portal) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{}/status", portal.pid()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0 / 1e6)
}

fn pair(line: &str) -> Result<(f64, f64)> {
    let (one, other) = line.split_once(' ').context("two figures")?;
    Ok((one.parse()?, other.parse()?))
}

/// The program that has the API server, ended when dropped.
struct Beside {
    process: Child,
    tell: Option<ChildStdin>,
    said: Lines<BufReader<ChildStdout>>,
    kubeconfig: PathBuf,
}

impl Beside {
    fn start(tools: &Path) -> Result<Self> {
        let mut command = Command::new(target()?.join("release/examples/kubernetes"));
        let mut process = command.arg(tools).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting the example kubernetes")?;
        let tell = process.stdin.take();
        let said = BufReader::new(process.stdout.take().context("its output")?).lines();
        let mut beside = Self { process, tell, said, kubeconfig: PathBuf::new() };
        let line = beside.line()?;
        beside.kubeconfig = line.strip_prefix("ready ").with_context(|| format!("it said {line:?}"))?.into();
        Ok(beside)
    }

    /// Which portal is meant.
    fn meet(&mut self, portal: &Portal) -> Result<()> {
        self.say(&format!("portal http://{} {} {}", portal.host, portal.token("beside")?, portal.session()?)).map(drop)
    }

    fn say(&mut self, line: &str) -> Result<String> {
        writeln!(self.tell.as_mut().context("its input")?, "{line}").with_context(|| line.to_owned())?;
        self.line().with_context(|| line.split(' ').next().unwrap_or_default().to_owned())
    }

    fn line(&mut self) -> Result<String> {
        Ok(self.said.next().context("the example kubernetes ended")??)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.tell.take());
        let _ended = self.process.wait();
    }
}
