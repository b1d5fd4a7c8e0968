//! A CloudNativePG from before 1.30, which has no DatabaseRole: SQL makes what is inside.

use super::{
    operator::Mood,
    place::{Place, add_database, add_user, cluster},
    support::{crds, eventually, own},
};
use domain::observed::{Progress, Seen};
use kube::{Api, api::DeleteParams};
use serde_json::json;
use server::engine::Sql;

const ROLES: &str = "databaseroles.postgresql.cnpg.io";

#[tokio::test(flavor = "multi_thread")]
async fn without_roles_as_objects_sql_is_asked_to_make_all_that_is_inside() {
    let Some(server) = own().await else { return };
    let client = server.client().await;
    crds(&client).delete(ROLES, &DeleteParams::default()).await.unwrap();
    eventually("the kind is gone", async || crds(&client).get_opt(ROLES).await.unwrap().is_none().then_some(())).await;
    let mut place = Place::open(&server).await;
    let report = place.report("it opens", |report| report.reachable.is_ok() && report.checked_at.is_some()).await;
    assert!(report.findings.iter().any(|finding| !finding.serious && finding.message.contains("users and databases are made by SQL")), "{report:?}");
    assert!(!report.findings.iter().any(|finding| finding.message.contains("databaseroles")), "no right is missed on what is not there: {report:?}");

    let authority = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "authority" }, "stringData": { "ca.crt": "none" } });
    super::support::apply(&client, &place.namespace, &authority).await.unwrap();
    let _operator = place.operator(Mood { password: Some("secret"), ..Mood::default() });
    let mut orders = cluster("orders");
    let user = add_user("alice");
    let database = add_database("shop", "alice", &[]);
    place.wish(&mut orders, [user, database]);
    place.until(&mut orders, "the engine has done its part", |cluster, progress| *progress == Progress::Settled && cluster.status.primary().is_some()).await;
    assert_eq!(place.engine.sql(), Sql::Everything);
    let seen = place.engine.observe(&orders).await.unwrap();
    assert!(matches!(&seen.inside, Seen::Unknown(why) if why.contains("SQL")), "{:?}", seen.inside);
    let entrance = place.engine.primary(&orders).await.unwrap().expect("a way in, as a superuser");
    assert_eq!((entrance.get_username(), entrance.get_database()), ("postgres", Some("postgres")));
    assert!(place.api("Database").list(&Default::default()).await.unwrap().items.is_empty());
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(client, &place.namespace);
    assert!(secrets.get_opt("orders-alice-login").await.unwrap().is_none(), "nobody would read it");
    assert!(!place.engine.objects(&orders).contains("DatabaseRole"));
    place.remove(&mut orders).await;
}
