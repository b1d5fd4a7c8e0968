//! What this process remembers of a cluster between passes: only what makes history readable. Losing it costs nothing.

use domain::ClusterId;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Name of the last primary that was seen of each cluster, since there is a moment without one whenever it moves.
#[derive(Debug, Default)]
pub(super) struct Primaries(Mutex<HashMap<ClusterId, String>>);

impl Primaries {
    pub(super) fn last(&self, id: ClusterId) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(super) fn saw(&self, id: ClusterId, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, name.to_owned());
    }

    pub(super) fn forget(&self, id: ClusterId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// 2ⁿ seconds and up to a quarter more, at most `most`. `luck` in 0..1 spreads clusters that failed together.
pub(super) fn backoff(attempts: u32, most: Duration, luck: f64) -> Duration {
    let base = Duration::from_secs(1 << attempts.clamp(1, 16));
    base.mul_f64(1.0 + luck.clamp(0.0, 1.0) / 4.0).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound() {
        let most = Duration::from_secs(300);
        let pauses: Vec<_> = (1..=10).map(|n| backoff(n, most, 0.0).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(backoff(u32::MAX, most, 1.0), most);
        assert_eq!(backoff(2, most, 1.0), Duration::from_secs(5));
    }
}
