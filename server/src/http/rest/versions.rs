//! `…/versions`: the PostgreSQL versions that can be had here.

use super::{Answer, Caller, InstancePath, field::VERSION, json, list, view::Version};
use app::portal::SharedPortal;
use axum::{
    extract::State,
    http::{StatusCode, Uri},
};
use domain::{Error, offer::Release};
use serde_json::json as object;

pub async fn index(State(portal): State<SharedPortal>, Caller(_): Caller, uri: Uri) -> Answer {
    let query = list::pairs(&uri)?;
    let all = everywhere(&portal);
    let rows = all.iter().map(|release| super::value(&Version::new(release))).collect::<Result<_, _>>()?;
    Ok(list::page(VERSION, rows, &query, |_| None)?.answer_as(|rows| object!({ "versions": rows })))
}

pub async fn show(State(portal): State<SharedPortal>, Caller(_): Caller, InstancePath(id): InstancePath) -> Answer {
    let all = everywhere(&portal);
    let release = all.iter().find(|release| release.major.uuid() == id.0).ok_or(Error::NotFound)?;
    json(StatusCode::OK, &Version::new(release))
}

/// Each major that can be had in some place, newest first, as the first place that has it offers it.
fn everywhere(portal: &SharedPortal) -> Vec<Release> {
    let mut all: Vec<Release> = portal.places().into_iter().flat_map(|place| place.offer.releases).collect();
    all.sort_by_key(|release| std::cmp::Reverse(release.major));
    all.dedup_by_key(|release| release.major);
    all
}
