//! What people ask for, from the first start to the last.

use crate::support::Place;
use domain::Change;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_up_with_users_and_databases_and_goes_without_a_trace() {
    let Some(mut place) = Place::open("life", 1).await else { return };
    place.users(&["alice", "bob"]);
    place.database("shop", &["alice"], &["bob"], &["hstore", "uuid-ossp"]);
    let started = Instant::now();
    place.reach().await;
    eprintln!("one instance, two users and a database as wished for after {:?}", started.elapsed());
    place.ready();
    let before = place.versions().await;
    place.pass().await;
    place.pass().await;
    assert_eq!(place.versions().await, before, "an idle pass writes nothing");
    let mut alice = place.enter("alice", "shop").await.unwrap();
    sqlx::raw_sql("create table t (n int); insert into t values (1)").execute(&mut alice).await.unwrap();
    let mut bob = place.enter("bob", "shop").await.unwrap();
    let n: i32 = sqlx::query_scalar("select n from t").fetch_one(&mut bob).await.unwrap();
    assert_eq!(n, 1, "a reader sees what an admin made later");
    assert_eq!(place.ask("shop", "select string_agg(extname, ',' order by extname) from pg_extension").await, "hstore,plpgsql,uuid-ossp");
    place.wish([Change::RotatePassword { name: "bob".parse().unwrap() }]);
    place.reach().await;
    place.enter("bob", "shop").await.expect("the new password");
    place.remove().await;
}
