//! What an exporter tells, on the whole way through an API server. No kubelet runs a pod here, so somebody in front of the API server answers for its proxy.

use super::{
    operator::Mood,
    place::{Place, cluster},
    support::shared,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{StatusCode, Uri, header::HOST},
    response::{IntoResponse, Response},
};
use kube::Client;
use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{net::TcpListener, task::JoinSet};

const TOLD: &str = "cnpg_collector_up{cluster=\"orders\"} 1\ncnpg_pg_settings_setting{name=\"max_connections\"} 100\n\
                    cnpg_backends_total{application_name=\"\",datname=\"shop\",state=\"idle\",usename=\"alice\"} 4\n\
                    cnpg_pg_stat_replication_replay_diff_bytes{application_name=\"orders-2\"} 8192\n\
                    cnpg_pg_stat_replication_write_diff_bytes{application_name=\"orders-2\"} 0\n\
                    cnpg_pg_stat_replication_replay_lag_seconds{application_name=\"orders-2\"} 1.5\n";

/// Passes on what it does not answer itself.
async fn pass(client: Client, asked: Arc<AtomicUsize>, request: Request) -> Response {
    if request.uri().path().ends_with("/pods/orders-1:9187/proxy/metrics") {
        asked.fetch_add(1, Ordering::Relaxed);
        return TOLD.into_response();
    }
    let (mut parts, body) = request.into_parts();
    parts.uri = Uri::try_from(parts.uri.path_and_query().unwrap().as_str()).unwrap();
    parts.headers.remove(HOST);
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    match client.send(axum::http::Request::from_parts(parts, body.into())).await {
        Ok(answer) => answer.map(Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_exporter_beside_the_primary_tells_is_asked_for_through_the_api_server_and_not_every_second() {
    let Some(server) = shared().await else { return };
    let (admin, asked) = (server.client().await, Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut front = JoinSet::new();
    let counted = asked.clone();
    let router = Router::new().fallback(move |request: Request| pass(admin.clone(), counted.clone(), request));
    front.spawn(async move { axum::serve(listener, router).await });

    let mut place = Place::open(server).await;
    place.reconfigure(|config| config["clusters"][0]["cluster"]["server"] = format!("http://{address}").into());
    let _operator = place.operator(Mood::default());
    let mut orders = cluster("orders");
    (orders.spec.instances, orders.spec.topology) = (2, domain::topology::Topology::for_instances(2));
    place.reach(&mut orders).await;
    for _ in 0..5 {
        let told = place.engine.hearsay(&orders).await.expect("it is told");
        assert_eq!((told.connections, told.primary), (Some((4, 100)), Some(1)));
        assert_eq!(told.replicas.iter().map(|lag| (lag.ordinal, lag.bytes, lag.seconds)).collect::<Vec<_>>(), [(2, 8192, 1.5)]);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(place.engine.unmeasured().contains("exporter tells them"), "{}", place.engine.unmeasured());
}
