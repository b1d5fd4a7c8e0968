//! What can be had from CloudNativePG at a place, and what is said about it.

use super::{apply::catalog, has_roles};
use crate::engine::kube::{
    place::Place,
    probe::{CNPG, Catalog, Facts},
};
use domain::{
    offer::{Offer, Release},
    place::{Finding, Report},
    spec::MAX_INSTANCES,
    topology::Topology,
    version::Major,
};

/// Extensions of PostgreSQL itself, which every image has. What an image has beyond them is not known before it runs.
const CONTRIB: [&str; 24] = [
    "amcheck",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dblink",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "pg_buffercache",
    "pg_stat_statements",
    "pg_trgm",
    "pgcrypto",
    "postgres_fdw",
    "tablefunc",
    "tsm_system_rows",
    "unaccent",
    "uuid-ossp",
];

/// What can be had.
pub fn offer(place: &Place) -> Offer {
    let facts = place.facts();
    let facts = facts.as_deref();
    let classes = facts.and_then(|facts| facts.classes.as_deref()).unwrap_or_default();
    Offer {
        releases: facts.and_then(|facts| chosen(place, facts)).map(releases).unwrap_or_default(),
        topologies: vec![Topology::Standalone, Topology::Replicated],
        max_instances: MAX_INSTANCES,
        switchover: true,
        pause: true,
        restart: true,
        rights_at_once: true,
        durable: Ok(()),
        external: Ok(()),
        limits: Ok(()),
        storage: Ok(()),
        storage_classes: classes.iter().map(|class| class.name.clone()).collect(),
        ca: None,
        remarks: remarks(place),
    }
}

fn remarks(place: &Place) -> Vec<String> {
    let copy = "A new replica waits for the primary's next checkpoint before it starts to copy: that may take minutes on an idle cluster.";
    // Where SQL makes roles, it changes what is wished for and leaves the rest.
    let adopt = "A role made by hand that is then added here as a user keeps what it owns and loses the rest: CloudNativePG takes away every attribute and \
                 membership that the portal does not set, as createdb or pg_monitor.";
    let adopt = has_roles(place).then_some(adopt);
    [copy].into_iter().chain(adopt).map(str::to_owned).collect()
}

fn chosen<'a>(place: &Place, facts: &'a Facts) -> Option<&'a Catalog> {
    let name = catalog(place)?.name;
    facts.catalogs.iter().find(|catalog| catalog.name == name)
}

fn releases(catalog: &Catalog) -> Vec<Release> {
    let one = |(major, image): &(u16, String)| {
        let major = Major::from_number(*major)?;
        Some(Release { major, full: full(major, image), image: image.clone(), extensions: CONTRIB.map(str::to_owned).into() })
    };
    let mut all: Vec<_> = catalog.images.iter().filter_map(one).collect();
    all.sort_by_key(|release| std::cmp::Reverse(release.major));
    all
}

/// From `…/postgresql:17.5-system-trixie` to `17.5`; the major version alone where the tag says no more.
fn full(major: Major, image: &str) -> String {
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("", |(_, tag)| tag);
    let version: String = tag.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let version = version.trim_end_matches('.');
    if version.split('.').next() == Some(&major.number().to_string()) { version.to_owned() } else { major.number().to_string() }
}

/// What is said about the place; `engine`: its name for people.
pub fn report(place: &Place, engine: &str) -> Report {
    let mut report = place.report(engine);
    let Some(facts) = place.facts() else { return report };
    let since = if has_roles(place) { "1.30 or newer" } else { "older than 1.30" };
    report.facts.push(("CloudNativePG".into(), since.into()));
    if place.monitors() {
        report.facts.push(("PodMonitors".into(), "one for each cluster".into()));
    }
    if let Some(catalog) = chosen(place, &facts) {
        let majors: Vec<_> = catalog.images.iter().map(|(major, _)| major.to_string()).collect();
        report.facts.push(("Image catalog".into(), format!("{}: PostgreSQL {}", catalog.name, majors.join(", "))));
    }
    let mut add = |serious, message: String, remedy: &str| report.findings.push(Finding { serious, message, remedy: remedy.into() });
    if !facts.groups.contains(CNPG) {
        let remedy = "Install it (again): clusters that are there go on, but nothing about them can be changed or seen.";
        add(true, "CloudNativePG's kinds are not served at this place.".into(), remedy);
    } else if let Some(why) = &facts.no_catalogs {
        add(true, format!("Image catalogs cannot be read: {why}"), "Grant the right that is told to be missing, or name a catalog that may be read.");
    } else if chosen(place, &facts).is_none() {
        let named =
            catalog(place).map_or_else(|| "There is no ClusterImageCatalog".to_owned(), |images| format!("There is no {} {}", images.kind, images.name));
        let remedy = match place.target().own_catalog() {
            Some(_) => "Create it in the namespace of the clusters.",
            None => "kubectl apply -f https://raw.githubusercontent.com/cloudnative-pg/artifacts/main/image-catalogs/catalog-standard-trixie.yaml",
        };
        add(true, format!("{named}, so no version of PostgreSQL can be had."), remedy);
    }
    if place.target().pod_monitor && !facts.uncertain && !facts.monitors {
        let remedy = "Install prometheus-operator, or its CRD: kubectl apply --server-side -f https://raw.githubusercontent.com/prometheus-operator/\
                      prometheus-operator/main/example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml. Or take pod_monitor out of the \
                      place's configuration.";
        add(false, "PodMonitors are wanted and not served at this place: none is made, and all else goes on.".into(), remedy);
    }
    if facts.groups.contains(CNPG) && !has_roles(place) {
        let remedy = "Nothing has to be done. With CloudNativePG 1.30 they become objects that kubectl shows.";
        add(false, "This CloudNativePG has no DatabaseRole: users and databases are made by SQL.".into(), remedy);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_version_is_read_from_the_tag() {
        assert_eq!(full(Major::V17, "ghcr.io/cloudnative-pg/postgresql:17.5-system-trixie"), "17.5");
        assert_eq!(full(Major::V17, "localhost:5000/postgresql:17"), "17");
        assert_eq!(full(Major::V17, "localhost:5000/postgresql@sha256:abc"), "17");
        assert_eq!(full(Major::V18, "postgresql:latest"), "18");
    }
}
