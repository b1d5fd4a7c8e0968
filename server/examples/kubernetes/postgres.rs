//! One PostgreSQL that stands for every primary: with TLS by an authority of its own, and a password for `postgres`.

use anyhow::{Context, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Of `postgres`.
pub const PASSWORD: &str = "bench";

/// A running one; gone with the value.
pub struct Postgres {
    folder: PathBuf,
    child: Child,
    /// Of loopback.
    pub port: u16,
    /// Its authority, PEM.
    pub ca: String,
}

impl Postgres {
    /// Starts one, as user postgres when that is root's to do.
    pub fn start() -> Result<Self> {
        let folder = PathBuf::from(format!("/tmp/howdah-bench-primary-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        own(&folder)?;
        let (data, secret) = (folder.join("data"), folder.join("password"));
        fs::write(&secret, PASSWORD)?;
        own(&secret)?;
        let made = program("initdb")?.arg("-D").arg(&data).args(["-U", "postgres", "-A", "scram-sha-256", "--no-sync", "--pwfile"]).arg(&secret).status()?;
        if !made.success() {
            bail!("initdb: {made}");
        }
        let authority = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&authority)?.pem();
        let key = KeyPair::generate()?;
        let signed = CertificateParams::new(vec!["localhost".into()])?.signed_by(&key, &Issuer::new(params, authority))?;
        for (name, text) in [("server.crt", signed.pem()), ("server.key", key.serialize_pem())] {
            let path = data.join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            own(&path)?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        Ok(Self { child: run(&folder, port)?, folder, port, ca })
    }

    /// Gives it the parameters of the clusters that it stands for, by a restart.
    pub fn set(&mut self, parameters: &BTreeMap<String, String>) -> Result<()> {
        self.stop();
        let lines: String = parameters.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect();
        let file = self.folder.join("data/postgresql.auto.conf");
        fs::write(&file, lines)?;
        own(&file)?;
        self.child = run(&self.folder, self.port)?;
        Ok(())
    }

    fn stop(&mut self) {
        let asked = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.child.id().cast_signed()), nix::sys::signal::Signal::SIGINT);
        if asked.is_ok() {
            let _ended = self.child.wait();
        }
    }
}

fn user() -> Option<nix::unistd::User> {
    nix::unistd::User::from_name("postgres").ok().flatten().filter(|_| nix::unistd::Uid::effective().is_root())
}

fn own(path: &Path) -> Result<()> {
    if let Some(user) = user() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
    }
    Ok(())
}

fn program(name: &str) -> Result<Command> {
    let mut command = Command::new(bin()?.join(name));
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    if let Some(user) = user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(command)
}

fn run(folder: &Path, port: u16) -> Result<Child> {
    let mut postgres = program("postgres")?;
    postgres.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).arg("-p").arg(port.to_string()).stderr(fs::File::create(folder.join("log"))?);
    let mut child = postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "ssl=on", "-c", "fsync=off"]).spawn().context("starting postgres")?;
    let until = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if Instant::now() > until || child.try_wait()?.is_some() {
            bail!("PostgreSQL does not start: {}", fs::read_to_string(folder.join("log"))?);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

/// The newest programs of this machine.
fn bin() -> Result<PathBuf> {
    let chosen = std::env::var_os("HOWDAH_POSTGRES").unwrap_or_default();
    let folders = std::env::split_paths(&chosen).chain([PathBuf::from("/usr/lib/postgresql")]);
    let installs = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().map(|entry| entry.path().join("bin"));
    installs.filter(|bin| bin.join("initdb").exists()).max().context("no PostgreSQL: HOWDAH_POSTGRES names a folder with <major>/bin/initdb")
}
