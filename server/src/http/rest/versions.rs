//! `…/versions`: the PostgreSQL versions that can be had here.

use super::{Answer, Caller, InstancePath, field::VERSION, json, list, view::Version};
use app::portal::SharedPortal;
use axum::{
    extract::State,
    http::{StatusCode, Uri},
};
use domain::Error;
use serde_json::json as object;

pub async fn index(State(portal): State<SharedPortal>, Caller(_): Caller, uri: Uri) -> Answer {
    let query = list::pairs(&uri)?;
    let rows = portal.offer().releases.iter().map(|release| super::value(&Version::new(release))).collect::<Result<_, _>>()?;
    Ok(list::page(VERSION, rows, &query, |_| None)?.answer_as(|rows| object!({ "versions": rows })))
}

pub async fn show(State(portal): State<SharedPortal>, Caller(_): Caller, InstancePath(id): InstancePath) -> Answer {
    let offer = portal.offer();
    let release = offer.releases.iter().find(|release| release.major.uuid() == id.0).ok_or(Error::NotFound)?;
    json(StatusCode::OK, &Version::new(release))
}
