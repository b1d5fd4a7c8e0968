//! From the bytes of a request to fields that are of the right type and in range. All that is wrong is told at once.

use super::{
    field::{self, Field, Kind, Write},
    link,
};
use crate::http::problem::Problem;
use axum::{
    body::Body,
    http::{HeaderMap, Request, header},
};
use domain::error::{Error, FieldError};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::{fmt::Display, str::FromStr};

/// Most bytes of a body.
const MOST: usize = 1 << 20;
/// Most bytes that are read only to be thrown away, so that the sender gets to read the refusal.
const DRAIN: usize = 16 << 20;

/// The whole body.
pub async fn bytes(body: Body) -> Result<Vec<u8>, Problem> {
    let mut stream = body.into_data_stream();
    let (mut all, mut seen) = (Vec::new(), 0usize);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed("The body broke off."))?;
        seen = seen.saturating_add(chunk.len());
        if seen > DRAIN {
            break;
        }
        if seen <= MOST {
            all.extend_from_slice(&chunk);
        }
    }
    if seen > MOST { Err(Problem::too_large()) } else { Ok(all) }
}

/// The fields of a JSON object that makes an object of the contract.
pub async fn for_new(fields: &'static [Field], request: Request<Body>) -> Result<Sent, Problem> {
    let mut sent = Sent::read(fields, json(request).await?)?;
    for field in fields.iter().filter(|field| field.required) {
        if !sent.has(field.name) {
            sent.refuse(field.name, "This field is needed.");
        }
    }
    Ok(sent)
}

/// The fields of a JSON object that changes an object of the contract: only those that were sent.
pub async fn for_change(fields: &'static [Field], request: Request<Body>) -> Result<Sent, Problem> {
    Sent::read(fields, json(request).await?)
}

async fn json(request: Request<Body>) -> Result<Value, Problem> {
    let (parts, body) = request.into_parts();
    // A form of a foreign page can send other types without asking first, and would carry the session of who looks at it.
    if !says_json(&parts.headers) {
        return Err(Problem::malformed("The body is JSON: send it with Content-Type: application/json."));
    }
    let bytes = bytes(body).await?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::malformed(format!("The body is not JSON: {error}.")))
}

