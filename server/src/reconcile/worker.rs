//! Claims due clusters and attends to each in a task of its own: keeps its lease, cuts it off, survives its panics.

use super::{
    Context, Settings,
    memory::{Primaries, backoff},
    nudges,
    pass::{self, Ended},
};
use crate::{
    engine::Engine,
    store::{
        Store, StoreError,
        changes::{self, Changed},
        due::{self, Claim},
    },
};
use domain::{ClusterId, PlaceName};
use futures::{FutureExt, StreamExt};
use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use uuid::Uuid;

/// Longest statement of ours on the portal's own database.
const STATEMENT: Duration = Duration::from_secs(5);

/// Reconciles the clusters of a place until `stop`: then claims nothing more, gives running passes their grace, cuts off the rest and gives back every lease.
pub async fn run(store: Store, place: PlaceName, engine: Arc<dyn Engine>, settings: Settings, stop: CancellationToken) {
    let context = Arc::new(Context { store, place, engine, worker: Uuid::new_v4(), settings, woken: Notify::new() });
    let cut = CancellationToken::new();
    let mut crew =
        Crew { context: context.clone(), primaries: Arc::default(), running: HashMap::new(), tasks: JoinSet::new(), passes: 0, cut: cut.clone(), away: 0 };
    let mut changes = changes::listen(context.store.clone());
    let nudges = nudges::forward(&context);
    tokio::pin!(nudges);
    while !stop.is_cancelled() {
        let wait = crew.fill().await;
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(wait) => {}
            () = &mut nudges => {}
            () = context.woken.notified() => {}
            Some(done) = crew.tasks.join_next() => crew.dismiss(done.ok()),
            Some(change) = changes.next() => crew.tell(change),
        }
    }
    let grace = sleep(context.settings.grace);
    tokio::pin!(grace);
    loop {
        tokio::select! {
            done = crew.tasks.join_next() => match done {
                Some(done) => crew.dismiss(done.ok()),
                None => break,
            },
            () = &mut grace, if !cut.is_cancelled() => cut.cancel(),
            Some(change) = changes.next() => crew.tell(change),
        }
    }
}

struct Crew {
    context: Arc<Context>,
    primaries: Arc<Primaries>,
    /// Clusters with a pass, each with the way to tell it that its row changed, and the number of the pass.
    running: HashMap<ClusterId, (u64, watch::Sender<()>)>,
    tasks: JoinSet<(ClusterId, u64)>,
    passes: u64,
    cut: CancellationToken,
    /// Claims in a row that the store did not answer.
    away: u32,
}

impl Crew {
    /// Claims what is due while there are free hands; how long to wait for more.
    async fn fill(&mut self) -> Duration {
        let context = self.context.clone();
        let (settings, store) = (&context.settings, &context.store);
        while self.tasks.len() < settings.passes {
            match in_time(due::claim(store, &context.place, context.worker, settings.lease)).await {
                Ok(Some(claim)) => self.attend(claim),
                Ok(None) => {
                    self.away = 0;
                    let next = in_time(due::until_next(store, &context.place)).await.ok().flatten().unwrap_or(settings.idle);
                    // Never zero: a row that is due and yet not claimed is locked by somebody for a moment.
                    return next.clamp(Duration::from_millis(20), settings.idle);
                }
                Err(error) => return self.store_away(&error),
            }
        }
        settings.idle
    }

    fn store_away(&mut self, error: &StoreError) -> Duration {
        self.away += 1;
        if self.away == 1 {
            warn!(%error, "the portal's own database does not answer; nothing new is taken up until it does");
        }
        backoff(self.away, Duration::from_secs(5), rand::random()) / 2
    }

    fn attend(&mut self, claim: Claim) {
        let id = claim.cluster.id;
        self.passes += 1;
        let number = self.passes;
        let (tell, news) = watch::channel(());
        // A cluster that is due again at once may be claimed before its last pass was dismissed, or, its lease lost, has ended.
        let before = self.running.insert(id, (number, tell)).map(|(_, tell)| tell);
        let (context, primaries, cut) = (self.context.clone(), self.primaries.clone(), self.cut.clone());
        self.tasks.spawn(async move {
            if let Some(before) = before {
                before.closed().await;
            }
            attend(&context, &primaries, claim, news, cut).await;
            (id, number)
        });
    }

