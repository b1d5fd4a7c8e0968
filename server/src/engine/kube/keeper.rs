//! Keeps a place in view: opens the way to it, looks at it at the start and every few minutes, at once when a call or a watch did not get through, and every
//! few seconds while it is down or not all there. The only one that says whether a place is up.

use super::{
    link::{Way, connect},
    place::{Checked, Place},
    probe::{self, CNPG, COZYSTACK},
};
use domain::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// Between looks at a place that is up.
const CALM: Duration = Duration::from_secs(180);
/// Between questions whether it answers at all: a connection that nobody answers says nothing of itself, and a watch waits on it for minutes.
const BEAT: Duration = Duration::from_secs(10);
/// Between looks at one that is down, starts, or has no operator yet: the first and the longest pause.
const DOWN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Longest look at everything.
const PROBE: Duration = Duration::from_secs(20);

/// Runs until the place is closed. `found` is told of every look that came about.
pub(super) async fn run(place: Arc<Place>, found: impl Fn(&probe::Facts)) {
    let stop = place.target.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = keep(&place, found) => {}
    }
}

async fn keep(place: &Place, found: impl Fn(&probe::Facts)) {
    let mut pause = DOWN.0;
    let mut up = false;
    loop {
        match look(place, up, &found).await {
            Ok(whole) => {
                if !up {
                    info!(place = place.name(), "the place answers");
                    place.returned();
                }
                (up, pause) = (true, if whole { DOWN.0 } else { (pause * 2).min(DOWN.1) });
                tokio::select! {
                    () = sleep(if whole { CALM } else { pause }) => {}
                    () = doubted(place) => {}
                    () = unserved(place) => {}
                }
            }
            Err(why) => {
                if place.checked().down.as_ref() != Some(&why) {
                    warn!(place = place.name(), why, "the place does not answer");
                }
                place.set(Way::Down(why.clone()));
                place.facts.send_modify(|checked| (checked.at, checked.down) = (Some(Timestamp::now()), Some(why)));
                up = false;
                sleep(pause).await;
                pause = (pause * 2).min(DOWN.1);
            }
        }
    }
}

/// A call did not get through, and neither does the plainest of questions: one slow answer alone makes no place go down.
async fn doubted(place: &Place) {
    loop {
        // Nothing was heard for a while counts as a doubt.
        let _ = timeout(BEAT, place.link.doubted()).await;
        let Ok(client) = place.client() else { return };
        if probe::alive(&client).await.is_err() {
            return;
        }
    }
}

/// A kind that was there is not served: it was taken away, or the API server starts. Not at once again, since every cluster there finds that out.
async fn unserved(place: &Place) {
    sleep(DOWN.0).await;
    place.link.unserved().await;
}

/// True: nothing is missing that comes by itself.
async fn look(place: &Place, up: bool, found: &impl Fn(&probe::Facts)) -> Result<bool, String> {
    let client = match place.client() {
        Ok(client) if up => client,
        // What failed may have failed by old credentials.
        _ => connect(&place.address()).await?,
    };
    probe::alive(&client).await?;
    if !up {
        // The questions of the probe go this way, too.
        place.set(Way::Up(client.clone()));
    }
    let facts = timeout(PROBE, probe::probe(place, &client)).await.unwrap_or_else(|_| Err("The API server answers too slowly to be used.".into()))?;
    let whole = !facts.uncertain && (facts.groups.contains(CNPG) || facts.groups.contains(COZYSTACK));
    // Half an answer does not replace a whole one.
    let known = place.facts().filter(|known| facts.uncertain && !known.uncertain);
    let facts = known.unwrap_or_else(|| Arc::new(facts));
    found(&facts);
    let (before, now) = (place.facts().map(|known| place.may_monitor(&known)), place.may_monitor(&facts));
    place.facts.send_replace(Checked { at: Some(Timestamp::now()), down: None, facts: Some(facts) });
    if place.target.pod_monitor && before.is_some_and(|before| before != now) {
        // Nothing of the clusters themselves will tell.
        place.wake();
    }
    Ok(whole)
}
