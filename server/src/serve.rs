//! The portal process: opens its parts in order, runs them, and joins them when it is told to stop. Clusters go on running.

use crate::{
    auth,
    config::{Serve, State, places},
    engine::{
        Engine,
        kube::{self, Target},
    },
    http::{self, Shell, guard::Authenticate, limit::Limits},
    places::{Places, Site},
    private::Database,
    reconcile::{
        self, Settings,
        feed::{self, Known},
        sampler,
    },
    service::{Live, Service},
    store::{Store, access},
    telemetry,
};
use anyhow::{Context, Result};
use async_trait::async_trait;
use axum::serve::ListenerExt;
use domain::{Actor, Error, PlaceName, ProjectId, Role};
use futures::FutureExt;
use secrecy::ExposeSecret;
use std::{
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;
use tracing::{error, info, warn};

mod owner;

/// How long connections may go on after the portal was told to stop.
const GRACE: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);

/// Serves until SIGTERM or SIGINT.
pub async fn serve(config: Serve) -> Result<()> {
    telemetry::log(config.log);
    let metrics = telemetry::measure()?;
    let stop = on_signal()?;
    let chosen = places::chosen(&config)?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("listening on {}", config.listen))?;
    let here = format!("http://{}", listener.local_addr().context("the address that is listened on")?);
    let public = config.public_url.clone().unwrap_or_else(|| here.clone());
    let Some(database) = open(&config, &stop).await? else { return Ok(()) };
    let store = database.store.clone();

    let live = Live::new();
    let known = Arc::new(Known::default());
    let reachable = Arc::new(AtomicBool::new(true));
    let mut parts = JoinSet::new();
    parts.spawn(feed::run(store.clone(), live.clone(), known.clone(), reachable.clone(), stop.clone()));
    parts.spawn(sweep(store.clone(), stop.clone()));
    let places = Arc::new(Places::new(sites(&config, chosen, &stop)));
    let work = Parts { store: store.clone(), live: live.clone(), known, stop: stop.clone() };
    for site in places.sites() {
        match site.engine().cloned() {
            Some(engine) => _ = parts.spawn(work.clone().run(site.name().clone(), engine)),
            None => owner::Owner::new(&config.state).start(&mut parts, site.clone(), work.clone()).await,
        }
    }

    let shell = Shell {
        portal: Arc::new(Service::new(store.clone(), places, live)),
        auth: Arc::new(Doors { auth: auth::Auth::new(store.clone()), store: store.clone() }),
        ready: ready(store.clone()),
        metrics: metrics.clone(),
        public_url: config.public_url.clone(),
        stop: stop.clone(),
        limits: Arc::new(Limits::default()),
        remembered: Arc::default(),
        reachable,
    };
    parts.spawn(upkeep(metrics, stop.clone()));
    let router = http::router(shell, auth::session::layer(store.clone(), &public));
    if let Err(error) = std::fs::create_dir_all(config.state.folder()).and_then(|()| std::fs::write(address_file(&config.state), &public)) {
        warn!(%error, "`howdah link` will not know where the portal is");
    }
    announce(&here, &public, &store).await;
    answer(listener, router, &stop).await;
    while let Some(ended) = parts.join_next().await {
        if let Err(error) = ended {
            error!(%error, "a part of the portal ended badly");
        }
    }
    database.close().await?;
    info!("stopped; clusters go on running");
    Ok(())
}

/// The places that the portal was told of.
fn sites(config: &Serve, chosen: places::Chosen, stop: &CancellationToken) -> Vec<Site> {
    let here = chosen.local.then(|| Site::waiting(PlaceName::local(), String::new(), owner::Owner::notice(&config.state)));
    let there = chosen.kubernetes.into_iter().map(|places::Kubernetes { name, region, kubeconfig, context, namespace, engine, catalog, pod_monitor }| {
        let target = Target { name: name.clone(), kubeconfig, context, namespace, engine, catalog, pod_monitor, stop: stop.clone() };
        Site::open(name, region, kube::open(target))
    });
    here.into_iter().chain(there).collect()
}

/// What the reconciler of each place needs.
#[derive(Clone)]
struct Parts {
    store: Store,
    live: Arc<Live>,
    known: Arc<Known>,
    stop: CancellationToken,
}

impl Parts {
    /// Reconciles and measures the clusters of one place. Each place has its own workers: one that does not answer never keeps another one waiting.
    async fn run(self, place: PlaceName, engine: Arc<dyn Engine>) {
        let Self { store, live, known, stop } = self;
        let reconciler = reconcile::run(store, place.clone(), engine.clone(), Settings::default(), stop.clone());
        tokio::join!(reconciler, sampler::run(place, engine, live, known, stop));
    }
}

/// Makes an API token of the default project and returns it in clear, once.
pub async fn create_token(state: State, name: String, role: Role) -> Result<String> {
    on_the_spot(&state, async |store| Ok(auth::token::create(store, &name, role, ProjectId::DEFAULT).await?.expose_secret().to_owned())).await
}

