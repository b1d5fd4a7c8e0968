//! A cursor over a document's values that gathers errors, each at its field.

use crate::error::FieldError;
use serde_json::{Map, Value};
use std::{cell::RefCell, fmt::Display, str::FromStr};

/// A place in the document: its path, its value if there is one, and where errors go.
pub(super) struct At<'a> {
    pub(super) path: String,
    value: Option<&'a Value>,
    errors: &'a RefCell<Vec<FieldError>>,
}

impl<'a> At<'a> {
    /// The document as a whole.
    pub(super) fn root(value: &'a Value, errors: &'a RefCell<Vec<FieldError>>) -> Self {
        Self { path: String::new(), value: Some(value), errors }
    }

    fn inner(&self, key: &str, value: Option<&'a Value>) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Self { path, value: value.filter(|v| !v.is_null()), errors: self.errors }
    }

    /// Whether nothing (or null) is there.
    pub(super) fn is_absent(&self) -> bool {
        self.value.is_none()
    }

    pub(super) fn fail(&self, message: impl Into<String>) {
        self.errors.borrow_mut().push(FieldError::new(&self.path, message));
    }

    fn object(&self) -> Option<&'a Map<String, Value>> {
        match self.value? {
            Value::Object(map) => Some(map),
            _ => {
                self.fail("A map of keys and values belongs here.");
                None
            }
        }
    }

    /// The place under a key.
    pub(super) fn key(&self, key: &str) -> Self {
        let value = match self.value {
            Some(Value::Object(map)) => map.get(key),
            _ => None,
        };
        self.inner(key, value)
    }

    /// Refuses every key but these, and anything that is no map.
    pub(super) fn only(&self, known: &[&str]) {
        for key in self.object().into_iter().flat_map(Map::keys).filter(|key| !known.contains(&key.as_str())) {
            self.inner(key, None).fail(format!("Not a key of the resource here. Known are {}.", known.join(", ")));
        }
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Vec<(String, Self)> {
        let map = self.object();
        map.into_iter().flatten().map(|(key, value)| (key.clone(), self.inner(key, Some(value)))).collect()
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Vec<Self> {
        match self.value {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().enumerate().map(|(i, item)| self.inner(&i.to_string(), Some(item))).collect(),
            Some(_) => {
                self.fail("A list belongs here.");
                Vec::new()
            }
        }
    }

    /// Text; numbers are taken as they are written, as Kubernetes' quantities want it.
    pub(super) fn text(&self) -> Option<String> {
        match self.value? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.fail("Text belongs here.");
                None
            }
        }
    }

    /// Text or a number or a truth value, as parameters are written.
    pub(super) fn setting(&self) -> Option<String> {
        match self.value? {
            Value::Bool(on) => Some(if *on { "on" } else { "off" }.to_owned()),
            _ => self.text(),
        }
    }

    /// A string: a number is not one.
    pub(super) fn string(&self) -> Option<String> {
        match self.value? {
            Value::String(text) => Some(text.clone()),
            _ => {
                self.fail("Text belongs here; put it in quotes.");
                None
            }
        }
    }

    /// A truth value.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.value? {
            Value::Bool(flag) => Some(*flag),
            _ => {
                self.fail("true or false.");
                None
            }
        }
    }

    /// A whole number of at most 255.
    pub(super) fn count(&self) -> Option<u8> {
        let number = self.value?.as_u64().and_then(|n| u8::try_from(n).ok());
        if number.is_none() {
            self.fail("A whole number from 0 to 255.");
        }
        number
    }

    /// Text that must parse.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self) -> Option<T> {
        parsed(self, &self.text()?)
    }
}

/// Parses text found at a place.
pub(super) fn parsed<T: FromStr<Err: Display>>(at: &At, text: &str) -> Option<T> {
    text.parse().map_err(|e: T::Err| at.fail(e.to_string())).ok()
}
