//! Prints objects as YAML that `kubectl apply -f` reads.

use serde_json::Value;

/// One document.
pub fn print(value: &Value) -> String {
    let mut out = String::new();
    node(value, 0, &mut out);
    out
}

fn node(value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                out.push_str(&format!("{pad}{}:", scalar(key)));
                below(value, depth + 1, out);
            }
        }
        Value::Array(list) => {
            for value in list {
                let mut item = String::new();
                match value {
                    Value::Object(map) if !map.is_empty() => node(value, depth + 1, &mut item),
                    _ => {
                        below(value, depth + 1, &mut item);
                        out.push_str(&format!("{pad}-{item}"));
                        continue;
                    }
                }
                // The first line of a map stands beside its dash.
                out.push_str(&format!("{pad}- {}", item.trim_start()));
            }
        }
        plain => out.push_str(&format!("{pad}{}\n", text(plain))),
    }
}

/// What follows a key or a dash.
fn below(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str(" {}\n"),
        Value::Array(list) if list.is_empty() => out.push_str(" []\n"),
        Value::Object(_) | Value::Array(_) => {
            out.push('\n');
            node(value, depth, out);
        }
        plain => out.push_str(&format!(" {}\n", text(plain))),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A string, in quotes where YAML would read something else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_reads_as_people_write_it() {
        let value = json!({"kind": "Cluster", "spec": {"instances": 3, "list": [{"a": 1, "b": []}, "x"], "none": {}, "off": "on", "size": "1Gi"}});
        let expected = "kind: Cluster\nspec:\n  instances: 3\n  list:\n    - a: 1\n      b: []\n    - x\n  none: {}\n  \"off\": \"on\"\n  size: \"1Gi\"\n";
        assert_eq!(print(&value), expected);
    }
}
