//! Where clusters can be created: one engine for each place. Decides which place is meant when none is named; knows nothing of how an engine works.

use crate::engine::Engine;
use domain::{
    Error, PlaceName,
    offer::Offer,
    place::{Place, Report},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use tracing::warn;

/// One place.
pub struct Site {
    name: PlaceName,
    region: String,
    engine: OnceLock<Arc<dyn Engine>>,
    /// Where the process that owns the engine writes down what it knows, for the processes that do not; none: every process has the engine.
    notice: Option<PathBuf>,
}

impl Site {
    /// A place whose engine comes later, in this process or in another one that writes `notice`.
    pub fn waiting(name: PlaceName, region: String, notice: PathBuf) -> Self {
        Self { name, region, engine: OnceLock::new(), notice: Some(notice) }
    }

    /// A place with its engine.
    pub fn open(name: PlaceName, region: String, engine: Arc<dyn Engine>) -> Self {
        Self { name, region, engine: OnceLock::from(engine), notice: None }
    }

    /// Its name.
    pub fn name(&self) -> &PlaceName {
        &self.name
    }

    /// Its engine, if this process has it.
    pub fn engine(&self) -> Option<&Arc<dyn Engine>> {
        self.engine.get()
    }

    /// The engine is there from now on, and other processes are told what it offers.
    pub fn opened(&self, engine: Arc<dyn Engine>) -> &Arc<dyn Engine> {
        let engine = self.engine.get_or_init(|| engine);
        if let Some(notice) = &self.notice {
            let known = (engine.offer(), engine.report());
            let written = serde_json::to_vec(&known).map_err(anyhow::Error::from).and_then(|text| Ok(replace(notice, &text)?));
            if let Err(error) = written {
                warn!(error = format!("{error:#}"), path = %notice.display(), "other processes will not know what can be had");
            }
        }
        engine
    }

    fn seen(&self) -> Place {
        let noticed = || self.notice.as_ref().and_then(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok());
        let (offer, report) = match self.engine.get() {
            Some(engine) => (engine.offer(), engine.report()),
            None => noticed().unwrap_or_else(nothing),
        };
        Place { name: self.name.clone(), region: self.region.clone(), report, offer }
    }
}

/// All places of a portal.
pub struct Places(Vec<Arc<Site>>);

impl Places {
    /// These places. A second one of a name is left out, with a warning: people could not tell them apart.
    pub fn new(sites: impl IntoIterator<Item = Site>) -> Self {
        let mut all: Vec<Arc<Site>> = Vec::new();
        for site in sites {
            if all.iter().any(|other| other.name == site.name) {
                warn!(place = %site.name, "two places have this name; the second one is left out");
            } else {
                all.push(Arc::new(site));
            }
        }
        Self(all)
    }

    /// All of them, as given.
    pub fn sites(&self) -> &[Arc<Site>] {
        &self.0
    }

    /// What is known of each.
    pub fn all(&self) -> Vec<Place> {
        self.0.iter().map(|site| site.seen()).collect()
    }

    /// The place of that name; none given: the only one, else `local`.
    pub fn get(&self, name: Option<&PlaceName>) -> Result<Place, Error> {
        Ok(self.site(name)?.seen())
    }

    /// The engine that a cluster of that place runs on. Unavailable: not in this process.
    pub fn engine(&self, name: &PlaceName) -> Result<Arc<dyn Engine>, Error> {
        self.site(Some(name))?.engine.get().cloned().ok_or(Error::Unavailable)
    }

    fn site(&self, name: Option<&PlaceName>) -> Result<&Site, Error> {
        let found = match (name, self.0.as_slice()) {
            (None, [only]) => Some(only),
            (None, all) => all.iter().find(|site| site.name == PlaceName::local()),
            (Some(name), all) => all.iter().find(|site| site.name == *name),
        };
        found.map(AsRef::as_ref).ok_or_else(|| {
            let names: Vec<_> = self.0.iter().map(|site| site.name.as_str()).collect();
            let what = name.map_or_else(|| "Say in which place".into(), |name| format!("There is no place {name}"));
            Error::invalid("place", format!("{what}; there are: {}.", names.join(", ")))
        })
    }
}

/// Whoever reads the file meanwhile sees the old text or the new one, never half of it.
fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text)?;
    std::fs::rename(fresh, path)
}

/// Nobody has the engine yet.
fn nothing() -> (Offer, Report) {
    let why = "The engine is not open yet.";
    let no = || Err(why.to_owned());
    let offer = Offer {
        releases: Vec::new(),
        topologies: Vec::new(),
        max_instances: 0,
        switchover: false,
        pause: false,
        restart: false,
        rights_at_once: false,
        durable: no(),
        external: no(),
        limits: no(),
        storage: no(),
        storage_classes: Vec::new(),
        ca: None,
        remarks: Vec::new(),
    };
    (offer, Report { engine: String::new(), reachable: no(), checked_at: None, facts: Vec::new(), findings: Vec::new() })
}
