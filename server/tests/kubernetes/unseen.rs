//! What the portal may not look at: it says so, goes by what it has, and nobody waits for ever.

use super::{
    database,
    denied::{allow, role},
    exporter::TOLD,
    front::Front,
    operator::{IMAGE, Mood, kind},
    place::{Place, add_user, cluster},
    rights::account,
    support::{Server, apply, eventually, namespace, shared, token},
};
use app::portal::Portal as _;
use domain::{
    Actor, ClusterId, Command, Phase, PlaceName, ProjectId, Role, Spec, Uuid,
    status::{EndpointKind, Item, kinds},
    topology::Topology,
    version::Major,
};
use k8s_openapi::api::{core::v1::Service as KubeService, rbac::v1::ClusterRoleBinding};
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::{
    places::{Places, Site},
    reconcile::{
        self, Settings,
        feed::{self, Known},
        sampler,
    },
    service::{Live, Service},
    store::{Store, clusters},
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A place at which the portal has an account, with every right in its namespace so far.
async fn with_account(server: &Server) -> (Client, String, Place) {
    let admin = server.client().await;
    let home = namespace(&admin).await;
    allow(&admin, &home, &home, "portal").await;
    let bearer = token(&admin, &home, "portal").await;
    let mut place = Place::at(admin.clone(), home.clone(), server.kubeconfig());
    place.reconfigure(|config| config["users"][0]["user"]["token"] = bearer.into());
    (admin, home, place)
}

/// All that is needed, but for these.
fn all_but(without: &[&str]) -> Value {
    let kinds = ["namespaces", "clusters", "clusters/status", "databases", "databaseroles", "secrets", "services", "pods", "persistentvolumeclaims"];
    role(&json!(kinds.iter().filter(|kind| !without.contains(kind)).collect::<Vec<_>>()), &json!(["*"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_may_not_be_read_any_more_stays_as_it_was_known() {
    let Some(server) = shared().await else { return };
    let (admin, home, place) = with_account(server).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    orders.spec.external = true;
    place.until(&mut orders, "it is awaited", |cluster, _| cluster.status.condition("NoExternalAddress").is_some()).await;
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "orders-external" },
        "spec": { "type": "LoadBalancer", "ports": [{ "port": 5432 }] } });
    apply(&admin, &home, &service).await.unwrap();
    let given = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.7" }] } } });
    let services = Api::<KubeService>::namespaced(admin.clone(), &home);
    services.patch_status("orders-external", &PatchParams::default(), &Patch::Merge(given)).await.unwrap();
    let known = |cluster: &domain::Cluster| cluster.status.endpoints.iter().any(|e| e.kind == EndpointKind::External && e.host == "192.0.2.7");
    place.until(&mut orders, "it is given", |cluster, _| known(cluster)).await;
    assert!(orders.status.condition("NoExternalAddress").is_none());
    apply(&admin, &home, &all_but(&["services"])).await.unwrap();
    place.until(&mut orders, "it is told", |cluster, _| cluster.status.condition("ExternalAddressUnseen").is_some()).await;
    let told = orders.status.condition("ExternalAddressUnseen").unwrap();
    assert!(told.reason.message.contains("cannot get resource \"services\""), "{told:?}");
    assert!(known(&orders) && orders.status.condition("NoExternalAddress").is_none(), "{:?}", orders.status);
}

/// The real reconciler, at a place outside of which it runs and whose API server leads to no pod.
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_gets_into_postgresql_the_objects_have_to_do_and_that_is_told() {
    let Some(server) = shared().await else { return };
    let (admin, home, place) = with_account(server).await;
    apply(&admin, &home, &all_but(&["pods/portforward"])).await.unwrap();
    let authority = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "authority" }, "stringData": { "ca.crt": "none" } });
    apply(&admin, &home, &authority).await.unwrap();
    let _operator = place.operator(Mood { password: Some("secret"), ..Mood::default() });
    place.report("it is known", |report| report.reachable.is_ok() && report.checked_at.is_some()).await;

    let portal = Portal::over(&place).await;
    let (store, service) = (&portal.store, &portal.service);
    let id = portal.create(1).await;
    let alice: domain::RoleName = "alice".parse().unwrap();
    let user = add_user("alice");
    let passwords = [(alice.clone(), SecretString::from("correct horse battery staple"))].into();
    service.submit(&ada(), Command::Change { id, expected: None, changes: vec![user] }, passwords).await.unwrap();

    let ready = async || Some(clusters::get(store, id).await.unwrap()).filter(|cluster| cluster.status.phase == Phase::Ready && cluster.status.generation == 2);
    let cluster = eventually("it is ready", ready).await;
    assert_eq!(cluster.status.users[&alice], Item::Active { password_version: 1 });
    let told = cluster.status.condition(kinds::NO_WAY_INSIDE).expect("it is told");
    assert!(told.reason.message.contains("rights inside databases are not granted") && told.reason.message.contains("Cannot connect"), "{told:?}");
    assert!(told.reason.message.contains("connections are not measured") && told.reason.message.contains("rbac.podProxy"), "{told:?}");
    let parameters = cluster.status.condition(kinds::PARAMETERS).expect("told");
    assert_eq!(parameters.holds, None, "nobody has seen them");
    portal.stop().await;
}

