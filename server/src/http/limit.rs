//! How much one asker may ask: token buckets, in the memory of this process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// The buckets of this process.
#[derive(Debug)]
pub struct Limits {
    /// Of each signed-in actor; far above what a person or a patient client needs.
    pub requests: Buckets,
    /// Of each address from which signing in failed.
    pub failures: Buckets,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests: Buckets::new(200.0, 400.0), failures: Buckets::new(0.2, 20.0) }
    }
}

/// One bucket for each key.
#[derive(Debug)]
pub struct Buckets {
    per_second: f64,
    burst: f64,
    all: Mutex<HashMap<String, (f64, Instant)>>,
}

/// So many keys are kept before full buckets are thrown away.
const KEPT: usize = 4096;

impl Buckets {
    /// Buckets that hold `burst` and fill up with `per_second`.
    pub fn new(per_second: f64, burst: f64) -> Self {
        Self { per_second, burst, all: Mutex::default() }
    }

    /// Takes one; else in how many seconds there is one again.
    pub fn take(&self, key: &str) -> Result<(), u32> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: &str, now: Instant) -> Result<(), u32> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |(left, at): (f64, Instant)| (left + now.saturating_duration_since(at).as_secs_f64() * self.per_second).min(self.burst);
        if all.len() >= KEPT && !all.contains_key(key) {
            all.retain(|_, bucket| filled(*bucket) < self.burst);
        }
        let left = all.get(key).map_or(self.burst, |bucket| filled(*bucket));
        let (left, answer) = if left >= 1.0 { (left - 1.0, Ok(())) } else { (left, Err(((1.0 - left) / self.per_second).ceil().max(1.0) as u32)) };
        match all.get_mut(key) {
            Some(bucket) => *bucket = (left, now),
            None => drop(all.insert(key.to_owned(), (left, now))),
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_runs_dry_and_fills_up_again() {
        let buckets = Buckets::new(2.0, 3.0);
        let start = Instant::now();
        let taken: Vec<_> = (0..4).map(|_| buckets.take_at("a", start).is_ok()).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert_eq!(buckets.take_at("a", start), Err(1));
        assert_eq!(buckets.take_at("b", start), Ok(()));
        assert_eq!(buckets.take_at("a", start + Duration::from_millis(500)), Ok(()));
        assert_eq!(buckets.take_at("a", start + Duration::from_millis(500)), Err(1));
    }

    #[test]
    fn many_askers_do_not_fill_the_memory() {
        let buckets = Buckets::new(10.0, 1.0);
        let start = Instant::now();
        for n in 0..KEPT * 3 {
            let _ = buckets.take_at(&n.to_string(), start + Duration::from_millis(n as u64));
        }
        assert!(buckets.all.lock().expect("unpoisoned").len() <= KEPT + 1);
    }
}