    fn dismiss(&mut self, done: Option<(ClusterId, u64)>) {
        // None cannot be, since panics are caught within; what it leaves behind is replaced by the next pass.
        if let Some((id, number)) = done
            && self.running.get(&id).is_some_and(|(last, _)| *last == number)
        {
            self.running.remove(&id);
        }
    }

    fn tell(&self, change: Changed) {
        match change {
            Changed::Cluster(id) => {
                if let Some((_, tell)) = self.running.get(&id) {
                    tell.send_replace(());
                }
            }
            Changed::Resync => self.running.values().for_each(|(_, tell)| {
                tell.send_replace(());
            }),
            Changed::Lost => {}
        }
    }
}

/// A pass with its lease. Whatever happens in it, the lease is given back or runs out.
async fn attend(context: &Context, primaries: &Primaries, mut claim: Claim, news: watch::Receiver<()>, cut: CancellationToken) {
    let id = claim.cluster.id;
    let started = Instant::now();
    metrics::gauge!("howdah_passes_running").increment(1.0);
    let outcome = tokio::select! {
        biased;
        () = keep_lease(context, id) => {
            warn!(cluster.id = %id, "the lease was lost; the pass was cut off");
            "lost"
        }
        () = cut.cancelled() => {
            info!(cluster.id = %id, "the pass was cut off since the portal stops");
            "cut off"
        }
        ended = AssertUnwindSafe(pass::run(context, &mut claim, primaries, news)).catch_unwind() => match ended {
            Ok(Ok(ended)) => word(ended),
            Ok(Err(error)) => {
                warn!(cluster.id = %id, %error, "the outcome of a pass could not be stored");
                "store"
            }
            Err(panic) => {
                error!(cluster.id = %id, panic = text(panic.as_ref()), "a pass panicked");
                "panic"
            }
        }
    };
    if let Err(error) = in_time(give_back(context, &claim, outcome)).await {
        debug!(cluster.id = %id, %error, "the lease was not given back; it runs out");
    }
    if outcome == "gone" {
        primaries.forget(id);
    }
    let seconds = started.elapsed().as_secs_f64();
    metrics::gauge!("howdah_passes_running").decrement(1.0);
    metrics::counter!("howdah_passes_total", "outcome" => outcome).increment(1);
    metrics::histogram!("howdah_pass_duration_seconds", "outcome" => outcome).record(seconds);
    debug!(cluster.id = %id, outcome, duration_ms = started.elapsed().as_millis() as u64, "pass");
}

/// Frees the lease after a pass that could not do so itself, with the status as it was last written.
async fn give_back(context: &Context, claim: &Claim, outcome: &str) -> Result<bool, StoreError> {
    let (store, worker, status) = (&context.store, context.worker, &claim.cluster.status);
    match outcome {
        "cut off" => due::settle(store, worker, claim, status, &[], Duration::ZERO).await,
        "store" => due::settle(store, worker, claim, status, &[], context.settings.working).await,
        "panic" => {
            let pause = backoff(claim.attempts.saturating_add(1), context.settings.backoff, rand::random());
            due::postpone(store, worker, claim, status, &[], pause).await
        }
        _ => Ok(true),
    }
}

/// Extends the lease again and again; ends when it is lost, or may be soon.
async fn keep_lease(context: &Context, id: ClusterId) {
    let settings = &context.settings;
    let mut sure = Instant::now();
    loop {
        sleep(settings.extend).await;
        let asked = Instant::now();
        match timeout(settings.extend / 2, due::extend(&context.store, context.worker, id, settings.lease)).await {
            Ok(Ok(true)) => sure = asked,
            Ok(Ok(false)) => return,
            // The store is away: the lease holds for a while yet, and nobody else can claim it without the store either.
            Ok(Err(_)) | Err(_) if sure.elapsed() + settings.extend * 2 < settings.lease => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

async fn in_time<T>(statement: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(STATEMENT, statement).await.unwrap_or(Err(StoreError::Database(sqlx::Error::PoolTimedOut)))
}

fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Settled => "settled",
        Ended::Working => "working",
        Ended::Moving => "moving",
        Ended::Blocked => "blocked",
        Ended::Failed => "failed",
        Ended::Gone => "gone",
        Ended::Lost => "lost",
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
