//! What this platform's chart can do, read from the schema that its API publishes to everybody who may sign in: the definition of the application itself is
//! not for tenants to read.

use domain::{
    size::{Preset, Size},
    version::Major,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// What the chart can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Majors to choose from, newest first; none: it has one version of its own choice.
    pub majors: Option<Vec<Major>>,
    /// Presets that it knows; empty: not said.
    presets: BTreeSet<String>,
}

/// The only major of charts without a choice: that of the operator they come with (CloudNativePG 1.25).
pub const UNCHOSEN: Major = Major::V17;

impl Chart {
    /// As of today, where nothing can be read.
    pub fn assumed() -> Self {
        Self { majors: Some(Major::ALL.to_vec()), presets: BTreeSet::new() }
    }

    /// From the API's OpenAPI v3 document; none: it says nothing of the chart's values.
    pub fn read(openapi: &Value) -> Option<Self> {
        let schemas = openapi.pointer("/components/schemas")?.as_object()?;
        let (_, schema) = schemas.iter().find(|(name, _)| name.ends_with(".Postgres"))?;
        let values = schema.pointer("/properties/spec/properties")?;
        values.get("replicas")?;
        let words = |path: &str| -> Option<BTreeSet<String>> {
            Some(values.pointer(path)?.as_array()?.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
        };
        let versions = values.get("version").map(|_| words("/version/enum"));
        let majors =
            versions.map(|known| Major::ALL.into_iter().filter(|major| known.as_ref().is_none_or(|known| known.contains(&major.to_string()))).collect());
        Some(Self { majors, presets: words("/resourcesPreset/enum").unwrap_or_default() })
    }

    /// Majors to choose from, newest first.
    pub fn offered(&self) -> Vec<Major> {
        self.majors.clone().unwrap_or_else(|| vec![UNCHOSEN])
    }

    /// Parameters other than `max_connections` come through. Older charts drop them without a word; the series of presets came with the same version.
    pub fn takes_parameters(&self) -> bool {
        self.presets.is_empty() || self.has_series()
    }

    /// The name of a preset in the chart's words. The old names still work, but a migration of the platform rewrites them, and would be undone each time.
    pub fn preset(&self, preset: Preset) -> &'static str {
        if self.takes_parameters() { series(preset) } else { preset.name() }
    }

    fn has_series(&self) -> bool {
        self.presets.iter().any(|name| name.contains('.'))
    }
}

/// The same amounts under the names that charts have since 1.4.
fn series(preset: Preset) -> &'static str {
    match preset {
        Preset::Nano => "t1.nano",
        Preset::Micro => "t1.micro",
        Preset::Small => "t1.small",
        Preset::Medium => "c1.small",
        Preset::Large => "c1.medium",
        Preset::Xlarge => "c1.large",
        Preset::Xlarge2 => "c1.xlarge",
    }
}

/// Whether two names of presets mean the same.
pub fn same_preset(one: &str, other: &str) -> bool {
    let known = |name: &str| Preset::ALL.into_iter().find(|preset| preset.name() == name || series(*preset) == name);
    one == other || known(one).is_some_and(|preset| known(other) == Some(preset))
}

/// What a size says beside its preset; the chart lets it win key by key.
pub fn own_parts(size: &Size) -> [(&'static str, Option<String>); 2] {
    [("cpu", size.cpu.map(|cpu| cpu.to_string())), ("memory", size.memory.map(|memory| memory.to_string()))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn openapi(values: Value) -> Value {
        json!({"components": {"schemas": {
            "com.example.apps.v1alpha1.PostgresList": {},
            "com.example.apps.v1alpha1.Postgres": {"properties": {"spec": {"properties": values}}},
        }}})
    }

    #[test]
    fn charts_of_today_and_of_old_are_told_apart() {
        let new = Chart::read(&openapi(json!({"replicas": {}, "version": {"enum": ["v18", "v17", "v14"]}, "resourcesPreset": {"enum": ["t1.nano", "nano"]}})));
        let new = new.expect("a chart");
        assert_eq!((new.offered(), new.takes_parameters(), new.preset(Preset::Large)), (vec![Major::V18, Major::V17], true, "c1.medium"));
        let old = Chart::read(&openapi(json!({"replicas": {}, "resourcesPreset": {"enum": ["nano", "micro"]}}))).expect("a chart");
        assert_eq!((old.offered(), old.takes_parameters(), old.preset(Preset::Large)), (vec![Major::V17], false, "large"));
        assert_eq!(Chart::read(&json!({"components": {"schemas": {"a.Postgres": {"properties": {"spec": {"type": "object"}}}}}})), None);
    }

    #[test]
    fn a_preset_renamed_by_the_platform_is_no_change() {
        assert!(same_preset("large", "c1.medium") && same_preset("nano", "t1.nano") && !same_preset("medium", "t1.medium"));
    }
}
