//! How large a cluster shall be: preset, instances, storage and quorum, as typed.

use super::{Review, read};
use domain::{
    Change, Cluster, Error, Spec,
    quantity::{Bytes, Cpu, human},
    quorum::{Durability, Quorum},
    size::Size,
};
use serde::{Deserialize, Serialize};

/// The form "Size and scale" as typed. None: the field was not sent, and stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// Name of a preset.
    pub preset: Option<String>,
    /// Wins over the preset's processor; empty: the preset's.
    pub cpu: Option<String>,
    /// Wins over the preset's memory; empty: the preset's.
    pub memory: Option<String>,
    /// Number of instances.
    pub instances: Option<String>,
    /// Volume of each instance; a number alone is GiB.
    pub storage: Option<String>,
    /// Least replicas to confirm.
    pub min: Option<String>,
    /// Most replicas to confirm.
    pub max: Option<String>,
    /// `preferred` or `required`.
    pub durability: Option<String>,
}

impl Shape {
    /// Names of the fields, in the order of the form.
    pub const FIELDS: [&'static str; 8] = ["preset", "cpu", "memory", "instances", "storage", "min", "max", "durability"];

    /// The draft whose fields `get` finds.
    pub fn from(get: impl Fn(&str) -> Option<String>) -> Self {
        let [preset, cpu, memory, instances, storage, min, max, durability] = Self::FIELDS.map(get);
        Self { preset, cpu, memory, instances, storage, min, max, durability }
    }

    /// The form as the wish fills it.
    pub fn of(spec: &Spec) -> Self {
        let text = |value: &dyn ToString| Some(value.to_string());
        Self {
            preset: text(&spec.size.preset),
            cpu: text(&spec.size.cpu.map(|cpu| cpu.to_string()).unwrap_or_default()),
            memory: text(&spec.size.memory.map(|memory| memory.to_string()).unwrap_or_default()),
            instances: text(&spec.instances),
            storage: text(&spec.storage),
            min: text(&spec.quorum.min),
            max: text(&spec.quorum.max),
            durability: text(&durability_name(spec.quorum.durability)),
        }
    }

    /// This draft with what it leaves out filled in.
    pub fn or(self, other: Self) -> Self {
        Self {
            preset: self.preset.or(other.preset),
            cpu: self.cpu.or(other.cpu),
            memory: self.memory.or(other.memory),
            instances: self.instances.or(other.instances),
            storage: self.storage.or(other.storage),
            min: self.min.or(other.min),
            max: self.max.or(other.max),
            durability: self.durability.or(other.durability),
        }
    }

    /// Name and text of every field.
    pub fn entries(&self) -> [(&'static str, String); 8] {
        let values = [&self.preset, &self.cpu, &self.memory, &self.instances, &self.storage, &self.min, &self.max, &self.durability];
        std::array::from_fn(|n| (Self::FIELDS[n], values[n].clone().unwrap_or_default()))
    }

    /// The changes that make `spec` what was typed: only those that change something.
    pub fn changes(&self, spec: &Spec) -> Result<Vec<Change>, Error> {
        let mut errors = Vec::new();
        let size = self.size(spec, &mut errors);
        let instances = read(self.instances.as_deref(), "instances", "A whole number from 1 to 16.", &mut errors).unwrap_or(spec.instances);
        let storage = self.storage(&mut errors).unwrap_or(spec.storage);
        let quorum = self.quorum(spec, &mut errors);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let all = [
            (size != spec.size, Change::Resize { size }),
            (instances != spec.instances, Change::Scale { instances }),
            (storage != spec.storage, Change::Grow { storage }),
            (quorum != spec.quorum, Change::SetQuorum { quorum }),
        ];
        Ok(all.into_iter().filter(|(changed, _)| *changed).map(|(_, change)| change).collect())
    }

    /// What the draft would do to the cluster.
    pub fn review(&self, cluster: &Cluster) -> Review {
        let changes = self.changes(&cluster.spec);
        let known = changes.as_deref().unwrap_or_default();
        let lines = known.iter().filter_map(|change| line(&cluster.spec, change)).collect();
        let effects = known.iter().filter_map(|change| effect(&cluster.spec, change)).collect();
        super::review(cluster, changes, lines, effects)
    }

    fn size(&self, spec: &Spec, errors: &mut Vec<domain::FieldError>) -> Size {
        let preset = read(self.preset.as_deref(), "preset", "One of nano, micro, small, medium, large, xlarge, 2xlarge.", errors).unwrap_or(spec.size.preset);
        let cpu = match &self.cpu {
            None => spec.size.cpu,
            Some(text) => read::<Cpu>(Some(text), "cpu", "An amount such as 500m or 2.", errors),
        };
        let memory = match &self.memory {
            None => spec.size.memory,
            Some(text) => read::<Bytes>(Some(text), "memory", "An amount such as 512Mi or 2Gi.", errors),
        };
        Size { preset, cpu, memory }
    }

    fn storage(&self, errors: &mut Vec<domain::FieldError>) -> Option<Bytes> {
        let text = self.storage.as_deref().map(str::trim)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let whole = if digits { format!("{text}Gi") } else { text.to_owned() };
        read(Some(&whole), "storage", "An amount such as 20Gi.", errors)
    }

    fn quorum(&self, spec: &Spec, errors: &mut Vec<domain::FieldError>) -> Quorum {
        let form = "A whole number from 0.";
        let min = read(self.min.as_deref(), "quorum.min", form, errors).unwrap_or(spec.quorum.min);
        let max = read(self.max.as_deref(), "quorum.max", form, errors).unwrap_or(spec.quorum.max);
        let durability = match self.durability.as_deref() {
            Some("required") => Durability::Required,
            Some(_) => Durability::Preferred,
            None => spec.quorum.durability,
        };
        Quorum { min, max, durability }
    }
}

/// What the form calls it.
pub const fn durability_name(durability: Durability) -> &'static str {
    match durability {
        Durability::Preferred => "preferred",
        Durability::Required => "required",
    }
}

/// `large: 2 CPU, 2 GiB`.
pub fn size_text(size: &Size) -> String {
    let name = if size.cpu.is_none() && size.memory.is_none() { size.preset.name() } else { "custom" };
    format!("{name}: {} CPU, {}", size.cpu(), human(size.memory().get()))
}

/// `2 to 3 replicas confirm`.
pub fn quorum_text(quorum: &Quorum) -> String {
    let number = if quorum.min == quorum.max { quorum.max.to_string() } else { format!("{} to {}", quorum.min, quorum.max) };
    let strict = if quorum.durability == Durability::Required { ", writes wait when replicas are missing" } else { "" };
    format!("{number} confirm{strict}")
}

fn line(spec: &Spec, change: &Change) -> Option<(String, String, String)> {
    let said = |what: &str, from: String, to: String| Some((what.to_owned(), from, to));
    match change {
        Change::Resize { size } => said("Size", size_text(&spec.size), size_text(size)),
        Change::Scale { instances } => said("Instances", spec.instances.to_string(), instances.to_string()),
        Change::Grow { storage } => said("Storage per instance", human(spec.storage.get()), human(storage.get())),
        Change::SetQuorum { quorum } => said("Commit quorum", quorum_text(&spec.quorum), quorum_text(quorum)),
        _ => None,
    }
}

fn effect(spec: &Spec, change: &Change) -> Option<String> {
    match change {
        Change::Scale { instances } if *instances > spec.instances => {
            Some(format!("Adds {}: each copies the primary's data while the cluster goes on serving.", count(instances - spec.instances)))
        }
        Change::Scale { instances } => Some(format!("Removes {} with its copy of the data, never the primary.", count(spec.instances - instances))),
        _ => None,
    }
}

fn count(instances: u8) -> String {
    if instances == 1 { "1 replica".into() } else { format!("{instances} replicas") }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::fake::sample;

    fn typed(fields: &[(&str, &str)]) -> Shape {
        Shape::from(|name| fields.iter().find(|(field, _)| *field == name).map(|(_, text)| (*text).into()))
    }

    #[test]
    fn a_form_sent_as_it_was_filled_changes_nothing() {
        let cluster = sample::ready();
        assert_eq!(Shape::of(&cluster.spec).changes(&cluster.spec), Ok(Vec::new()));
        assert!(!Shape::of(&cluster.spec).review(&cluster).is_ready());
    }

    #[test]
    fn the_cost_is_said_before_the_click() {
        let review = typed(&[("preset", "xlarge"), ("instances", "5")]).review(&sample::ready());
        assert_eq!(review.lines.iter().map(|l| l.0.as_str()).collect::<Vec<_>>(), ["Size", "Instances"]);
        assert!(review.is_ready() && review.costs.len() == 2, "{:?}", review.costs);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let review = typed(&[("instances", "many"), ("storage", "1x"), ("min", "-1"), ("cpu", "fast")]).review(&sample::ready());
        let fields: Vec<_> = review.errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["cpu", "instances", "storage", "quorum.min"]);
    }

    #[test]
    fn the_rules_of_the_wish_hold_too() {
        assert_eq!(typed(&[("storage", "5")]).review(&sample::ready()).at("storage").as_deref(), Some("A volume only grows: it has 100Gi now."));
        assert!(typed(&[("instances", "1")]).review(&sample::ready()).at("quorum.max").is_some());
    }

    #[test]
    fn a_number_alone_is_gibibytes() {
        let cluster = sample::ready();
        assert_eq!(typed(&[("storage", "120")]).changes(&cluster.spec), Ok(vec![Change::Grow { storage: Bytes::gib(120) }]));
    }
}