/// The tokens that there are, by name, role, and when they were made and used.
pub async fn tokens(state: State) -> Result<Vec<access::Known>> {
    on_the_spot(&state, async |store| Ok(access::tokens(store, ProjectId::DEFAULT).await?)).await
}

/// Ends every token of that name. Returns how many there were.
pub async fn revoke_tokens(state: State, name: String) -> Result<u64> {
    on_the_spot(&state, async |store| Ok(access::revoke(store, name.trim(), ProjectId::DEFAULT).await?)).await
}

/// Makes a one-time sign-in link and returns its address.
pub async fn create_link(state: State, role: Role) -> Result<String> {
    let public = std::fs::read_to_string(address_file(&state)).unwrap_or_else(|_| "http://127.0.0.1:8080".into());
    on_the_spot(&state, async |store| Ok(format!("{}/sign-in/{}", public.trim(), auth::link::create(store, role).await?.expose_secret()))).await
}

/// Where `howdah link` reads under which URL the portal of this data folder was reached last.
fn address_file(state: &State) -> PathBuf {
    state.folder().join("address")
}

/// Does something with the portal's database, whether or not the portal runs.
async fn on_the_spot<T>(state: &State, work: impl AsyncFnOnce(&Store) -> Result<T>) -> Result<T> {
    let database = Database::open(state).await?;
    let done = work(&database.store).await;
    database.close().await?;
    done
}

/// The database, as soon as it answers. None: told to stop before it did.
async fn open(config: &Serve, stop: &CancellationToken) -> Result<Option<Database>> {
    let mut tries = 0_u32;
    loop {
        let opened = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            opened = Database::open(&config.state) => opened,
        };
        match opened {
            Ok(database) => return Ok(Some(database)),
            // A private PostgreSQL that does not start needs a person; somebody else's may just not be up yet.
            Err(error) if config.state.database().is_none() => return Err(error),
            Err(error) if tries.is_multiple_of(15) => warn!(error = format!("{error:#}"), "waiting for the database of DATABASE_URL; trying every 2 s"),
            Err(_) => {}
        }
        tries += 1;
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = sleep(Duration::from_secs(2)) => {}
        }
    }
}

/// Answers requests until `stop`, and those under way a little longer.
async fn answer(listener: TcpListener, router: axum::Router, stop: &CancellationToken) {
    let listener = listener.tap_io(|connection| {
        // Small messages of the event stream are not to wait for each other. Failing costs only that.
        let _ = connection.set_nodelay(true);
    });
    let server = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).with_graceful_shutdown(stop.clone().cancelled_owned());
    let late = async {
        stop.cancelled().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = server.into_future() => if let Err(error) = served {
            error!(%error, "listening failed");
            stop.cancel();
        },
        () = late => warn!("connections that did not end were cut off"),
    }
}

/// Says where the portal is, and how to get in the first time.
async fn announce(here: &str, public: &str, store: &Store) {
    let link = match auth::link::create(store, Role::Admin).await {
        Ok(link) => format!("sign in: {public}/sign-in/{}\n", link.expose_secret()),
        Err(error) => {
            warn!(%error, "no sign-in link; `howdah link` makes one");
            String::new()
        }
    };
    // Nobody reading is no reason not to serve.
    let _ = write!(std::io::stdout(), "ready {here}\n{link}").and_then(|()| std::io::stdout().flush());
}

fn on_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("waiting for SIGINT")?;
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        info!("stopping");
        told.cancel();
        // Asked twice: at once. Nothing is lost, since every step may stop half-way.
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        std::process::exit(1);
    });
    Ok(stop)
}

fn ready(store: Store) -> http::health::Ready {
    Arc::new(move || {
        let store = store.clone();
        async move {
            match timeout(Duration::from_secs(3), store.ping()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err("The portal's own database does not answer.".into()),
            }
        }
        .boxed()
    })
}

/// Throws away once an hour what has no more use.
async fn sweep(store: Store, stop: CancellationToken) {
    while timeout(HOUR, stop.cancelled()).await.is_err() {
        if let Err(error) = store.sweep().await {
            warn!(%error, "nothing was swept");
        }
    }
}

/// Lets histograms forget what is old.
async fn upkeep(metrics: metrics_exporter_prometheus::PrometheusHandle, stop: CancellationToken) {
    while timeout(Duration::from_secs(5), stop.cancelled()).await.is_err() {
        metrics.run_upkeep();
    }
}

/// Ways in, over the store.
struct Doors {
    auth: auth::Auth,
    store: Store,
}

#[async_trait]
impl Authenticate for Doors {
    async fn bearer(&self, token: &str) -> Result<Option<Actor>, Error> {
        self.auth.bearer(token).await
    }

    async fn session(&self, session: &Session) -> Result<Option<Actor>, Error> {
        self.auth.session(session).await
    }

    async fn sign_in(&self, session: &Session, link: &str) -> Result<Option<Actor>, Error> {
        let Some(actor) = auth::link::redeem(&self.store, link).await? else { return Ok(None) };
        auth::session::sign_in(session, &actor).await?;
        Ok(Some(actor))
    }

    async fn sign_out(&self, session: &Session) -> Result<(), Error> {
        auth::session::sign_out(session).await
    }
}
