//! What is announced, and what readers get.

use super::world::*;

#[tokio::test]
async fn changes_are_announced_and_gaps_end_with_a_resync() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let store = Store::connect(&server.database().await).await.unwrap();
    let portal = service(&store);
    let mut heard = changes::listen(store.clone());
    assert_eq!(heard.next().await, Some(Changed::Resync));
    let id = created(&portal, "orders").await;
    assert_eq!(heard.next().await, Some(Changed::Cluster(id)));
    let me = Uuid::new_v4();
    // Neither a lease nor a wake nor an unchanged status is worth a word; a new status is.
    let pass = claim(&store, me).await.unwrap();
    due::wake(&store, id).await.unwrap();
    assert!(due::settle(&store, me, &pass, &Status::default(), &[], LATER).await.unwrap());
    portal.submit(&admin(), Command::Delete { id, confirm: Confirm::Addressed }, Passwords::new()).await.unwrap();
    assert_eq!(heard.next().await, Some(Changed::Cluster(id)));
    let pass = claim(&store, me).await.unwrap();
    assert!(due::forget(&store, me, &pass).await.unwrap());
    assert_eq!(heard.next().await, Some(Changed::Cluster(id)));
    assert!(futures::poll!(heard.next()).is_pending());

    let server = tokio::task::spawn_blocking(move || (server.stop(), server).1).await.unwrap();
    assert_eq!(heard.next().await, Some(Changed::Lost));
    assert_eq!(portal.clusters(&admin()).await, Err(Error::Unavailable));
    let _server = tokio::task::spawn_blocking(move || (server.resume(), server).1).await.unwrap();
    assert_eq!(heard.next().await, Some(Changed::Resync));
    let id = created(&portal, "again").await;
    assert_eq!(heard.next().await, Some(Changed::Cluster(id)));
}

#[tokio::test]
async fn a_full_disk_below_the_portals_own_database_is_no_fault_of_ours() {
    let store = store().await;
    let refused = sqlx::query("do $$ begin raise 'could not extend file' using errcode = 'disk_full'; end $$").execute(store.pool()).await.unwrap_err();
    assert_eq!(Error::from(StoreError::from(refused)), Error::Unavailable, "trying again helps");
}

#[tokio::test]
async fn a_reader_gets_a_snapshot_then_what_concerns_it() {
    let store = store().await;
    let live = Live::new();
    let portal = Service::new(store.clone(), places(), live.clone());
    let id = created(&portal, "orders").await;
    let mut updates = portal.updates(&admin());
    assert!(matches!(updates.next().await, Some(Update::Snapshot(all)) if all.len() == 1));
    assert_eq!(live.watched(), [id]);
    let cluster = portal.cluster(&admin(), id).await.unwrap();
    let foreign = Cluster { id: ClusterId(Uuid::new_v4()), project: ProjectId(Uuid::new_v4()), ..cluster.clone() };
    live.publish(Update::Cluster(Box::new(foreign.clone())));
    live.publish(Update::Gone(foreign.id));
    live.publish(Update::Snapshot(vec![cluster.clone(), foreign]));
    live.publish(Update::Gone(id));
    assert_eq!(updates.next().await, Some(Update::Snapshot(vec![cluster])));
    assert_eq!(updates.next().await, Some(Update::Gone(id)));
    for _ in 0..5000 {
        live.publish(Update::Store { reachable: true });
    }
    assert_eq!(updates.next().await, None, "who lags reads anew");
    drop(updates);
    assert_eq!(live.readers(), 0);
}
