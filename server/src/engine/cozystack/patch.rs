//! The smallest merge patch from what is there to a wish. Pure.
//!
//! The wish holds what the portal decides and nothing else; a null in it means that there shall be nothing. What is equal in meaning is left alone: the API
//! fills in defaults, the platform renames presets, and people write `1024Mi` for `1Gi`.

use super::chart::same_preset;
use domain::quantity::{Bytes, Cpu};
use serde_json::{Map, Value};

/// What has to change; none: nothing has.
pub fn patch(there: &Value, wish: &Value) -> Option<Value> {
    diff(&mut Vec::new(), wish, Some(there))
}

/// The wish for an object that is not there yet: nothing to take away.
pub fn whole(wish: &Value) -> Value {
    match wish {
        Value::Object(map) => Value::Object(map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), whole(value))).collect()),
        other => other.clone(),
    }
}

fn diff<'a>(path: &mut Vec<&'a str>, wish: &'a Value, there: Option<&Value>) -> Option<Value> {
    match (wish, there) {
        (Value::Null, None | Some(Value::Null)) => None,
        (Value::Null, Some(_)) => Some(Value::Null),
        (Value::Object(wish), Some(Value::Object(there))) => {
            let mut changes = Map::new();
            for (key, value) in wish {
                path.push(key);
                if let Some(change) = diff(path, value, there.get(key)) {
                    changes.insert(key.clone(), change);
                }
                path.pop();
            }
            (!changes.is_empty()).then_some(Value::Object(changes))
        }
        (wish, Some(there)) if same(path, wish, there) => None,
        // Not sent means the default.
        (Value::Bool(false), None) if path == &["spec", "external"] => None,
        (Value::String(text), None) if text.is_empty() && path == &["spec", "storageClass"] => None,
        (wish, _) => Some(whole(wish)),
    }
}

/// Equal in meaning, at that place of the object.
fn same(path: &[&str], wish: &Value, there: &Value) -> bool {
    let (one, other) = (text(wish), text(there));
    match path {
        ["spec", "size"] | ["spec", "resources", "memory"] => equal(one.parse::<Bytes>(), other.parse::<Bytes>()) || one == other,
        ["spec", "resources", "cpu"] => equal(one.parse::<Cpu>(), other.parse::<Cpu>()) || one == other,
        ["spec", "resourcesPreset"] => same_preset(&one, &other),
        // Order means nothing in lists of names.
        ["spec", "databases", ..] => match (wish, there) {
            (Value::Array(wish), Value::Array(there)) => wish.len() == there.len() && wish.iter().all(|name| there.contains(name)),
            _ => wish == there,
        },
        ["spec", "postgresql", "parameters", _] => scalar(there) && one == other,
        _ => wish == there,
    }
}

fn equal<T: PartialEq, E>(one: Result<T, E>, other: Result<T, E>) -> bool {
    matches!((one, other), (Ok(one), Ok(other)) if one == other)
}

fn scalar(value: &Value) -> bool {
    value.is_string() || value.is_number() || value.is_boolean()
}

/// A number or text as text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_means_the_same_is_left_alone() {
        let there = json!({"spec": {
            "size": "1024Mi", "resources": {"cpu": 1, "memory": "1Gi"}, "resourcesPreset": "c1.small", "more": true,
            "postgresql": {"parameters": {"max_connections": 200}}, "databases": {"shop": {"extensions": ["hstore", "pg_trgm"]}},
        }});
        let wish = json!({"spec": {
            "size": "1Gi", "resources": {"cpu": "1000m", "memory": "1024Mi"}, "resourcesPreset": "medium", "external": false, "storageClass": "",
            "postgresql": {"parameters": {"max_connections": "200", "work_mem": null}}, "databases": {"shop": {"extensions": ["pg_trgm", "hstore"]}},
        }});
        assert_eq!(patch(&there, &wish), None);
    }

    #[test]
    fn only_what_differs_is_sent_and_what_is_too_much_is_taken_away() {
        let there = json!({"spec": {"replicas": 3, "external": true, "postgresql": {"parameters": {"max_connections": "100", "work_mem": "4MB"}}}});
        let wish = json!({"spec": {"replicas": 2, "external": false, "postgresql": {"parameters": {"max_connections": "100", "work_mem": null}}, "users": {"a": {"password": null}}}});
        let expect = json!({"spec": {"replicas": 2, "external": false, "postgresql": {"parameters": {"work_mem": null}}, "users": {"a": {}}}});
        assert_eq!(patch(&there, &wish), Some(expect));
    }
}
