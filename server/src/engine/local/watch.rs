//! Notices at once when a process dies: a nudge to look, nothing more.

use super::process::Identity;
use domain::ClusterId;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tokio::{sync::broadcast, task::AbortHandle};

/// Waits for deaths.
#[derive(Debug)]
pub struct Watch {
    nudges: broadcast::Sender<ClusterId>,
    waiting: Mutex<HashMap<(i32, u64), AbortHandle>>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { nudges: broadcast::channel(256).0, waiting: Mutex::default() }
    }
}

impl Watch {
    /// A listener to nudges from now on.
    pub fn listen(&self) -> broadcast::Receiver<ClusterId> {
        self.nudges.subscribe()
    }

    /// A way to nudge about any cluster.
    pub fn nudges(&self) -> broadcast::Sender<ClusterId> {
        self.nudges.clone()
    }

    /// Nudges once when this process dies. Asking again for the same process changes nothing.
    pub fn add(&self, id: ClusterId, process: Identity) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, task| !task.is_finished());
        let key = (process.pid, process.start);
        if waiting.contains_key(&key) {
            return;
        }
        let nudges = self.nudges.clone();
        let task = tokio::spawn(async move {
            process.death().await;
            let _nobody_listens = nudges.send(id);
        });
        waiting.insert(key, task.abort_handle());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in self.waiting.lock().unwrap_or_else(PoisonError::into_inner).values() {
            task.abort();
        }
    }
}
