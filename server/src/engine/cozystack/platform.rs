//! What is known of the platform: its chart and its storage classes. Looked at in the background, so that nobody waits for it.

use super::{chart::Chart, crd::Choices};
use crate::engine::kube::place::Place;
use domain::{ProjectId, place::Finding};
use kube::Client;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Where the API says what the chart's values are.
const OPENAPI: &str = "/openapi/v3/apis/apps.cozystack.io/v1alpha1";

/// What is known of the platform.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Its chart.
    pub chart: Chart,
    /// Its storage classes; empty: not known.
    pub classes: Vec<String>,
}

/// What a look came to.
#[derive(Debug, Clone)]
pub struct Known {
    /// For building objects.
    pub platform: Platform,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// Name and value, for people.
    pub facts: Vec<(String, String)>,
}

impl Known {
    /// As long as nobody looked.
    pub fn nothing() -> Self {
        Self { platform: Platform { chart: Chart::assumed(), classes: Vec::new() }, findings: Vec::new(), facts: Vec::new() }
    }
}

/// Looks. None: the place does not answer.
pub async fn look(place: &Place) -> Option<Known> {
    let client = place.client().ok()?;
    let namespace = place.namespace_of(ProjectId::DEFAULT);
    let chart = chart(&client).await;
    let classes = place.get::<Choices>(Some(&namespace), "storageclass").await.ok().flatten();
    let classes: Vec<String> =
        classes.into_iter().flat_map(|choices| choices.body.spec.items).map(|choice| choice.value).filter(|name| !name.is_empty()).collect();
    let mut findings: Vec<Finding> = Vec::new();
    if chart.is_none() {
        findings.push(Finding {
            serious: false,
            message: "What Cozystack's chart can do is not known: its API does not publish a schema. The newest is assumed.".into(),
            remedy: format!("kubectl get --raw {OPENAPI}"),
        });
    }
    let chart = chart.unwrap_or_else(Chart::assumed);
    let majors: Vec<_> = chart.offered().iter().map(ToString::to_string).collect();
    let mut facts = vec![("Versions of PostgreSQL".to_owned(), majors.join(", "))];
    if !classes.is_empty() {
        facts.push(("Storage classes".into(), classes.join(", ")));
    }
    Some(Known { platform: Platform { chart, classes }, findings, facts })
}

async fn chart(client: &Client) -> Option<Chart> {
    let request = axum::http::Request::get(OPENAPI).header("accept", "application/json").body(Vec::new()).ok()?;
    let openapi: Value = timeout(ANSWER, client.request(request)).await.ok()?.ok()?;
    Chart::read(&openapi)
}
