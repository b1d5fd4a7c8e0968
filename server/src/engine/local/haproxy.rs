//! The two addresses of a replicated cluster: HAProxy's configuration (derived, pure), its start, its reload, and what it serves just now.

use super::{
    conf,
    ground::Ground,
    layout::{self, Place},
    observe,
    process::{self, Identity, Launch, Stat},
    world::Routes,
};
use anyhow::{Context, Result, anyhow};
use domain::{ClusterId, status::Reason};
use nix::sys::signal::Signal;
use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::{sleep, timeout},
};

const STATE: &str = "# state ";
const PROGRAM: [&str; 1] = ["haproxy"];

/// The configuration that leads two ports to these routes.
pub fn render(place: &Place, rw: u16, ro: u16, routes: &Routes) -> String {
    let body = body(place, rw, ro, routes);
    let state = serde_json::to_string(routes).unwrap_or_default();
    format!("# Written by Howdah.\n{STATE}{state}\nglobal\n    description {}\n{body}", hash(&body))
}

fn body(place: &Place, rw: u16, ro: u16, routes: &Routes) -> String {
    let mut text = format!(
        "    nbthread 2
    maxconn 4000
    stats socket {} mode 600 level operator
defaults
    mode tcp
    timeout connect 200ms
    timeout client 24d
    timeout server 24d
    retries 1
    option clitcpka
    option srvtcpka
listen rw
    bind 127.0.0.1:{rw}
",
        place.proxy_socket().display()
    );
    let port = |ordinal: &u8| routes.ports.get(ordinal).copied().unwrap_or_default();
    let _ = writeln!(text, "    server {} 127.0.0.1:{}", conf::member(routes.rw), port(&routes.rw));
    let check = "check inter 1s fastinter 200ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions";
    let _ = write!(text, "listen ro\n    bind 127.0.0.1:{ro}\n    balance leastconn\n    option redispatch\n");
    for replica in &routes.ro {
        let _ = writeln!(text, "    server {} 127.0.0.1:{} {check}", conf::member(*replica), port(replica));
    }
    let _ = writeln!(text, "    server {} 127.0.0.1:{} {check} backup", conf::member(routes.rw), port(&routes.rw));
    text
}

fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("howdah-{hash:016x}")
}

fn file(place: &Place) -> PathBuf {
    place.proxy().join("haproxy.cfg")
}

/// What the running process was configured with; none when it does not say, or when the file was changed since.
pub async fn serves(place: &Place, running: bool) -> Option<Routes> {
    let text = fs::read_to_string(file(place)).ok().filter(|_| running)?;
    let routes: Routes = serde_json::from_str(text.lines().find_map(|line| line.strip_prefix(STATE))?).ok()?;
    let mark = super::mark::ClusterMark::read(place).ok()??;
    let (rw, ro) = (mark.rw?, mark.ro?);
    let same = render(place, rw, ro, &routes) == text && description(place).await? == hash(&body(place, rw, ro, &routes));
    same.then_some(routes)
}

/// The description of the configuration that the running process has read.
async fn description(place: &Place) -> Option<String> {
    let ask = async {
        let mut socket = UnixStream::connect(place.proxy_socket()).await.ok()?;
        socket.write_all(b"show info\n").await.ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.ok()?;
        let line = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("description:"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    timeout(Duration::from_secs(2), ask).await.ok().flatten()
}

/// Why the last start failed.
pub fn trouble(place: &Place) -> Option<Reason> {
    serde_json::from_slice(&fs::read(place.proxy().join("trouble.json")).ok()?).ok()
}

/// The running master process.
fn master(place: &Place) -> Result<Option<Identity>> {
    let all = process::under(&place.proxy(), &PROGRAM)?;
    let pids: BTreeSet<i32> = all.iter().map(|p| p.pid).collect();
    Ok(all.into_iter().find(|p| Stat::read(p.pid).is_some_and(|stat| !pids.contains(&stat.parent))))
}

/// Leads the two addresses there: writes the configuration and starts or reloads HAProxy. Sessions that are open stay.
pub async fn route(ground: &Ground, id: ClusterId, rw: u16, ro: u16, routes: &Routes) -> Result<Result<(), Reason>> {
    let place = ground.layout.place(id);
    let installs = ground.installs();
    let Some(program) = &installs.haproxy else { return Ok(Err(super::plan::haproxy_missing())) };
    let account = &ground.layout.account;
    layout::folder(&place.folder, 0o711, None)?;
    layout::folder(&place.proxy(), 0o700, Some(account))?;
    let text = render(&place, rw, ro, routes);
    layout::write(&file(&place), &text, 0o600, Some(account))?;
    let log = place.proxy().join("haproxy.log");
    let process = match master(&place)? {
        Some(running) => {
            running.signal(Signal::SIGUSR2)?;
            running
        }
        None => {
            process::clear(&place.proxy(), &PROGRAM).await?;
            layout::remove(&log)?;
            super::ports::let_go(&ground.ports, [rw, ro]);
            let args = ["-W", "-f"].map(str::to_owned).into_iter().chain([file(&place).display().to_string()]).collect();
            process::start(&Launch { program, args, cwd: &place.proxy(), log: &log, account, cgroups: Vec::new() })?
        }
    };
    let wanted = hash(&body(&place, rw, ro, routes));
    let deadline = Instant::now() + Duration::from_secs(5);
    while description(&place).await.as_ref() != Some(&wanted) {
        if !process.lives() {
            let reason = refusal(&layout::tail(&log, 8 << 10), rw, ro);
            layout::write(&place.proxy().join("trouble.json"), &serde_json::to_string(&reason).context("a reason")?, 0o600, None)?;
            return Ok(Err(reason));
        }
        if Instant::now() > deadline {
            return Err(anyhow!("HAProxy does not take its configuration within 5 s: {}", layout::tail(&log, 500).trim()));
        }
        sleep(Duration::from_millis(10)).await;
    }
    layout::remove(&place.proxy().join("trouble.json"))?;
    Ok(Ok(()))
}

fn refusal(log: &str, rw: u16, ro: u16) -> Reason {
    let line = log.lines().find(|line| line.contains("ALERT")).unwrap_or(log).trim();
    let taken = [rw, ro].into_iter().find(|port| !super::ports::is_free(*port));
    match taken {
        Some(port) => Reason::new(
            "PortTaken",
            format!("Another program has port {port}, which is an address of this cluster: end it. The cluster takes the port as soon as it is free."),
        ),
        None => Reason::new("ProxyFailed", format!("HAProxy does not start: {}", observe::message(line))),
    }
}

/// Ends HAProxy and every session that goes through it.
pub async fn stop(place: &Place) -> Result<()> {
    if let Some(running) = master(place)? {
        process::stop(&running, Signal::SIGTERM, Duration::from_secs(3), Signal::SIGKILL).await?;
    }
    process::clear(&place.proxy(), &PROGRAM).await?;
    layout::remove(&place.proxy_socket())
}
