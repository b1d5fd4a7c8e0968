//! How much room is left: for a cluster within what was ordered for it, and for everybody on the disk below. This machine has no quotas for folders, so
//! room is watched: a word in time, and writes refused by default before PostgreSQL itself must stop.

use super::layout::Site;
use domain::status::Reason;
use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A data directory is added up at most this often.
const AGE: Duration = Duration::from_secs(10);
const GIB: u64 = 1 << 30;
/// Of what is said to be left.
const STEP: u64 = 64 << 20;

/// Room as it was seen; what could not be seen is none, and decides nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of the largest data directory of the cluster, WAL apart: it is recycled and bounded on its own.
    pub used: Option<u64>,
    /// The disk below.
    pub disk: Option<Disk>,
}

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes in all.
    pub total: u64,
    /// Bytes that are free for whom PostgreSQL runs as.
    pub free: u64,
}

impl Disk {
    /// A tenth is left, or two GiB on a large one.
    fn is_tight(self) -> bool {
        self.free < (self.total / 10).min(2 * GIB)
    }

    /// A twentieth is left, or half a GiB on a large one.
    fn is_short(self) -> bool {
        self.free < (self.total / 20).min(GIB / 2)
    }

    fn of(folder: &Path) -> Option<Self> {
        let found = rustix::fs::statvfs(folder).ok()?;
        Some(Self { total: found.f_blocks * found.f_frsize, free: found.f_bavail * found.f_frsize })
    }
}

impl Room {
    /// Whether new transactions shall be read-only by default. Once they are, they stay so until there is room to work in: no flapping at the border.
    pub fn is_short(&self, storage: u64, was_short: bool) -> bool {
        let percent = if was_short { 90 } else { 95 };
        let full = self.used.is_some_and(|used| is_beyond(used, storage, percent));
        full || self.disk.is_some_and(|disk| if was_short { disk.is_tight() } else { disk.is_short() })
    }

    /// What people should know.
    pub fn note(&self, storage: u64, short: bool) -> Option<Reason> {
        const STOPPED: &str = "New transactions are read-only until there is room, so that PostgreSQL need not stop; a session may override it.";
        if let Some(disk) = self.disk.filter(|disk| disk.is_tight()) {
            // In coarse steps: words that change are written down.
            let below = ((disk.free / STEP + 1) * STEP) >> 20;
            return Some(if short {
                Reason::new("DiskFull", format!("The disk of this machine has less than {below} MiB left. {STOPPED} Free some space."))
            } else {
                let message = format!("The disk of this machine has less than {below} MiB left. Free some space, before PostgreSQL can write no more.");
                Reason::new("DiskNearlyFull", message)
            });
        }
        let used = self.used.filter(|used| is_beyond(*used, storage, 90))?;
        let share = u128::from(used) * 100 / u128::from(storage.max(1));
        let what_to_do = "Order more storage in the settings, or remove what is not needed.";
        Some(if short {
            Reason::new("StorageFull", format!("The data take {share} % of the storage ordered. {STOPPED} {what_to_do}"))
        } else {
            Reason::new("StorageNearlyFull", format!("The data take {share} % of the storage ordered. {what_to_do}"))
        })
    }
}

fn is_beyond(used: u64, storage: u64, percent: u128) -> bool {
    u128::from(used) * 100 >= u128::from(storage) * percent
}

/// What data directories took when they were last added up.
#[derive(Debug, Default)]
pub struct Sums(Mutex<HashMap<PathBuf, (Instant, u64)>>);

impl Sums {
    /// Room of a cluster with these instances. Blocking.
    pub fn room<'a>(&self, sites: impl Iterator<Item = &'a Site>, below: &Path) -> Room {
        Room { used: sites.filter_map(|site| self.data(&site.data)).max(), disk: Disk::of(below) }
    }

    fn data(&self, folder: &Path) -> Option<u64> {
        let known = |sums: &HashMap<PathBuf, (Instant, u64)>| sums.get(folder).filter(|(at, _)| at.elapsed() < AGE).map(|(_, sum)| *sum);
        if let Some(sum) = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Some(sum);
        }
        let sum = blocks(folder, Some("pg_wal"))?;
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.retain(|_, (at, _)| at.elapsed() < AGE);
        sums.insert(folder.to_owned(), (Instant::now(), sum));
        Some(sum)
    }
}

/// Allocated bytes below a folder, without following links and without the entry called `but`.
pub fn blocks(folder: &Path, but: Option<&str>) -> Option<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder).ok()?.flatten() {
        if but.is_some_and(|but| entry.file_name() == but) {
            continue;
        }
        let Ok(found) = entry.metadata() else { continue };
        sum += found.blocks() * 512;
        if found.is_dir() {
            sum += blocks(&entry.path(), None).unwrap_or(0);
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn used(percent: u64) -> Room {
        Room { used: Some(percent * GIB / 100), disk: Some(Disk { total: 100 * GIB, free: 50 * GIB }) }
    }

    #[test]
    fn words_come_before_writes_are_refused() {
        let told = |room: Room| room.note(GIB, room.is_short(GIB, false)).map(|note| note.code);
        assert_eq!([89, 91, 96].map(|percent| told(used(percent))), [None, Some("StorageNearlyFull".into()), Some("StorageFull".into())]);
        let disk = |total, free| told(Room { used: Some(0), disk: Some(Disk { total, free }) });
        assert_eq!([disk(GIB, GIB / 8), disk(GIB, GIB / 11), disk(GIB, GIB / 21)], [None, Some("DiskNearlyFull".into()), Some("DiskFull".into())]);
        assert_eq!([disk(900 * GIB, 3 * GIB), disk(900 * GIB, GIB), disk(900 * GIB, GIB / 3)], [None, Some("DiskNearlyFull".into()), Some("DiskFull".into())]);
    }

    #[test]
    fn what_cannot_be_seen_decides_nothing() {
        assert!(!Room::default().is_short(GIB, true));
        assert_eq!(Room::default().note(GIB, false), None);
    }

    proptest! {
        /// Whoever is told to stop is told why, and at the border nothing flaps: what is short from the start is short when it was so before.
        #[test]
        fn short_means_told(used in option::of(0..2 * GIB), total in 1..200 * GIB, free in 0..200 * GIB, storage in 1..2 * GIB, before: bool) {
            let room = Room { used, disk: Some(Disk { total, free: free.min(total) }) };
            prop_assert!(!room.is_short(storage, before) || room.note(storage, true).is_some());
            prop_assert!(!room.is_short(storage, false) || room.is_short(storage, true));
        }
    }

    use proptest::option;
}
