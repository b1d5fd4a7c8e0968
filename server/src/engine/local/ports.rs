//! Ports: outside the range that outgoing connections use, kept in the marks, never shared between two clusters.

use super::{
    layout::Layout,
    mark::{ClusterMark, InstanceMark},
};
use anyhow::{Result, anyhow};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::{Mutex, PoisonError},
};
use tokio::net::TcpSocket;

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Locked while a port is chosen and until it is written into a mark.
pub type Turn = Mutex<Held>;

/// Ports whose program is not started yet, bound so that no other program takes them meanwhile. Bound is not listening: whoever connects is refused.
pub type Held = BTreeMap<u16, TcpSocket>;

/// Holds ports until they are let go, as far as nobody has them; without, they are only likely to stay free.
pub fn hold(held: &mut Held, ports: impl IntoIterator<Item = u16>) {
    for port in ports {
        let bound = TcpSocket::new_v4().and_then(|socket| socket.bind((Ipv4Addr::LOCALHOST, port).into()).map(|()| socket));
        held.extend(bound.ok().map(|socket| (port, socket)));
    }
}

/// Lets ports go, for the program that listens on them to take them.
pub fn let_go(turn: &Turn, ports: [u16; 2]) {
    let mut held = turn.lock().unwrap_or_else(PoisonError::into_inner);
    held.retain(|port, _| !ports.contains(port));
}

/// Every port that a mark of this data root holds.
pub fn taken(layout: &Layout) -> Result<BTreeSet<u16>> {
    let mut ports = BTreeSet::new();
    for id in layout.clusters()? {
        let place = layout.place(id);
        match ClusterMark::read(&place) {
            Ok(mark) => ports.extend(mark.into_iter().flat_map(|mark| mark.rw.into_iter().chain(mark.ro))),
            Err(_) => ports.extend(numbers(&place.mark())),
        }
        for ordinal in place.ordinals()? {
            let site = place.site(ordinal);
            match InstanceMark::read(&site) {
                Ok(mark) => ports.extend(mark.map(|mark| mark.port)),
                Err(_) => ports.extend(numbers(&site.mark)),
            }
        }
    }
    Ok(ports)
}

/// Whatever in a spoilt mark may be one of our ports: better one port too many than one shared.
fn numbers(path: &Path) -> Vec<u16> {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let digits = text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    digits.filter(|port| (FIRST..FIRST + COUNT).contains(port)).collect()
}

/// `n` ports that no mark holds and that can be bound just now. Two data roots start looking at different places.
pub fn choose(layout: &Layout, n: usize) -> Result<Vec<u16>> {
    let taken = taken(layout)?;
    let offset = u32::from_str_radix(&layout.tag(), 16).unwrap_or(0) % u32::from(COUNT);
    let all = (0..COUNT).map(|i| FIRST + ((u32::from(i) + offset) % u32::from(COUNT)) as u16);
    let free: Vec<u16> = all.filter(|port| !taken.contains(port) && is_free(*port)).take(n).collect();
    if free.len() == n {
        Ok(free)
    } else {
        Err(anyhow!("no free port is left between {FIRST} and {}: delete clusters or end other programs", FIRST + COUNT - 1))
    }
}

/// Whether a port can be bound on loopback just now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
