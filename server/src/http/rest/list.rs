//! Lists: equality filters on any field, projection, order and pages. Pure but for the last step.

use super::{
    field::{self, Field, Kind},
    link,
};
use crate::http::problem::Problem;
use axum::{
    Json,
    extract::Query,
    http::{HeaderName, HeaderValue, Uri},
    response::{IntoResponse, Response},
};
use domain::{Timestamp, error::FieldError};
use serde_json::{Map, Value};
use std::{cmp::Ordering, collections::BTreeMap};
use uuid::Uuid;

const LIMIT: HeaderName = HeaderName::from_static("x-pagination-limit");
const MARKER: HeaderName = HeaderName::from_static("x-pagination-marker");

/// Names and values of a query, as often as they were given.
pub type Pairs = Vec<(String, String)>;

/// The query of an address.
pub fn pairs(uri: &Uri) -> Result<Pairs, Problem> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).map_err(|_| Problem::malformed("The query cannot be read."))
}

/// One page of a list.
#[derive(Debug, PartialEq)]
pub struct Page {
    /// Its rows, projected.
    pub rows: Vec<Value>,
    /// The limit that was asked for.
    pub limit: Option<usize>,
    /// Where the next page begins; none: there is none.
    pub marker: Option<String>,
}

impl Page {
    /// The answer of a list: a bare array.
    pub fn answer(self) -> Response {
        self.answer_as(Value::Array)
    }

    /// The answer of a list that is wrapped.
    pub fn answer_as(self, wrap: impl FnOnce(Vec<Value>) -> Value) -> Response {
        let mut response = Json(wrap(self.rows)).into_response();
        if let Some(limit) = self.limit {
            response.headers_mut().insert(LIMIT, HeaderValue::from(limit));
        }
        if let Some(Ok(marker)) = self.marker.map(HeaderValue::try_from) {
            response.headers_mut().insert(MARKER, marker);
        }
        response
    }
}

