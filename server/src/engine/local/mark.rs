//! What cannot be seen by looking and so lies beside the data: the marks of a cluster and of its instances.

use super::{
    layout::{self, Place, Site},
    process::Identity,
};
use anyhow::{Context, Result};
use domain::{parameter::Parameters, size::Size};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// What decides the contents of the configuration, as far as people decide it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Parameters that people set.
    pub parameters: Parameters,
    /// Memory settings follow it.
    pub size: Size,
}

/// Settings that PostgreSQL would not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The wish that was refused: it is not tried again.
    pub settings: Settings,
    /// PostgreSQL's own words.
    pub why: String,
}

/// What a whole cluster remembers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterMark {
    /// The instance that may run as a primary. Nobody else is ever started as one.
    pub primary: Option<u8>,
    /// Port of the read-write address, for ever.
    pub rw: Option<u16>,
    /// Port of the read-only address, for ever.
    pub ro: Option<u16>,
    /// The last switchover that was carried out, given up, or overtaken by a failover.
    pub switched: u32,
    /// Attempts at the switchover after that one.
    pub attempts: u8,
    /// Why the last switchover was given up.
    pub given_up: Option<String>,
    /// Settings in the configuration files.
    pub accepted: Option<Settings>,
    /// The last settings with which every instance ran.
    pub proven: Option<Settings>,
    /// Settings that were refused.
    pub refused: Option<Refused>,
}

/// How far a data directory has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing was made yet.
    #[default]
    New,
    /// Being made or rewound: worth nothing until that ends.
    Building,
    /// A whole copy.
    Built,
    /// A copy that is of no use any more; why.
    Broken(String),
}

/// What one instance remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceMark {
    /// Its port.
    pub port: u16,
    /// Its postmaster, as it was started last.
    pub process: Option<Identity>,
    /// How far its data directory has come.
    pub stage: Stage,
    /// Its data directory was whole at some time.
    pub once: bool,
    /// It was a primary and somebody else is now: never starts again before its history is made to fit.
    pub fenced: bool,
    /// Its files were forced to the disk after they were made.
    pub synced: bool,
    /// Starts that failed in a row.
    pub failures: u8,
    /// Copies that were made since it last answered.
    pub copies: u8,
    /// What the last failed start said.
    pub failure: Option<Failure>,
    /// The restart counter that its process was started under.
    pub restarts: u32,
    /// It has answered at this port.
    pub answered: bool,
}

/// A start that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A word, as in `PortTaken`.
    pub code: String,
    /// A sentence.
    pub message: String,
    /// Seconds since 1970.
    pub at: i64,
}

/// Serializes changes of marks: steps of one pass run side by side.
static WRITING: Mutex<()> = Mutex::new(());

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} cannot be understood", path.display())).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn change<T: DeserializeOwned + Serialize + Default>(path: &Path, change: impl FnOnce(&mut T)) -> Result<T> {
    let _guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut mark = read::<T>(path)?.unwrap_or_default();
    change(&mut mark);
    layout::write_durably(path, &serde_json::to_string_pretty(&mark).context("writing a mark")?, 0o600)?;
    Ok(mark)
}

impl ClusterMark {
    /// The mark of a cluster; none when there is none yet.
    pub fn read(place: &Place) -> Result<Option<Self>> {
        read(&place.mark())
    }

    /// Changes the mark, atomically.
    pub fn change(place: &Place, with: impl FnOnce(&mut Self)) -> Result<Self> {
        change(&place.mark(), with)
    }
}

impl InstanceMark {
    /// The mark of an instance; none when there is none yet.
    pub fn read(site: &Site) -> Result<Option<Self>> {
        read(&site.mark)
    }

    /// Changes the mark, atomically.
    pub fn change(site: &Site, with: impl FnOnce(&mut Self)) -> Result<Self> {
        change(&site.mark, with)
    }
}
