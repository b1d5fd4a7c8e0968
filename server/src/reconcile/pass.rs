//! One pass over one claimed cluster: converge · observe · look inside · derive · write. Rounds follow each other while the engine moves.
//!
//! Never keeps the lease and never frees it but by settling: that is the worker's part.

use super::{
    Context, events,
    memory::{Primaries, backoff},
};
use crate::{
    engine::{EngineError, Sql},
    store::{
        StoreError, clusters, credentials,
        due::{self, Claim},
        events::NewEvent,
    },
};
use domain::{
    Cluster, Phase, Status, Timestamp,
    observed::{Inside, Observed, Progress, Seen},
    status::{Reason, kinds},
};
use look::{look, within};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tracing::{info, warn};

mod look;
mod shut;

/// How often a step that takes long shows what it has come to.
const GLANCE: Duration = Duration::from_secs(1);
/// A step that is shorter shows nothing before it is done: looking and writing that down would only keep it up.
const SHORT: Duration = Duration::from_millis(150);

/// How a pass ended. The words are those of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// As wished for.
    Settled,
    /// Something is under way.
    Working,
    /// Out of time or rounds while moving: goes on with the next pass.
    Moving,
    /// Only a new wish can help.
    Blocked,
    /// Something failed; later again.
    Failed,
    /// A deleted cluster is wholly gone.
    Gone,
    /// Somebody else has the lease; nothing was written.
    Lost,
}

/// How a call of the engine ended.
enum Step {
    Done(Result<Progress, EngineError>),
    /// Cut off, since the cluster was deleted meanwhile.
    Overtaken,
    /// The lease went to somebody else.
    Lost,
}

/// One pass. `news` fires when the row changed, our own writes included.
pub(super) async fn run(context: &Context, claim: &mut Claim, primaries: &Primaries, news: watch::Receiver<()>) -> Result<Ended, StoreError> {
    let doing = Reason::new("TakenUp", "The wish is being applied.");
    Pass { context, claim, primaries, news, inside: None, doing }.run().await
}

struct Pass<'a> {
    context: &'a Context,
    claim: &'a mut Claim,
    primaries: &'a Primaries,
    news: watch::Receiver<()>,
    /// What was last seen inside PostgreSQL, and for which generation.
    inside: Option<(u64, Inside)>,
    /// What the engine said last that it does.
    doing: Reason,
}

