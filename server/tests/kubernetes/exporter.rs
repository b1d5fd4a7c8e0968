//! What an exporter tells, on the whole way through an API server.

use super::{
    front::Front,
    operator::Mood,
    place::{Place, cluster},
    support::shared,
};
use domain::topology::Topology;

/// Of a cluster named orders with two instances.
pub const TOLD: &str = "cnpg_collector_up{cluster=\"orders\"} 1\ncnpg_pg_settings_setting{name=\"max_connections\"} 100\n\
                    cnpg_backends_total{application_name=\"\",datname=\"shop\",state=\"idle\",usename=\"alice\"} 4\n\
                    cnpg_pg_stat_replication_replay_diff_bytes{application_name=\"orders-2\"} 8192\n\
                    cnpg_pg_stat_replication_write_diff_bytes{application_name=\"orders-2\"} 0\n\
                    cnpg_pg_stat_replication_replay_lag_seconds{application_name=\"orders-2\"} 1.5\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_exporter_beside_the_primary_tells_is_asked_for_through_the_api_server_and_not_every_second() {
    let Some(server) = shared().await else { return };
    let mut place = Place::open(server).await;
    let front = Front::of(server, &mut place, TOLD).await;
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    (orders.spec.instances, orders.spec.topology) = (2, Topology::for_instances(2));
    place.reach(&mut orders).await;
    for _ in 0..5 {
        let told = place.engine.hearsay(&orders).await.expect("it is told");
        assert_eq!((told.connections, told.primary), (Some((4, 100)), Some(1)));
        assert_eq!(told.replicas.iter().map(|lag| (lag.ordinal, lag.bytes, lag.seconds)).collect::<Vec<_>>(), [(2, 8192, 1.5)]);
    }
    assert_eq!(front.count("/pods/orders-1:9187/proxy/metrics"), 1);
    assert!(place.engine.unmeasured().contains("exporter tells them"), "{}", place.engine.unmeasured());
}
