//! What instances use: processor, memory and disk, as the kernel counts them.

use super::{
    ground::{Ground, PROGRAMS},
    layout::Site,
    process::{self, Stat},
    room,
};
use domain::{ClusterId, vitals::Usage};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    time::Instant,
};

/// Clock ticks a second in `/proc`: fixed by the kernel's interface on every architecture that we run on.
const TICKS: f64 = 100.0;

/// Processor time at the last measurement, by instance.
pub type Samples = HashMap<(ClusterId, u8), (Instant, BTreeMap<i32, u64>)>;

/// Measures every instance of a cluster. Blocking.
pub fn measure(ground: &Ground, id: ClusterId, samples: &mut Samples) -> Vec<Usage> {
    let place = ground.layout.place(id);
    let ordinals = place.ordinals().unwrap_or_default();
    ordinals.into_iter().map(|ordinal| one(&place.site(ordinal), id, ordinal, samples)).collect()
}

fn one(site: &Site, id: ClusterId, ordinal: u8, samples: &mut Samples) -> Usage {
    let processes = process::under(&site.folder, &PROGRAMS).unwrap_or_default();
    let now = Instant::now();
    let ticks: BTreeMap<i32, u64> = processes.iter().filter_map(|p| Some((p.pid, Stat::read(p.pid)?.ticks))).collect();
    let before = samples.insert((id, ordinal), (now, ticks.clone()));
    let cpu = before.filter(|_| !ticks.is_empty()).map(|(at, before)| {
        // A process that has ended since took its time with it; what its parent reaped is in the parent's own count.
        let used: u64 = ticks.iter().map(|(pid, ticks)| ticks.saturating_sub(before.get(pid).copied().unwrap_or(0))).sum();
        used as f64 / TICKS / now.duration_since(at).as_secs_f64().max(0.001)
    });
    let memory = processes.iter().map(|p| pss(p.pid)).collect::<Option<Vec<u64>>>().map(|all| all.iter().sum()).filter(|_| !processes.is_empty());
    Usage { ordinal, cpu, memory, disk: room::blocks(&site.data, None) }
}

/// Bytes that a process has for itself, and its share of what it has with others: adding up what each sees would count shared memory many times.
fn pss(pid: i32) -> Option<u64> {
    let text = match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) => text,
        // It has ended in between.
        Err(_) if Stat::read(pid).is_none_or(|stat| stat.dead) => return Some(0),
        Err(_) => return None,
    };
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}
