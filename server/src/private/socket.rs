//! Where the socket of the private PostgreSQL lies: under the data folder if its path is short enough for a socket, else where paths are short.

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::{
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

/// A socket's whole path has at most 107 bytes; `/.s.PGSQL.5432` are 15 of them.
const LONGEST: usize = 92;

/// The folder for the socket of the PostgreSQL under `home`: always the same one for the same `home`.
pub(super) fn folder(home: &Path) -> PathBuf {
    let near = home.join("run");
    if near.as_os_str().len() <= LONGEST {
        return near;
    }
    let digest = Sha256::digest(home.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let root = nix::unistd::Uid::effective().is_root() && Path::new("/run").is_dir();
    Path::new(if root { "/run" } else { "/tmp" }).join(format!("howdah-{name}"))
}

/// Makes it, for `uid` alone. In a place that others may write to, one that somebody else made first is refused.
pub(super) fn make(folder: &Path, uid: u32, gid: u32) -> Result<()> {
    let made = fs::DirBuilder::new().mode(0o700).create(folder);
    match made {
        Ok(()) => std::os::unix::fs::chown(folder, Some(uid), Some(gid)).with_context(|| format!("handing {} over", folder.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(folder).with_context(|| format!("looking at {}", folder.display()))?;
            if !found.is_dir() || found.uid() != uid || found.mode() & 0o022 != 0 {
                bail!("{} is not a folder of the user that PostgreSQL runs as: remove it", folder.display());
            }
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("making {}", folder.display())),
    }
}

/// The URL of a database behind the socket in `folder`.
pub(super) fn url(folder: &Path, role: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let bytes = folder.as_os_str().as_encoded_bytes().iter();
    let host: String = bytes.map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect();
    format!("postgres://{role}@localhost:5432/postgres?host={host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_data_folder_gets_a_short_socket() {
        let near = folder(Path::new("/var/lib/howdah/portal"));
        assert_eq!(near, Path::new("/var/lib/howdah/portal/run"));
        let long = folder(Path::new(&format!("/var/lib/{}", "x".repeat(100))));
        assert!(long.as_os_str().len() <= LONGEST, "{}", long.display());
        assert_eq!(long, folder(Path::new(&format!("/var/lib/{}", "x".repeat(100)))));
    }
}
