//! What is known of the platform: its chart, its storage classes, and which rights are missing. Looked at in the background, so that nobody waits for it.

use super::{
    chart::Chart,
    crd::{Choices, Pod, Postgres, Service, Workload},
};
use crate::engine::kube::{
    object::{Kind, Readable},
    place::Place,
};
use domain::{ProjectId, place::Finding};
use kube::{Client, api::PostParams};
use serde_json::{Value, json};
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
    let missing = missing(place, &namespace).await;
    if !missing.is_empty() {
        let remedy = format!("Bind the account of the portal to the ClusterRole cozy:tenant (or a larger one) in {namespace}.");
        findings.push(Finding { serious: true, message: format!("The portal lacks rights there: {}.", missing.join(", ")), remedy });
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

/// Rights that are needed and missing. What could not be asked is not called missing.
async fn missing(place: &Place, namespace: &str) -> Vec<String> {
    const READ: &[&str] = &["list", "watch"];
    let needed: [(Kind, &[&str]); 4] =
        [(Postgres::KIND, &["get", "list", "watch", "create", "patch", "delete"]), (Pod::KIND, READ), (Service::KIND, &["get"]), (Workload::KIND, &["list"])];
    let all = needed.iter().flat_map(|(kind, verbs)| verbs.iter().map(move |verb| (kind, *verb)));
    let answers = futures::future::join_all(all.map(|(kind, verb)| async move {
        let refused = may(place, namespace, kind, verb).await == Some(false);
        let dot = if kind.group.is_empty() { "" } else { "." };
        refused.then(|| format!("{verb} {}{dot}{}", kind.plural, kind.group))
    }));
    answers.await.into_iter().flatten().collect()
}

async fn may(place: &Place, namespace: &str, kind: &Kind, verb: &str) -> Option<bool> {
    const REVIEW: Kind = Kind { group: "authorization.k8s.io", version: "v1", kind: "SelfSubjectAccessReview", plural: "selfsubjectaccessreviews" };
    let attributes = json!({"namespace": namespace, "group": kind.group, "resource": kind.plural, "verb": verb});
    let review = json!({"apiVersion": REVIEW.api_version(), "kind": REVIEW.kind, "metadata": {}, "spec": {"resourceAttributes": attributes}});
    let review = serde_json::from_value(review).ok()?;
    let api = place.api(&REVIEW, None).ok()?;
    let answer = place.call("asking for rights", ANSWER, api.create(&PostParams::default(), &review)).await.ok()?;
    answer.data.pointer("/status/allowed")?.as_bool()
}
