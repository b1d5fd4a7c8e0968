//! Leases, wakes and dates.

use super::world::*;
use server::store::roots::{self, Claimed};
use std::path::Path;

#[tokio::test]
async fn two_workers_never_hold_one_lease() {
    let store = store().await;
    let portal = service(&store);
    for n in 0..20 {
        created(&portal, &format!("c{n}")).await;
    }
    let work = |store: Store| async move {
        let me = Uuid::new_v4();
        let mut mine = Vec::new();
        while let Some(claim) = claim(&store, me).await {
            mine.push(claim.cluster.id);
        }
        mine
    };
    let all: Vec<ClusterId> = futures::future::join_all((0..8).map(|_| tokio::spawn(work(store.clone())))).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(all.len(), 20);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 20);
}

#[tokio::test]
async fn the_cluster_that_is_due_longest_comes_first() {
    let store = store().await;
    let portal = service(&store);
    let (first, second) = (created(&portal, "first").await, created(&portal, "second").await);
    let me = Uuid::new_v4();
    assert_eq!(claim(&store, me).await.unwrap().cluster.id, first);
    assert_eq!(claim(&store, me).await.unwrap().cluster.id, second);
    assert!(claim(&store, me).await.is_none());
}

#[tokio::test]
async fn a_wish_saved_during_a_pass_is_not_slept_over() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    portal.submit(&admin(), change(id, None, describe("Orders")), Passwords::new()).await.unwrap();
    assert!(claim(&store, Uuid::new_v4()).await.is_none(), "the lease is held");
    assert!(due::settle(&store, me, &pass, &ready(&pass.cluster), &[], LATER).await.unwrap());
    let next = claim(&store, me).await.expect("due at once");
    assert_eq!(next.cluster.generation, 2);
    assert_eq!(next.cluster.status.generation, 1);
    assert!(due::settle(&store, me, &next, &ready(&next.cluster), &[], LATER).await.unwrap());
    assert!(claim(&store, me).await.is_none(), "nothing happened since: it sleeps");
}

#[tokio::test]
async fn a_wake_during_a_pass_survives() {
    let store = store().await;
    let id = created(&service(&store), "orders").await;
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    due::wake(&store, id).await.unwrap();
    assert!(due::postpone(&store, me, &pass, &ready(&pass.cluster), &[], LATER).await.unwrap());
    assert_eq!(due::until_next(&store, &PlaceName::local()).await.unwrap(), Some(Duration::ZERO));
    assert_eq!(claim(&store, me).await.unwrap().attempts, 0, "what woke it deserves a fresh try");
}

#[tokio::test]
async fn failed_passes_are_counted_until_one_settles() {
    let store = store().await;
    created(&service(&store), "orders").await;
    let me = Uuid::new_v4();
    for attempts in 0..3 {
        let pass = claim(&store, me).await.unwrap();
        assert_eq!(pass.attempts, attempts);
        assert!(due::postpone(&store, me, &pass, &Status::default(), &[], Duration::ZERO).await.unwrap());
    }
    let pass = claim(&store, me).await.unwrap();
    assert!(due::settle(&store, me, &pass, &Status::default(), &[], Duration::ZERO).await.unwrap());
    assert_eq!(claim(&store, me).await.unwrap().attempts, 0);
}

#[tokio::test]
async fn nothing_is_written_after_the_lease_was_lost() {
    let store = store().await;
    let id = created(&service(&store), "orders").await;
    let (slow, quick) = (Uuid::new_v4(), Uuid::new_v4());
    let pass = due::claim(&store, &PlaceName::local(), slow, Duration::ZERO).await.unwrap().unwrap();
    let other = eventually("the lease ran out", || claim(&store, quick)).await;
    let news = [NewEvent { kind: Kind::Good, title: "too late".into(), text: String::new(), actor: None }];
    assert!(!due::extend(&store, slow, id, LEASE).await.unwrap());
    assert!(!due::progress(&store, slow, &pass, &ready(&pass.cluster), &news).await.unwrap());
    assert!(!due::settle(&store, slow, &pass, &ready(&pass.cluster), &news, LATER).await.unwrap());
    assert!(!due::forget(&store, slow, &pass).await.unwrap());
    let now = clusters::get(&store, id).await.unwrap();
    assert_eq!(now.status, Status::default());
    assert!(events::list(&store, domain::ProjectId::DEFAULT, id, 10).await.unwrap().iter().all(|e| e.title != "too late"));
    assert!(due::extend(&store, quick, id, LEASE).await.unwrap());
    assert!(due::settle(&store, quick, &other, &ready(&now), &[], LATER).await.unwrap());
}

