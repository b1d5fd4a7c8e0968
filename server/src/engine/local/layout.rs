//! Where things of a cluster lie under the data root. Knows paths and how to write files safely; decides nothing.

use super::process::Account;
use anyhow::{Context, Result};
use domain::ClusterId;
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

/// Longest socket folder that leaves room for `/.s.PGSQL.<port>` in the 107 bytes of a socket's address.
const SOCKETS_MAX: usize = 92;

/// The data root and whom its processes run as.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    sockets: PathBuf,
    /// Whom processes run as.
    pub account: Account,
}

/// One cluster's folders.
#[derive(Debug, Clone)]
pub struct Place {
    /// Everything of the cluster but its sockets.
    pub folder: PathBuf,
    sockets: PathBuf,
    short: String,
}

/// One instance's folders.
#[derive(Debug, Clone)]
pub struct Site {
    /// Everything of the instance but its sockets.
    pub folder: PathBuf,
    /// `data/`: PostgreSQL's own.
    pub data: PathBuf,
    /// `conf/`: ours, outside of `data/`, where a clone or a rewind would overwrite it.
    pub conf: PathBuf,
    /// `tls/`: key and certificate.
    pub tls: PathBuf,
    /// The log file.
    pub log: PathBuf,
    /// Where the socket is.
    pub sockets: PathBuf,
    /// What is to be remembered.
    pub mark: PathBuf,
    /// A short name, unique on this machine.
    pub short: String,
}

impl Layout {
    /// The layout of a data root.
    pub fn new(root: &Path, account: Account) -> Self {
        let wanted = root.join("s");
        // A data root with a long path gets its sockets elsewhere; the name says whose they are.
        let fits = wanted.as_os_str().len() + "/0123456789.16".len() <= SOCKETS_MAX;
        let sockets = if fits { wanted } else { std::env::temp_dir().join(format!("howdah-s-{}", tag(root))) };
        Self { root: root.to_path_buf(), sockets, account }
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folders that all clusters share.
    pub fn prepare(&self) -> Result<()> {
        folder(&self.root, 0o711, None)?;
        // Nobody but the portal and PostgreSQL reaches a socket.
        folder(&self.sockets, 0o700, Some(&self.account))
    }

    /// The folder of the certificate authority.
    pub fn authority(&self) -> PathBuf {
        self.root.join("ca")
    }

    /// The file whose lock says who owns the data root.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The file with the id of this data root.
    pub fn id(&self) -> PathBuf {
        self.root.join("id")
    }

    /// A few characters that tell this data root from others on the machine.
    pub fn tag(&self) -> String {
        tag(&self.root)
    }

    /// One cluster's folders.
    pub fn place(&self, id: ClusterId) -> Place {
        let hex = id.0.simple().to_string();
        Place { folder: self.root.join(id.to_string()), sockets: self.sockets.clone(), short: hex[22..].to_owned() }
    }

    /// The clusters that have a folder.
    pub fn clusters(&self) -> Result<Vec<ClusterId>> {
        let entries = fs::read_dir(&self.root).with_context(|| format!("reading {}", self.root.display()))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("reading {}", self.root.display()))?;
            found.extend(entry.file_name().to_str().and_then(|name| name.parse::<ClusterId>().ok()));
        }
        Ok(found)
    }
}

impl Place {
    /// What the whole cluster remembers.
    pub fn mark(&self) -> PathBuf {
        self.folder.join("mark.json")
    }

    /// HAProxy's folder.
    pub fn proxy(&self) -> PathBuf {
        self.folder.join("proxy")
    }

    /// HAProxy's own socket.
    pub fn proxy_socket(&self) -> PathBuf {
        self.sockets.join(format!("{}.p", self.short))
    }

    /// Where settings are tried before they are put in place.
    pub fn trial(&self) -> PathBuf {
        self.folder.join("trial")
    }

    /// One instance's folders.
    pub fn site(&self, ordinal: u8) -> Site {
        let folder = self.folder.join(ordinal.to_string());
        let at = |name: &str| folder.join(name);
        let short = format!("{}.{ordinal}", self.short);
        Site {
            data: at("data"),
            conf: at("conf"),
            tls: at("tls"),
            log: at("log/postgresql.log"),
            mark: at("mark.json"),
            sockets: self.sockets.join(&short),
            short,
            folder,
        }
    }

    /// Ordinals that have a folder.
    pub fn ordinals(&self) -> Result<Vec<u8>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("reading {}", self.folder.display())),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("reading {}", self.folder.display()))?;
            found.extend(entry.file_name().to_str().and_then(|name| name.parse::<u8>().ok()));
        }
        Ok(found)
    }

    /// Everything that lies outside of the cluster's folder.
    pub fn outside(&self) -> Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.sockets) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("reading {}", self.sockets.display())),
        };
        let ours = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(&format!("{}.", self.short)));
        Ok(entries.flatten().map(|entry| entry.path()).filter(ours).collect())
    }
}

impl Site {
    /// Makes the folders of an instance, all but `data/`.
    pub fn prepare(&self, account: &Account) -> Result<()> {
        folder(&self.folder, 0o700, Some(account))?;
        folder(&self.conf, 0o700, Some(account))?;
        folder(&self.tls, 0o700, Some(account))?;
        folder(&self.folder.join("log"), 0o700, Some(account))?;
        folder(&self.sockets, 0o700, Some(account))
    }
}

fn tag(root: &Path) -> String {
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(root.as_os_str());
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}", (hash ^ (hash >> 32)) & 0xffff_ffff)
}

/// Makes a folder with this mode and owner, or corrects it.
pub fn folder(path: &Path, mode: u32, owner: Option<&Account>) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
    let now = fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?;
    if now.permissions().mode() & 0o7777 != mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(|| format!("setting the mode of {}", path.display()))?;
    }
    if let Some(owner) = owner.filter(|owner| owner.is_other() && (now.uid(), now.gid()) != (owner.uid, owner.gid)) {
        chown(path, Some(owner.uid), Some(owner.gid)).with_context(|| format!("giving {} to {}", path.display(), owner.name))?;
    }
    Ok(())
}

/// Writes a whole file or nothing: a crash of the portal leaves the old or the new one.
pub fn write(path: &Path, text: &str, mode: u32, owner: Option<&Account>) -> Result<()> {
    put(path, text, mode, owner, |_| Ok(()))
}

/// As [`write`], and a crash of the machine leaves the old or the new one, too.
pub fn write_durably(path: &Path, text: &str, mode: u32) -> Result<()> {
    put(path, text, mode, None, fs::File::sync_data)
}

fn put(path: &Path, text: &str, mode: u32, owner: Option<&Account>, sync: impl Fn(&fs::File) -> io::Result<()>) -> Result<()> {
    let beside = path.with_extension("new");
    let attempt = || -> io::Result<()> {
        let mut file = fs::File::create(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        if let Some(owner) = owner.filter(|owner| owner.is_other()) {
            chown(&beside, Some(owner.uid), Some(owner.gid))?;
        }
        file.write_all(text.as_bytes())?;
        sync(&file)?;
        fs::rename(&beside, path)
    };
    attempt().with_context(|| format!("writing {}", path.display()))
}

/// Removes a file or a folder with all that is in it; nothing there is fine.
pub fn remove(path: &Path) -> Result<()> {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).with_context(|| format!("removing {}", path.display())),
        _ => Ok(()),
    }
}

/// The last `bytes` of a text file; empty when there is none.
pub fn tail(path: &Path, bytes: u64) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut text = Vec::new();
        file.take(bytes).read_to_end(&mut text)?;
        Ok(text)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
