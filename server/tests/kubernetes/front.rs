//! Somebody in front of an API server, who passes on what is asked, notes it, and answers for pods, since no kubelet runs any.

use super::{place::Place, support::Server};
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
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinSet};

/// Ends with it.
pub struct Front {
    asked: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<std::io::Result<()>>,
}

impl Front {
    /// Before the server, as an administrator; the place goes through it from now on. `told`: what each pod answers.
    pub async fn of(server: &Server, place: &mut Place, told: &'static str) -> Self {
        let (client, asked) = (server.client().await, Arc::<Mutex<Vec<String>>>::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let noted = asked.clone();
        let router = Router::new().fallback(move |request: Request| {
            noted.lock().unwrap().push(request.uri().path().to_owned());
            pass(client.clone(), told, request)
        });
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await });
        place.reconfigure(|config| config["clusters"][0]["cluster"]["server"] = format!("http://{address}").into());
        Self { asked, _task: task }
    }

    /// How often a path with this in it was asked for since the last time.
    pub fn count(&self, part: &str) -> usize {
        std::mem::take(&mut *self.asked.lock().unwrap()).iter().filter(|path| path.contains(part)).count()
    }
}

async fn pass(client: Client, told: &'static str, request: Request) -> Response {
    if request.uri().path().contains("/proxy/") {
        return told.into_response();
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