impl Pass<'_> {
    async fn run(mut self) -> Result<Ended, StoreError> {
        let started = Instant::now();
        for round in 1.. {
            if !self.read_again().await? {
                break;
            }
            if let Some(reason) = elsewhere(&self.claim.cluster, self.context.engine.name()) {
                return self.refuse(reason).await;
            }
            let step = match self.step().await? {
                Step::Done(step) => step,
                Step::Overtaken => continue,
                Step::Lost => break,
            };
            let (progress, failed) = self.progress(step);
            let (store, worker) = (&self.context.store, self.context.worker);
            if self.claim.cluster.deleted_at.is_some() && progress == Progress::Settled {
                info!(cluster.id = %self.claim.cluster.id, cluster.name = %self.claim.cluster.name, "a deleted cluster is gone");
                return Ok(if due::forget(store, worker, self.claim).await? { Ended::Gone } else { Ended::Lost });
            }
            let moved = matches!(progress, Progress::Moved(_)) && started.elapsed() < self.context.settings.pass && round < self.context.settings.rounds;
            // While moving, one look inside is enough for each generation: connecting costs more than most steps.
            let generation = self.claim.cluster.generation;
            let reuse = self.inside.take().filter(|(seen_for, _)| moved && *seen_for == generation);
            let seen = look(self.context, &self.claim.cluster, reuse.map(|(_, inside)| inside)).await;
            self.inside = shut::really_seen(&seen).map(|inside| (generation, inside));
            if moved {
                if !self.show(&seen, &progress).await? {
                    break;
                }
                continue;
            }
            let (status, news) = self.derive(&seen, &progress);
            let (ended, next) = after(self.context, self.claim, &seen, &status, &progress, failed);
            let ours = match ended {
                Ended::Failed => due::postpone(store, worker, self.claim, &status, &news, next).await?,
                _ => due::settle(store, worker, self.claim, &status, &news, next).await?,
            };
            return Ok(if ours { ended } else { Ended::Lost });
        }
        Ok(Ended::Lost)
    }

    /// Nothing is asked of an engine that knows nothing of the cluster: it would find nothing, and take that for gone.
    async fn refuse(self, reason: Reason) -> Result<Ended, StoreError> {
        let (instances, inside) = (Seen::Unknown(reason.message.clone()), Seen::Unknown(reason.message.clone()));
        let seen = Observed { instances, endpoints: Vec::new(), inside, notes: Vec::new() };
        let (status, news) = self.derive(&seen, &Progress::Blocked(reason));
        let (store, worker, next) = (&self.context.store, self.context.worker, self.context.settings.settled);
        Ok(if due::settle(store, worker, self.claim, &status, &news, next).await? { Ended::Blocked } else { Ended::Lost })
    }

    /// Takes up what was saved since the last look, if something was. False: the row is gone.
    async fn read_again(&mut self) -> Result<bool, StoreError> {
        if !self.news.has_changed().unwrap_or(false) {
            return Ok(true);
        }
        self.news.mark_unchanged();
        match clusters::get(&self.context.store, self.claim.cluster.id).await {
            Ok(fresh) => self.claim.cluster = fresh,
            Err(StoreError::NotFound) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// The engine's part of a round, cut off past its deadline. What takes long shows every second what it has come to.
    async fn step(&mut self) -> Result<Step, StoreError> {
        let (context, wish) = (self.context, self.claim.cluster.clone());
        let verifiers = credentials::verifiers(&context.store, wish.id).await?;
        let call = async {
            match wish.deleted_at {
                None => within(context.settings.converge, "a step", context.engine.converge(&wish, &verifiers)).await,
                Some(_) => within(context.settings.converge, "taking it away", context.engine.remove(&wish)).await,
            }
        };
        tokio::pin!(call);
        let mut glances = interval_at(Instant::now() + SHORT, GLANCE);
        glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut newer = false;
        // What waits for a person says so until it does not any more.
        let blocked = wish.status.condition(kinds::BLOCKED).is_some();
        loop {
            tokio::select! {
                done = &mut call => {
                    if newer {
                        self.news.mark_changed();
                    }
                    return Ok(Step::Done(done));
                }
                Ok(()) = self.news.changed() => match clusters::get(&context.store, wish.id).await {
                    Ok(fresh) if fresh.generation == wish.generation => {}
                    // Only a deletion is worth dropping a step half-way; any other wish is taken up when it is done.
                    Ok(Cluster { deleted_at: None, .. }) | Err(StoreError::Database(_) | StoreError::Constraint(_)) => newer = true,
                    Ok(_) | Err(StoreError::NotFound) => {
                        self.news.mark_changed();
                        return Ok(Step::Overtaken);
                    }
                },
                _ = glances.tick(), if !reached(&wish, &self.claim.cluster.status) && !blocked => {
                    // The call goes on meanwhile: its time must not be spent on a glance.
                    let glance = self.glance(&wish);
                    tokio::select! {
                        done = &mut call => return Ok(Step::Done(done)),
                        ours = glance => if !ours? { return Ok(Step::Lost) },
                    }
                }
            }
        }
    }

    /// Shows how far a step under way has come. False: the lease is not ours any more.
    async fn glance(&mut self, wish: &Cluster) -> Result<bool, StoreError> {
        let inside = self.inside.as_ref().map_or_else(|| Seen::Unknown("No instance was asked yet.".into()), |(_, inside)| Seen::Known(inside.clone()));
        let seen = match within(GLANCE, "a glance", self.context.engine.observe(wish)).await {
            Ok(seen) if self.context.engine.sql() == Sql::Nothing => seen,
            Ok(mut seen) => {
                seen.notes.extend(shut::remembered(wish));
                Observed { inside, ..seen }
            }
            Err(_) => return Ok(true),
        };
        self.show(&seen, &Progress::Working(self.doing.clone())).await
    }

    /// Writes a status in mid-pass. False: the lease is not ours any more.
    async fn show(&mut self, seen: &Observed, progress: &Progress) -> Result<bool, StoreError> {
        let (status, news) = self.derive(seen, progress);
        let ours = due::progress(&self.context.store, self.context.worker, self.claim, &status, &news).await?;
        self.claim.cluster.status = status;
        Ok(ours)
    }

    fn derive(&self, seen: &Observed, progress: &Progress) -> (Status, Vec<NewEvent>) {
        let cluster = &self.claim.cluster;
        let mut status = Status::derive(cluster, seen, progress, Timestamp::now());
        if status.engine.is_empty() && is_made(seen, progress) {
            status.engine = self.context.engine.name().to_owned();
        }
        let news = events::between(cluster, self.primaries.last(cluster.id).as_deref(), &status);
        if let Some(primary) = status.primary() {
            self.primaries.saw(cluster.id, &primary.name);
        }
        if status.phase != cluster.status.phase {
            info!(cluster.id = %cluster.id, cluster.name = %cluster.name, phase = ?status.phase, generation = status.generation, "phase");
        }
        (status, news)
    }

    /// What a call of the engine comes to; true: it failed.
    fn progress(&mut self, step: Result<Progress, EngineError>) -> (Progress, bool) {
        match step {
            Ok(progress) => {
                if let Progress::Moved(reason) | Progress::Working(reason) = &progress {
                    self.doing = reason.clone();
                }
                (progress, false)
            }
            Err(EngineError::Blocked(reason)) => (Progress::Blocked(reason), false),
            Err(EngineError::Retry(error)) => {
                let cluster = &self.claim.cluster;
                warn!(cluster.id = %cluster.id, cluster.name = %cluster.name, error = format!("{error:#}"), "a pass failed");
                (Progress::Working(Reason::new("Retrying", format!("{error:#}. It is tried again by itself."))), true)
            }
        }
    }
}

/// Whether an engine has something of a cluster, or may have.
fn is_made(seen: &Observed, progress: &Progress) -> bool {
    let seen = seen.instances.known().is_some_and(|all| !all.is_empty());
    seen || matches!(progress, Progress::Settled | Progress::Moved(_))
}

/// Why a cluster is not for the engine that works at its place now, if so: which one fits may change with the account that the portal has there.
fn elsewhere(cluster: &Cluster, engine: &str) -> Option<Reason> {
    let made = &cluster.status.engine;
    let other = !made.is_empty() && !engine.is_empty() && made != engine;
    other.then(|| {
        let what = format!("It was made on {made}, and its place works with {engine} now. It goes on as it is, and nothing is done to it here");
        Reason::new("MadeElsewhere", format!("{what}: name its engine in the configuration of the place, or give the place the account that it had."))
    })
}

fn reached(cluster: &Cluster, status: &Status) -> bool {
    status.generation == cluster.generation && matches!(status.phase, Phase::Ready | Phase::Paused)
}

/// What the pass counts as, and when to look again.
fn after(context: &Context, claim: &Claim, seen: &Observed, status: &Status, progress: &Progress, failed: bool) -> (Ended, Duration) {
    let settings = &context.settings;
    let later = |most| (Ended::Failed, backoff(claim.attempts.saturating_add(1), most, rand::random()));
    match progress {
        _ if failed => later(settings.backoff),
        Progress::Settled if reached(&claim.cluster, status) => {
            let quiet = context.engine.quiet().unwrap_or(settings.settled);
            (Ended::Settled, rest(&seen.notes, status, settings.settled, quiet, Timestamp::now()))
        }
        // The engine has nothing to do, and yet something is missing: a user that PostgreSQL refuses, an instance that was not seen.
        Progress::Settled => later(settings.settled),
        Progress::Blocked(_) => (Ended::Blocked, settings.settled),
        Progress::Working(_) => (Ended::Working, settings.working),
        Progress::Moved(_) => (Ended::Moving, Duration::ZERO),
    }
}

/// How long a cluster that is as wished for is left alone. What is told beside that may end without anybody telling, as when an address comes late: then it is
/// looked at when that is twice as old, so that what comes soon is seen soon and what never ends costs nothing.
fn rest(notes: &[Reason], status: &Status, settled: Duration, quiet: Duration, now: Timestamp) -> Duration {
    let youngest = notes.iter().filter_map(|note| status.condition(&note.code)).map(|condition| condition.since).max();
    let age = youngest.map(|since| Duration::from_secs(u64::try_from(now.as_second() - since.as_second()).unwrap_or(0)));
    age.map_or(quiet, |age| age.max(settled).min(quiet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::status::Condition;

    #[test]
    fn a_young_note_is_looked_at_again_soon_and_one_that_never_ends_as_seldom_as_none() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let note = Reason::new("NoExternalAddress", "No address yet.");
        let condition = |kind: &str, since| Condition { kind: kind.into(), holds: Some(false), reason: note.clone(), since: at(since) };
        let status = Status { conditions: vec![condition("NoExternalAddress", 1000), condition("Ready", 1990)], ..Status::default() };
        let rest = |notes: &[Reason], now| rest(notes, &status, Duration::from_secs(30), Duration::from_secs(600), at(now)).as_secs();
        let told = [note.clone()];
        assert_eq!([1000, 1031, 1100, 1599, 1700, 9000].map(|now| rest(&told, now)), [30, 31, 100, 599, 600, 600]);
        assert_eq!(rest(&[], 1010), 600, "nothing is told");
        assert_eq!(rest(&told, 900), 30, "clocks differ");
    }
}
