//! What is said about a place: from its last look to words, for every engine that works there.

use super::{
    Choice, fitting,
    place::Place,
    probe::{CNPG, COZYSTACK, Facts, Lack},
    rights::Part,
};
use domain::{
    offer::Offer,
    place::{Finding, Report},
};

impl Place {
    /// What holds for the place whatever engine works there; `engine` is its name for people.
    pub fn report(&self, engine: &str) -> Report {
        let checked = self.checked();
        let reachable = match (&checked.down, &checked.facts) {
            (Some(why), _) => Err(why.clone()),
            (None, Some(_)) => Ok(()),
            (None, None) => Err("The API server was not reached yet; it is being tried.".into()),
        };
        let (facts, findings) = checked.facts.as_ref().map_or_else(Default::default, |facts| (self.words(facts), self.findings(facts)));
        Report { engine: engine.into(), reachable, checked_at: checked.at, facts, findings }
    }

    fn words(&self, facts: &Facts) -> Vec<(String, String)> {
        let mut all = vec![("Kubernetes".to_owned(), facts.version.clone()), ("Namespace".to_owned(), self.target().namespace.clone())];
        if let Some(classes) = &facts.classes {
            let one = |class: &super::probe::Class| match (class.default, class.grows) {
                (true, true) => format!("{} (default)", class.name),
                (true, false) => format!("{} (default, volumes cannot grow)", class.name),
                (false, true) => class.name.clone(),
                (false, false) => format!("{} (volumes cannot grow)", class.name),
            };
            all.push(("Storage classes".into(), classes.iter().map(one).collect::<Vec<_>>().join(", ")));
        }
        all
    }

    fn findings(&self, facts: &Facts) -> Vec<Finding> {
        let mut all = Vec::new();
        let mut add = |serious, message: String, remedy: String| all.push(Finding { serious, message, remedy });
        if !facts.groups.contains(CNPG) && !facts.groups.contains(COZYSTACK) {
            let remedy = "Install CloudNativePG: https://cloudnative-pg.io/docs/current/installation_upgrade";
            add(true, "Neither CloudNativePG nor Cozystack is installed there.".into(), remedy.into());
        }
        if facts.namespace == Some(false) {
            let name = &self.target().namespace;
            add(true, format!("The namespace {name} does not exist."), format!("kubectl create namespace {name}"));
        }
        let works = match self.target().engine {
            Choice::Auto => fitting(facts),
            chosen => Some(chosen),
        };
        if works.is_none() && facts.uncertain {
            let remedy = "Nothing has to be done: it is asked again within seconds. If that goes on, see whether the API server is overloaded.";
            add(true, "What is there, or what the portal may do there, could not wholly be found out. Until then no engine is chosen.".into(), remedy.into());
        }
        if works == Some(Choice::Cozystack) && self.target().pod_monitor {
            let remedy = "Take pod_monitor out of the place's configuration.";
            add(false, "Cozystack makes the PodMonitors of its clusters itself: pod_monitor says nothing here.".into(), remedy.into());
        }
        // Where Cozystack does the work, its tenants need no right but to what it serves them, and elsewhere nobody needs those.
        let counts = |lack: &&Lack| match works {
            Some(Choice::Cozystack) => lack.right.part == Part::Cozystack,
            Some(Choice::Cnpg) => lack.right.part != Part::Cozystack,
            Some(Choice::Auto) | None => false,
        };
        for Lack { right, asks } in facts.missing.iter().filter(counts) {
            let asks: Vec<_> = asks.iter().map(ToString::to_string).collect();
            add(right.is_vital(), format!("The portal may not {}: needed to {}.", asks.join(", "), right.why), right.what_to_do.into());
        }
        if facts.classes.as_ref().is_some_and(|_| facts.default_class().is_none()) {
            let remedy = "Choose a class for each cluster, or annotate one: storageclass.kubernetes.io/is-default-class: \"true\".";
            add(false, "No storage class is the default one.".into(), remedy.into());
        }
        all
    }
}

/// What a place offers that was never reached.
pub(super) fn nothing() -> Offer {
    let unknown = || Err("Not known yet: the place was not reached.".to_owned());
    Offer {
        releases: Vec::new(),
        topologies: Vec::new(),
        max_instances: 0,
        switchover: false,
        pause: false,
        restart: false,
        rights_at_once: false,
        durable: unknown(),
        external: unknown(),
        limits: unknown(),
        storage: unknown(),
        storage_classes: Vec::new(),
        ca: None,
        remarks: Vec::new(),
    }
}
