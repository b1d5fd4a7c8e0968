//! Objects as YAML, for people to read and to apply.

use serde_json::Value;

/// One document after the other.
pub fn documents(objects: &[Value]) -> String {
    let one = |object: &Value| serde_saphyr::to_string(object).unwrap_or_default();
    objects.iter().map(one).collect::<Vec<_>>().join("---\n")
}
