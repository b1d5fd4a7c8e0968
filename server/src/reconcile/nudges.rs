//! From "something happened to this cluster" to a wake in the store. The first nudge is passed on at once; those that follow it are ever farther apart,
//! since an instance that dies at every start would otherwise keep a worker spinning past every back-off.

use super::Context;
use crate::store::due;
use domain::ClusterId;
use futures::StreamExt;
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

const LEAST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(30);

/// Forwards until the engine's stream ends or the future is dropped.
pub(super) async fn forward(context: &Context) {
    let mut nudges = context.engine.nudges();
    // When each cluster was last woken, and how long to wait since; and those to be woken again, not before that time.
    let mut woken: HashMap<ClusterId, (Instant, Duration)> = HashMap::new();
    let mut waiting: HashMap<ClusterId, Instant> = HashMap::new();
    loop {
        let next = waiting.iter().min_by_key(|(_, at)| **at).map(|(id, at)| (*id, *at));
        let id = tokio::select! {
            nudge = nudges.next() => match nudge {
                Some(id) => {
                    let due = woken.get(&id).map_or_else(Instant::now, |(at, pause)| *at + *pause);
                    waiting.entry(id).or_insert(due);
                    continue;
                }
                None => return std::future::pending().await,
            },
            () = sleep_until(next.map_or_else(Instant::now, |(_, at)| at)), if next.is_some() => next.map(|(id, _)| id),
        };
        let Some(id) = id else { continue };
        waiting.remove(&id);
        // Twice as long a pause as was asked for: the storm is over.
        woken.retain(|_, (at, pause)| at.elapsed() < *pause * 2);
        let pause = woken.get(&id).map_or(LEAST, |(_, pause)| (*pause * 2).min(MOST));
        woken.insert(id, (Instant::now(), pause));
        match due::wake(&context.store, id).await {
            Ok(()) => context.woken.notify_one(),
            // The next look comes by itself; a nudge only makes it sooner.
            Err(error) => warn!(cluster.id = %id, %error, "a nudge was lost"),
        }
    }
}