/// What a client asks of a list.
struct Wish<'a> {
    filters: BTreeMap<&'static str, Vec<Value>>,
    project: Option<Vec<&'static str>>,
    order: Vec<(&'a Field, Direction)>,
    limit: Option<usize>,
    marker: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// Reads the query and applies it to `rows`, each of which has all `fields`. `relation` turns what a client writes for another object into its address.
pub fn page(fields: &'static [Field], mut rows: Vec<Value>, query: &[(String, String)], relation: impl Fn(&str) -> Option<String>) -> Result<Page, Problem> {
    let wish = read(fields, query, relation)?;
    let known = |marker: Uuid| rows.iter().find(|row| id(row) == Some(marker)).cloned();
    let after = match wish.marker {
        None => None,
        Some(marker) => match known(marker) {
            Some(row) => Some(row),
            // In the order of ids the place of a row that is gone is still known.
            None if wish.order.iter().all(|(field, _)| field.name == "uuid") => {
                Some(Value::Object(Map::from_iter([("uuid".into(), marker.to_string().into())])))
            }
            None => return Err(Problem::field("page_marker", "The last uuid of the page before.")),
        },
    };
    rows.retain(|row| wish.filters.iter().all(|(name, wanted)| wanted.iter().any(|wanted| matches(&row[*name], wanted))));
    rows.sort_by(|a, b| compare(a, b, &wish.order));
    if let Some(after) = after {
        rows.retain(|row| compare(row, &after, &wish.order) == Ordering::Greater);
    }
    let more = wish.limit.is_some_and(|limit| rows.len() > limit);
    rows.truncate(wish.limit.unwrap_or(usize::MAX));
    let marker = if more { rows.last().and_then(id).map(|id| id.to_string()) } else { None };
    if let Some(names) = wish.project {
        rows.iter_mut().for_each(|row| project(row, &names));
    }
    Ok(Page { rows, limit: wish.limit, marker })
}

fn read<'a>(fields: &'static [Field], query: &'a [(String, String)], relation: impl Fn(&str) -> Option<String>) -> Result<Wish<'a>, Problem> {
    let mut wish = Wish { filters: BTreeMap::new(), project: None, order: Vec::new(), limit: None, marker: None };
    let mut directions = Vec::new();
    let mut errors = Vec::new();
    for (name, value) in query {
        let read = match name.as_str() {
            "fields" => names(fields, value).map(|names| wish.project.get_or_insert_default().extend(names)),
            "sort_key" => sortable(fields, value).map(|field| wish.order.push((field, Direction::Up))),
            "sort_dir" => direction(value).map(|direction| directions.push(direction)),
            "page_limit" => limit(value).map(|limit| wish.limit = Some(limit)),
            "page_marker" => link::uuid(value).map(|marker| wish.marker = Some(marker)).ok_or("The last uuid of the page before.".into()),
            _ => filter(fields, name, value, &relation).map(|(name, wanted)| wish.filters.entry(name).or_default().push(wanted)),
        };
        if let Err(message) = read {
            errors.push(FieldError::new(name.chars().take(64).collect::<String>(), message));
        }
    }
    if wish.order.is_empty() && !directions.is_empty() {
        wish.order.extend(field::find(fields, "uuid").map(|field| (field, Direction::Up)));
    }
    if directions.len() > wish.order.len() {
        errors.push(FieldError::new("sort_dir", "At most as many as there are sort_key."));
    }
    wish.order.iter_mut().zip(directions).for_each(|(order, direction)| order.1 = direction);
    if errors.is_empty() { Ok(wish) } else { Err(domain::Error::Invalid(errors).into()) }
}

fn names(fields: &'static [Field], value: &str) -> Result<Vec<&'static str>, String> {
    let known = |name: &str| field::find(fields, name).filter(|field| field.kind != Kind::Password).map(|field| field.name);
    value.split(',').map(|name| known(name.trim()).ok_or_else(|| "Names of fields, separated by commas.".into())).collect()
}

fn sortable(fields: &'static [Field], value: &str) -> Result<&'static Field, String> {
    field::find(fields, value).filter(|field| field.kind.is_sortable()).ok_or_else(|| "The name of a field that can be put in order.".into())
}

fn direction(value: &str) -> Result<Direction, String> {
    match value {
        "asc" => Ok(Direction::Up),
        "desc" => Ok(Direction::Down),
        _ => Err("asc or desc.".into()),
    }
}

fn limit(value: &str) -> Result<usize, String> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let number = value.parse::<u32>().ok().filter(|n| digits && *n > 0);
    number.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| "A whole number from 1.".into())
}

/// A filter's value as it stands in a row.
fn filter(fields: &'static [Field], name: &str, value: &str, relation: impl Fn(&str) -> Option<String>) -> Result<(&'static str, Value), String> {
    let field = field::find(fields, name).ok_or("There is no such field.")?;
    let wanted = match field.kind {
        Kind::Text(_) | Kind::Texts => Ok(value.into()),
        Kind::Uuid => link::uuid(value).map(|id| id.to_string().into()).ok_or("A uuid.".into()),
        Kind::Time => value.parse::<Timestamp>().map(|time| time.to_string().into()).map_err(|_| "A time, as in 2026-01-31T12:00:00Z.".into()),
        Kind::Int(..) => value.parse::<i64>().map(Value::from).map_err(|_| "A whole number.".into()),
        Kind::Bool => value.parse::<bool>().map(Value::from).map_err(|_| "true or false.".into()),
        Kind::OneOf(words) if words.contains(&value) => Ok(value.into()),
        Kind::OneOf(words) => Err(format!("One of {}.", words.join(", "))),
        // What names nothing is equal to nothing.
        Kind::Relation => Ok(relation(value).map_or(Value::from(value), Value::from)),
        Kind::Map | Kind::Object(_) | Kind::Objects(_) => {
            serde_json::from_str(value).ok().filter(|value: &Value| value.is_object()).ok_or_else(|| "A JSON object, which it is equal to or contains.".into())
        }
        Kind::Password => Err("It is never answered, so nothing can be equal to it.".into()),
    };
    wanted.map(|wanted| (field.name, wanted))
}

fn matches(has: &Value, wanted: &Value) -> bool {
    has == wanted || has.as_array().is_some_and(|all| all.contains(wanted))
}

fn compare(a: &Value, b: &Value, order: &[(&Field, Direction)]) -> Ordering {
    let by_fields = order.iter().map(|(field, direction)| {
        let up = compare_values(field.kind, &a[field.name], &b[field.name]);
        if *direction == Direction::Up { up } else { up.reverse() }
    });
    by_fields.chain([id(a).cmp(&id(b))]).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_values(kind: Kind, a: &Value, b: &Value) -> Ordering {
    match kind {
        Kind::Int(..) => a.as_i64().cmp(&b.as_i64()),
        Kind::Bool => a.as_bool().cmp(&b.as_bool()),
        Kind::Time => time(a).cmp(&time(b)),
        Kind::Uuid | Kind::Text(_) | Kind::OneOf(_) | Kind::Relation => a.as_str().cmp(&b.as_str()),
        Kind::Password | Kind::Texts | Kind::Map | Kind::Object(_) | Kind::Objects(_) => Ordering::Equal,
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn id(row: &Value) -> Option<Uuid> {
    row["uuid"].as_str().and_then(link::uuid)
}

fn project(row: &mut Value, names: &[&str]) {
    if let Value::Object(map) = row {
        map.retain(|name, _| names.contains(&name.as_str()));
    }
}
