//! Tables and YAML for people. Pure.

use serde_json::Value;

/// Rows under a head, in columns as wide as their widest cell.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|title| title.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut head.iter().copied());
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

/// JSON on lines of its own.
pub fn json(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A value as YAML. Texts are quoted as in JSON, which YAML reads the same.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                text.push_str(&format!("{indent}{}:", key(name)));
                below(value, depth + 1, text);
            }
        }
        Value::Array(all) if !all.is_empty() => {
            for value in all {
                let mut inner = String::new();
                block(value, depth + 1, &mut inner);
                text.push_str(&format!("{indent}- {}", inner.trim_start()));
            }
        }
        scalar => text.push_str(&format!("{indent}{scalar}\n")),
    }
}

fn below(value: &Value, depth: usize, text: &mut String) {
    let nested = value.as_object().is_some_and(|map| !map.is_empty()) || value.as_array().is_some_and(|all| !all.is_empty());
    if nested {
        text.push('\n');
        block(value, depth, text);
    } else {
        text.push_str(&format!(" {value}\n"));
    }
}

fn key(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    // Some plain words are no texts in YAML.
    let word = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&name.to_ascii_lowercase().as_str());
    if plain && !word { name.to_owned() } else { Value::from(name).to_string() }
}

/// A field as text for a cell; nothing for null.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.is_empty() => "-".into(),
        Value::Array(all) => all.iter().map(cell).collect::<Vec<_>>().join(","),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".into(), "1".into()], vec!["longer".into(), "22".into()]];
        assert_eq!(table(&["NAME", "N"], &rows), "NAME    N\na       1\nlonger  22\n");
    }

    #[test]
    fn yaml_nests_and_quotes() {
        let value = json!({ "a": [1, { "b": "x: y", "c": [] }], "e": {}, "on": null });
        assert_eq!(yaml(&value), "a:\n  - 1\n  - b: \"x: y\"\n    c: []\ne: {}\n\"on\": null\n");
    }
}
