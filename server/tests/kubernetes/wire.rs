//! The way to an API server, which can be cut and held up.

use std::net::Ipv4Addr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// They pass.
    Open,
    /// Nobody ever answers, and nothing says that it is so.
    Held,
    /// Connections end, and new ones do, too.
    Cut,
}

/// A port that leads to another one.
pub struct Way {
    /// Of loopback.
    pub port: u16,
    wire: watch::Sender<Wire>,
    task: JoinHandle<()>,
}

impl Way {
    /// To a port of loopback.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let (wire, state) = watch::channel(Wire::Open);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, port, state.clone()));
            }
        });
        Self { port: here, wire, task }
    }

    /// From now on, for connections that there are as well.
    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Whether no connection is left.
    pub fn idle(&self) -> bool {
        // The one who accepts has one, too.
        self.wire.receiver_count() == 1
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.task.abort();
        self.set(Wire::Cut);
    }
}

async fn pass(mut here: TcpStream, port: u16, mut state: watch::Receiver<Wire>) {
    let mut there = None;
    loop {
        let wire = *state.borrow_and_update();
        match wire {
            Wire::Cut => return,
            Wire::Held => {
                if state.changed().await.is_err() {
                    return;
                }
            }
            Wire::Open => {
                if there.is_none() {
                    there = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok();
                }
                let Some(there) = &mut there else { return };
                tokio::select! {
                    _ = copy_bidirectional(&mut here, there) => return,
                    changed = state.changed() => if changed.is_err() { return },
                }
            }
        }
    }
}