/// Lag and connections are what the exporter tells, and that is told, too.
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_gets_into_postgresql_the_exporter_is_believed() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    // Nor does it lead to a port of a pod.
    let _front = Front::of(server, &mut place, TOLD).await;
    let authority = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "authority" }, "stringData": { "ca.crt": "none" } });
    apply(&place.client, &place.namespace, &authority).await.unwrap();
    let _operator = place.operator(Mood { password: Some("secret"), ..Mood::default() });
    place.report("it is known", |report| report.reachable.is_ok() && report.checked_at.is_some()).await;
    let portal = Portal::over(&place).await;
    let id = portal.create(2).await;
    let note = async || clusters::get(&portal.store, id).await.unwrap().status.condition(kinds::NO_WAY_INSIDE).map(|note| note.reason.message.clone());
    let words = eventually("it is told", note).await;
    assert!(words.contains("as far as CloudNativePG's exporter tells them"), "{words}");
    let told = async || portal.live.vitals(id).filter(|vitals| vitals.connections.is_some());
    let vitals = eventually("it is measured", told).await;
    assert_eq!((vitals.connections, vitals.lag(2).map(|lag| lag.bytes), vitals.transactions), (Some((4, 100)), Some(8192), None));
    portal.stop().await;
}

/// The parts of a portal that have to do with one place.
struct Portal {
    store: Store,
    service: Service,
    live: Arc<Live>,
    stop: CancellationToken,
    parts: JoinSet<()>,
}

impl Portal {
    async fn over(place: &Place) -> Self {
        let (name, store): (PlaceName, _) = ("test".parse().unwrap(), database::store().await);
        let places = Arc::new(Places::new([Site::open(name.clone(), String::new(), place.engine.clone())]));
        let (live, stop, known) = (Live::new(), CancellationToken::new(), Arc::<Known>::default());
        let service = Service::new(store.clone(), places, live.clone());
        let settings = Settings {
            settled: Duration::from_millis(200),
            working: Duration::from_millis(100),
            backoff: Duration::from_millis(300),
            shut: Duration::from_secs(2),
            ..Settings::default()
        };
        let mut parts = JoinSet::new();
        parts.spawn(feed::run(store.clone(), live.clone(), known.clone(), Arc::default(), stop.clone()));
        parts.spawn(sampler::run(name.clone(), place.engine.clone(), live.clone(), known, stop.clone()));
        parts.spawn(reconcile::run(store.clone(), name, place.engine.clone(), settings, stop.clone()));
        Self { store, service, live, stop, parts }
    }

    async fn create(&self, instances: u8) -> ClusterId {
        let (id, orders) = (ClusterId(Uuid::new_v4()), "orders".parse().unwrap());
        let mut spec = Box::new(Spec::new(&orders, Major::V17));
        (spec.instances, spec.topology) = (instances, Topology::for_instances(instances));
        let create = Command::Create { id, project: ProjectId::DEFAULT, place: None, name: orders, spec };
        self.service.submit(&ada(), create, Default::default()).await.unwrap();
        id
    }

    async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.parts.join_next().await {
            ended.unwrap();
        }
    }
}

fn ada() -> Actor {
    Actor { id: "token:test".into(), name: "Ada".into(), role: Role::Admin, project: ProjectId::DEFAULT }
}

/// As with rbac.clusterReads=false: nothing outside of the namespace may be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_of_the_namespace_does_where_none_outside_may_be_read() {
    let Some(server) = shared().await else { return };
    let (admin, home, mut place) = with_account(server).await;
    let bindings = Api::<ClusterRoleBinding>::all(admin.clone());
    bindings.delete(&format!("{home}-reads"), &Default::default()).await.unwrap();
    let ours = role(
        &json!(["clusters", "clusters/status", "databases", "databaseroles", "imagecatalogs", "secrets", "pods", "services", "persistentvolumeclaims"]),
        &json!(["*"]),
    );
    apply(&admin, &home, &ours).await.unwrap();
    let tells = |report: &domain::place::Report| report.findings.iter().any(|finding| finding.remedy.contains("ImageCatalog/postgresql"));
    let outside: Api<DynamicObject> = Api::all_with(account(server, &home, "portal").await, &kind("ClusterImageCatalog"));
    eventually("the right to look outside is gone", async || outside.list(&Default::default()).await.is_err().then_some(())).await;
    place.reopen();
    place.report("what to do is told", tells).await;
    assert!(place.engine.offer().releases.is_empty());
    let mut orders = cluster("orders");
    place.blocked(&mut orders, "NoCatalog").await;

    let catalog = json!({ "apiVersion": "postgresql.cnpg.io/v1", "kind": "ImageCatalog", "metadata": { "name": "own" },
        "spec": { "images": [{ "major": 17, "image": IMAGE }] } });
    apply(&admin, &home, &catalog).await.unwrap();
    place.with_catalog("ImageCatalog/own");
    let report = place.report("it is known", |report| report.reachable.is_ok() && report.checked_at.is_some()).await;
    assert!(!tells(&report) && report.facts.contains(&("Image catalog".into(), "own: PostgreSQL 17".into())), "{report:?}");
    assert_eq!(place.engine.offer().releases.iter().map(|release| release.major).collect::<Vec<_>>(), [Major::V17]);
    let _operator = place.operator(Mood::default());
    place.reach(&mut orders).await;
    let images = &place.api("Cluster").get("orders").await.unwrap().data["spec"]["imageCatalogRef"];
    assert_eq!((&images["kind"], &images["name"]), (&json!("ImageCatalog"), &json!("own")));
}
