//! `/v1/places`: where clusters can be created and what can be had there; and what stands for one cluster in its place.

use super::{Answer, Caller, InstancePath, json, living};
use app::portal::SharedPortal;
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use domain::{
    Error, Timestamp,
    place::{Finding, Place},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A place as REST clients see it.
#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    region: &'a str,
    engine: &'a str,
    reachable: bool,
    reason: Option<&'a str>,
    checked_at: Option<Timestamp>,
    versions: Vec<String>,
    topologies: Vec<&'static str>,
    max_instances: u8,
    storage_classes: &'a [String],
    switchover: bool,
    pause: bool,
    restart: bool,
    rights_at_once: bool,
    external: bool,
    facts: BTreeMap<&'a str, &'a str>,
    findings: &'a [Finding],
    remarks: &'a [String],
}

fn view(place: &Place) -> View<'_> {
    let Place { name, region, report, offer } = place;
    View {
        name: name.as_str(),
        region,
        engine: &report.engine,
        reachable: report.reachable.is_ok(),
        reason: report.reachable.as_ref().err().map(String::as_str),
        checked_at: report.checked_at,
        versions: offer.releases.iter().map(|release| release.major.to_string()).collect(),
        topologies: offer.topologies.iter().map(|topology| topology.name()).collect(),
        max_instances: offer.max_instances,
        storage_classes: &offer.storage_classes,
        switchover: offer.switchover,
        pause: offer.pause,
        restart: offer.restart,
        rights_at_once: offer.rights_at_once,
        external: offer.external.is_ok(),
        facts: report.facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        findings: &report.findings,
        remarks: &offer.remarks,
    }
}

pub async fn index(State(portal): State<SharedPortal>, Caller(_): Caller) -> Answer {
    json(StatusCode::OK, &portal.places().iter().map(view).collect::<Vec<_>>())
}

pub async fn show(State(portal): State<SharedPortal>, Caller(_): Caller, Path(name): Path<String>) -> Answer {
    let name = name.parse().map_err(|_| Error::NotFound)?;
    let place = portal.place(Some(&name)).map_err(|_| Error::NotFound)?;
    json(StatusCode::OK, &view(&place))
}

pub async fn access(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath) -> Answer {
    living(&portal, &actor, id).await?;
    json(StatusCode::OK, &portal.access(&actor, id).await?)
}

pub async fn objects(State(portal): State<SharedPortal>, Caller(actor): Caller, InstancePath(id): InstancePath) -> Answer {
    living(&portal, &actor, id).await?;
    Ok(([(header::CONTENT_TYPE, "application/yaml")], portal.objects(&actor, id).await?).into_response())
}