fn says_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// What a client sent, each value of the type that its field wants, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Sent {
    values: Map<String, Value>,
    refused: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Sent {
    fn read(fields: &'static [Field], value: Value) -> Result<Self, Problem> {
        let Value::Object(values) = value else { return Err(Problem::malformed("The body is one JSON object.")) };
        let mut sent = Self { values: Map::new(), refused: Map::new(), errors: Vec::new() };
        for (name, value) in values {
            match field::find(fields, &name) {
                None => sent.refuse(&shortened(&name), "There is no such field."),
                Some(field) if field.write == Write::Portal => {
                    return Err(Problem::forbidden_field(&name, format!("{name} is set by the portal and cannot be sent.")));
                }
                Some(field) => match check(field.kind, &value) {
                    Ok(()) => drop(sent.values.insert(name, value)),
                    Err(message) => {
                        sent.refuse(&name, message);
                        sent.refused.insert(name, value);
                    }
                },
            }
        }
        Ok(sent)
    }

    /// Notes what is wrong with a field.
    pub fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, message));
    }

    /// Leaves a number out that was sent back as it is shown, also one that nobody could order anew.
    pub fn leave(&mut self, name: &str, shown: u64) {
        if [&self.values, &self.refused].iter().any(|all| all.get(name).and_then(Value::as_u64) == Some(shown)) {
            self.values.remove(name);
            self.errors.retain(|error| error.field != name);
        }
    }

    /// Whether a field was sent, be its value good or not.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.errors.iter().any(|error| error.field == name)
    }

    /// Everything that is wrong, if anything is.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors).into()) }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }

    /// A whole number. The range of its field has been kept.
    pub fn int<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.values.get(name)?.as_i64()?.try_into().ok()
    }

    /// True or false.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.values.get(name)?.as_bool()
    }

    /// An id.
    pub fn uuid(&self, name: &str) -> Option<uuid::Uuid> {
        self.text(name).and_then(link::uuid)
    }

    /// A text that has rules of its own.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let parsed = self.text(name)?.parse();
        parsed.map_err(|error: T::Err| self.refuse(name, error.to_string())).ok()
    }

    /// An object or a list that has rules of its own; also null, where the type has it.
    pub fn structured<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let parsed = T::deserialize(self.values.get(name)?);
        parsed.map_err(|error| self.refuse(name, sentence(&error.to_string()))).ok()
    }

    /// A map to text; numbers, true and false are taken as PostgreSQL writes them.
    pub fn map(&self, name: &str) -> Option<std::collections::BTreeMap<String, String>> {
        let entries = self.values.get(name)?.as_object()?.iter();
        Some(entries.map(|(key, value)| (key.clone(), plain(value))).collect())
    }

    /// Refuses the field if it was sent with another value than it has.
    pub fn keep<T: PartialEq>(&mut self, name: &str, sent: Option<T>, has: &T) {
        if self.values.contains_key(name) && sent.as_ref() != Some(has) {
            self.refuse(name, format!("{name} cannot be changed."));
        }
    }

    /// Refuses an identity that cannot be: the nil one, another project's, or another than the address has.
    pub fn identity(&mut self, address: Option<uuid::Uuid>, project: domain::ProjectId) -> Result<(), Problem> {
        match (self.uuid("uuid"), address) {
            (Some(sent), Some(address)) if sent != address => self.refuse("uuid", "The uuid is that of the address; it cannot be changed."),
            (Some(sent), None) if sent.is_nil() => self.refuse("uuid", "The nil uuid identifies nothing."),
            _ => {}
        }
        match self.uuid("project_id") {
            Some(sent) if sent != project.0 => Err(Problem::forbidden_field("project_id", "This token belongs to another project.")),
            _ => Ok(()),
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".into(),
        Value::Bool(false) => "off".into(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Whether a value fits a kind of field; else the rule.
fn check(kind: Kind, value: &Value) -> Result<(), String> {
    match (kind, value) {
        (Kind::Int(least, most), Value::Number(number)) => match number.as_i64() {
            Some(n) if (least..=most).contains(&n) => Ok(()),
            _ => Err(format!("A whole number from {least} to {most}.")),
        },
        (Kind::Int(least, most), _) => Err(format!("A whole number from {least} to {most}.")),
        (Kind::Bool, Value::Bool(_)) => Ok(()),
        (Kind::Bool, _) => Err("True or false.".into()),
        (Kind::Uuid, Value::String(text)) if link::uuid(text).is_some() => Ok(()),
        (Kind::Uuid, _) => Err("A uuid: 32 hexadecimal digits with four hyphens.".into()),
        (Kind::OneOf(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(()),
        (Kind::OneOf(words), _) => Err(format!("One of {}.", words.join(", "))),
        (Kind::Password, Value::String(text)) if (8..=99).contains(&text.chars().count()) && !text.chars().any(char::is_control) => Ok(()),
        (Kind::Password, _) => Err("8 to 99 characters, none of them a control character.".into()),
        (Kind::Text(_) | Kind::Relation | Kind::Time, Value::String(text)) if text.chars().count() <= kind.longest() => Ok(()),
        (Kind::Text(_) | Kind::Relation | Kind::Time, Value::String(_)) => Err(format!("At most {} characters.", kind.longest())),
        (Kind::Text(_) | Kind::Time, _) => Err("Text.".into()),
        (Kind::Relation, _) => Err("Text: an address, a uuid or a name.".into()),
        (Kind::Texts, Value::Array(all)) if all.iter().all(Value::is_string) => Ok(()),
        (Kind::Texts, _) => Err("A list of texts.".into()),
        (Kind::Map, Value::Object(map)) if map.values().all(|v| v.is_string() || v.is_number() || v.is_boolean()) => Ok(()),
        (Kind::Map, _) => Err("An object whose values are text or numbers.".into()),
        (Kind::Object(_), Value::Object(_) | Value::Null) => Ok(()),
        (Kind::Object(_), _) => Err("An object.".into()),
        (Kind::Objects(_), _) => Err("A list of objects.".into()),
    }
}

/// A key that a client made up, short enough to be quoted.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

fn sentence(text: &str) -> String {
    let mut sentence: String = text.chars().take(300).collect();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}
