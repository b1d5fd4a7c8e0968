//! What can be had on Cozystack, what is different there, and how to look for oneself: for people.

use super::{chart::Chart, observe::release_name, platform::Platform};
use crate::engine::kube::object::{OWNER, Readable};
use domain::{
    Cluster,
    offer::{Offer, Release},
    spec::MAX_INSTANCES,
    topology::Topology,
    version::Major,
};

/// Extensions of the images that the chart uses: PostgreSQL's own, and the three that CloudNativePG adds. One that is not installed fails a whole release.
const EXTENSIONS: &str = "amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw fuzzystrmatch hstore insert_username \
    intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm \
    pg_visibility pg_walinspect pgaudit pgcrypto pgrowlocks pgstattuple plpgsql postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows \
    tsm_system_time unaccent uuid-ossp vector xml2";

/// What can be had.
pub fn offer(platform: &Platform) -> Offer {
    Offer {
        releases: platform.chart.offered().into_iter().map(release).collect(),
        topologies: vec![Topology::Standalone, Topology::Replicated],
        max_instances: MAX_INSTANCES,
        switchover: false,
        pause: false,
        restart: false,
        rights_at_once: false,
        durable: Err("On Cozystack writes never wait for replicas that are missing: it has no setting for that.".into()),
        external: Ok(()),
        limits: Ok(()),
        storage: Ok(()),
        storage_classes: platform.classes.clone(),
        ca: None,
        remarks: remarks(&platform.chart),
    }
}

/// The minor version is the platform's choice, and not for tenants to see beforehand.
fn release(major: Major) -> Release {
    let extensions = EXTENSIONS.split_whitespace().map(str::to_owned).collect();
    Release { major, full: major.number().to_string(), image: "as Cozystack chooses".into(), extensions }
}

/// What is different from other places.
fn remarks(chart: &Chart) -> Vec<String> {
    let mut all = vec![
        "Lag, sessions and other live measurements are not shown: Cozystack lets tenants neither sign in as superuser nor read the operator's status.",
        "The primary cannot be chosen, and clusters can be neither paused nor restarted on demand.",
        "A removed user is locked out (no password fits, it is in no group) and its role stays: Cozystack has no reliable way to drop it. Its open sessions go on.",
        "A removed database is dropped at once, with its sessions.",
        "What a user makes in a database is open to the other administrators and the readers of that database only after the next change of the cluster.",
        "Readers may also advance sequences.",
        "Databases sort text by its bytes, and lower() and upper() know ASCII letters only: Cozystack makes them with the locale C.",
        "A schema that a user makes has a name of lower-case letters, digits and _ only: the platform's trigger refuses others.",
        "Every cluster has a database and a user named app, which are the operator's.",
        "A new replica waits for the primary's next checkpoint before it starts to copy: that may take minutes on an idle cluster.",
        "Every user may connect to every database; what is in them stays closed without a role.",
        "The owner of a database is a member of its group of administrators, which owns the database itself.",
        "Whether PostgreSQL takes the value of a parameter, and whether one that needs a restart is in effect, cannot be seen. A wrong value keeps it from starting.",
        "Users and databases are changed by one script of the platform's: if it fails, later changes wait for up to 10 minutes. Of a cluster that is deleted while it runs, its pod stays.",
        "The Secret with credentials in the tenant's namespace holds SCRAM verifiers, not passwords: those are shown once, here.",
        "A cluster can be deleted 10 s after its last change at the earliest, and not while Cozystack applies one.",
    ];
    if !chart.takes_parameters() {
        all.push("This version of Cozystack takes no parameter but max_connections.");
    }
    if chart.majors.is_none() {
        all.push("This version of Cozystack chooses the version of PostgreSQL itself.");
    }
    all.into_iter().map(str::to_owned).collect()
}

/// Commands by which a tenant looks for himself.
pub fn commands(cluster: &Cluster, namespace: &str) -> Vec<(String, String)> {
    let (kind, release) = (super::crd::Postgres::KIND, release_name(cluster));
    let one = |what: &str, command: String| (what.to_owned(), command);
    vec![
        one("See the object", format!("kubectl get {}.{} {} -n {namespace} -o yaml", kind.plural, kind.group, cluster.name)),
        one("See its instances", format!("kubectl get pods -n {namespace} -l cnpg.io/cluster={release},cnpg.io/podRole=instance -L cnpg.io/instanceRole")),
        one("See everything of this portal", format!("kubectl get {}.{} -n {namespace} -l {OWNER}", kind.plural, kind.group)),
    ]
}