#[tokio::test]
async fn the_revision_grows_only_when_something_changed() {
    let store = store().await;
    let id = created(&service(&store), "orders").await;
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    for _ in 0..2 {
        assert!(due::progress(&store, me, &pass, &ready(&pass.cluster), &[]).await.unwrap());
    }
    assert!(due::settle(&store, me, &pass, &ready(&pass.cluster), &[], LATER).await.unwrap());
    assert_eq!(clusters::get(&store, id).await.unwrap().revision, 2);
}

#[tokio::test]
async fn until_next_is_the_time_until_somebody_may_claim() {
    let store = store().await;
    assert_eq!(due::until_next(&store, &PlaceName::local()).await.unwrap(), None);
    created(&service(&store), "orders").await;
    assert_eq!(due::until_next(&store, &PlaceName::local()).await.unwrap(), Some(Duration::ZERO));
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    let held = due::until_next(&store, &PlaceName::local()).await.unwrap().unwrap();
    assert!(held > LEASE / 2 && held <= LEASE, "{held:?}");
    assert!(due::settle(&store, me, &pass, &ready(&pass.cluster), &[], LATER).await.unwrap());
    assert!(due::until_next(&store, &PlaceName::local()).await.unwrap().unwrap() > LATER / 2);
}

#[tokio::test]
async fn a_deleted_cluster_is_forgotten_only_by_who_removed_it() {
    let store = store().await;
    let portal = service(&store);
    let id = created(&portal, "orders").await;
    let me = Uuid::new_v4();
    let pass = claim(&store, me).await.unwrap();
    assert!(!due::forget(&store, me, &pass).await.unwrap(), "nobody asked for the deletion");
    let wrong = Command::Delete { id, confirm: Confirm::Typed("order".into()) };
    assert!(matches!(portal.submit(&admin(), wrong, Passwords::new()).await, Err(Error::Invalid(_))));
    let right = Command::Delete { id, confirm: Confirm::Typed("orders".into()) };
    portal.submit(&admin(), right.clone(), Passwords::new()).await.unwrap();
    assert_eq!(portal.submit(&admin(), right, Passwords::new()).await.unwrap().accepted.generation, 2, "asking twice is asking once");
    assert!(due::forget(&store, me, &pass).await.unwrap());
    assert_eq!(portal.cluster(&admin(), id).await, Err(Error::NotFound));
    let kept: i64 = sqlx::query_scalar("select count(*) from audit where cluster_id = $1").bind(id.0).fetch_one(store.pool()).await.unwrap();
    assert_eq!(kept, 2, "the audit outlives the cluster");
}

#[tokio::test]
async fn a_process_that_knows_the_last_one_dead_need_not_wait_for_its_leases() {
    let store = store().await;
    let portal = service(&store);
    created(&portal, "orders").await;
    let (dead, heir) = (Uuid::new_v4(), Uuid::new_v4());
    let held = claim(&store, dead).await.expect("it is due");
    assert!(claim(&store, heir).await.is_none());
    assert_eq!(due::inherit(&store, &PlaceName::local()).await.unwrap(), 1);
    assert!(claim(&store, heir).await.is_some());
    let settled = due::settle(&store, dead, &held, &held.cluster.status, &[], Duration::from_secs(30)).await.unwrap();
    assert!(!settled, "the dead write nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_cut_off_as_it_begins_is_not_left_open() {
    let store = store().await;
    for turn in 0..300u64 {
        let _ = tokio::time::timeout(Duration::from_micros(turn * 3), store.begin()).await;
    }
    let open = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'";
    eventually("no transaction is open", async || (sqlx::query_scalar::<_, i64>(open).fetch_one(store.pool()).await.unwrap() == 0).then_some(())).await;
}

#[tokio::test]
async fn the_clusters_of_a_place_stay_with_the_data_folder_that_has_them() {
    let store = store().await;
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let local = domain::PlaceName::local();
    let claim = async |root, folder: &str| roots::claim(&store, &local, root, Path::new(folder)).await.unwrap();
    assert_eq!(claim(first, "/srv/a").await, Claimed::Ours);
    assert_eq!(claim(second, "/srv/b").await, Claimed::Theirs("/srv/a".into()));
    assert_eq!(claim(first, "/srv/moved").await, Claimed::Ours);
    assert_eq!(claim(second, "/srv/b").await, Claimed::Theirs("/srv/moved".into()));
}
