//! One pass over one claimed cluster: converge · observe · look inside · derive · write. Rounds follow each other while the engine moves.
//!
//! Never keeps the lease and never frees it but by settling: that is the worker's part.

use super::{
    Context, events,
    memory::{Primaries, backoff},
};
use crate::{
    engine::EngineError,
    postgres::inside,
    store::{
        StoreError, clusters, credentials,
        due::{self, Claim},
    },
};
use anyhow::anyhow;
use domain::{
    Cluster, Phase, Status, Timestamp,
    observed::{Inside, Observed, Progress, Seen},
    spec::Power,
    status::Reason,
};
use std::{future::Future, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::{info, warn};

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

/// One pass. `news` fires when the row changed, our own writes included.
pub(super) async fn run(context: &Context, claim: &mut Claim, primaries: &Primaries, mut news: watch::Receiver<()>) -> Result<Ended, StoreError> {
    let started = Instant::now();
    let mut inside: Option<(u64, Inside)> = None;
    let mut round = 0;
    loop {
        round += 1;
        if news.has_changed().unwrap_or(false) {
            news.mark_unchanged();
            match clusters::get(&context.store, claim.cluster.id).await {
                Ok(fresh) => claim.cluster = fresh,
                Err(StoreError::NotFound) => return Ok(Ended::Lost),
                Err(error) => return Err(error),
            }
        }
        let cluster = &claim.cluster;
        let step = match step(context, cluster, &mut news).await {
            Some(step) => step,
            None => continue,
        };
        let (progress, failed) = match step {
            Ok(progress) => (progress, false),
            Err(EngineError::Blocked(reason)) => (Progress::Blocked(reason), false),
            Err(EngineError::Retry(error)) => {
                warn!(cluster.id = %cluster.id, cluster.name = %cluster.name, error = format!("{error:#}"), "a pass failed");
                (Progress::Working(Reason::new("Retrying", format!("{error:#}. It is tried again by itself."))), true)
            }
        };
        if cluster.deleted_at.is_some() && progress == Progress::Settled {
            info!(cluster.id = %cluster.id, cluster.name = %cluster.name, "a deleted cluster is gone");
            return Ok(if due::forget(&context.store, context.worker, claim).await? { Ended::Gone } else { Ended::Lost });
        }
        let moved = matches!(progress, Progress::Moved(_)) && started.elapsed() < context.settings.pass && round < context.settings.rounds;
        // While moving, one look inside is enough for each generation: connecting costs more than most steps.
        let reuse = inside.take().filter(|(generation, _)| moved && *generation == cluster.generation);
        let seen = look(context, cluster, reuse.map(|(_, inside)| inside)).await;
        inside = seen.inside.known().cloned().map(|inside| (cluster.generation, inside));
        let status = Status::derive(cluster, &seen, &progress, Timestamp::now());
        let events = events::between(cluster, primaries.last(cluster.id).as_deref(), &status);
        if let Some(primary) = status.primary() {
            primaries.saw(cluster.id, &primary.name);
        }
        if status.phase != cluster.status.phase {
            info!(cluster.id = %cluster.id, cluster.name = %cluster.name, phase = ?status.phase, generation = status.generation, "phase");
        }
        if moved {
            if !due::progress(&context.store, context.worker, claim, &status, &events).await? {
                return Ok(Ended::Lost);
            }
            claim.cluster.status = status;
            continue;
        }
        let (ended, next) = after(context, claim, &status, &progress, failed);
        let ours = match ended {
            Ended::Failed => due::postpone(&context.store, context.worker, claim, &status, &events, next).await?,
            _ => due::settle(&context.store, context.worker, claim, &status, &events, next).await?,
        };
        return Ok(if ours { ended } else { Ended::Lost });
    }
}

/// The engine's part of a round, cut off past its deadline. None: cut off because the cluster was deleted meanwhile.
async fn step(context: &Context, cluster: &Cluster, news: &mut watch::Receiver<()>) -> Option<Result<Progress, EngineError>> {
    let limit = context.settings.converge;
    if cluster.deleted_at.is_some() {
        return Some(within(limit, "taking it away", context.engine.remove(cluster)).await);
    }
    let converge = within(limit, "a step", context.engine.converge(cluster));
    tokio::pin!(converge);
    loop {
        tokio::select! {
            done = &mut converge => return Some(done),
            Ok(()) = news.changed() => {
                let fresh = clusters::get(&context.store, cluster.id).await;
                if matches!(&fresh, Ok(fresh) if fresh.generation == cluster.generation) {
                    continue;
                }
                // Taken up at the top of the next round. Only a deletion is worth dropping a step half-way.
                news.mark_changed();
                let deleted = matches!(fresh, Ok(Cluster { deleted_at: Some(_), .. }) | Err(StoreError::NotFound));
                return if deleted { None } else { Some(converge.await) };
            }
        }
    }
}

/// What is there, inside PostgreSQL included. `inside`: what was just seen there.
async fn look(context: &Context, cluster: &Cluster, inside: Option<Inside>) -> Observed {
    let mut seen = within(context.settings.look, "looking", context.engine.observe(cluster)).await.unwrap_or_else(|error| Observed {
        instances: Seen::Unknown(error.to_string()),
        endpoints: Vec::new(),
        inside: Seen::Unknown("The cluster itself could not be seen.".into()),
        notes: Vec::new(),
    });
    if cluster.deleted_at.is_none() && cluster.spec.power == Power::On {
        seen.inside = match inside {
            Some(inside) => Seen::Known(inside),
            None => look_inside(context, cluster).await,
        };
    }
    seen
}

async fn look_inside(context: &Context, cluster: &Cluster) -> Seen<Inside> {
    let limit = context.settings.look;
    let options = match within(limit, "finding the primary", context.engine.primary(cluster)).await {
        Ok(Some(options)) => options,
        Ok(None) => return Seen::Unknown("No instance accepts writes yet.".into()),
        Err(error) => return Seen::Unknown(error.to_string()),
    };
    let verifiers = match credentials::verifiers(&context.store, cluster.id).await {
        Ok(verifiers) => verifiers,
        Err(error) => {
            warn!(cluster.id = %cluster.id, %error, "no verifiers of passwords");
            return Seen::Unknown("The portal cannot reach its own database just now.".into());
        }
    };
    timeout(limit, inside::converge(&options, cluster, &verifiers))
        .await
        .unwrap_or_else(|_| Seen::Unknown(format!("PostgreSQL did not finish users and databases within {} s.", limit.as_secs())))
}

async fn within<T>(limit: Duration, what: &str, call: impl Future<Output = Result<T, EngineError>>) -> Result<T, EngineError> {
    timeout(limit, call).await.unwrap_or_else(|_| Err(anyhow!("{what} took longer than {} s and was cut off", limit.as_secs()).into()))
}

/// What the pass counts as, and when to look again.
fn after(context: &Context, claim: &Claim, status: &Status, progress: &Progress, failed: bool) -> (Ended, Duration) {
    let settings = &context.settings;
    let later = |most| (Ended::Failed, backoff(claim.attempts.saturating_add(1), most, rand::random()));
    let reached = status.generation == claim.cluster.generation && matches!(status.phase, Phase::Ready | Phase::Paused);
    match progress {
        _ if failed => later(settings.backoff),
        Progress::Settled if reached => (Ended::Settled, settings.settled),
        // The engine has nothing to do, and yet something is missing: a user that PostgreSQL refuses, an instance that was not seen.
        Progress::Settled => later(settings.settled),
        Progress::Blocked(_) => (Ended::Blocked, settings.settled),
        Progress::Working(_) => (Ended::Working, settings.working),
        Progress::Moved(_) => (Ended::Moving, Duration::ZERO),
    }
}
