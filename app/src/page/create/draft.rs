//! A cluster as it is being typed: texts, of which a wish is made as far as they make sense. The same rules in the browser and on the server.

use domain::{
    ClusterName, FieldError, Spec, Uuid,
    quantity::Bytes,
    quorum::{Durability, Quorum},
    size::{Preset, Size},
    topology::Topology,
    version::Major,
};
use serde::{Deserialize, Serialize};

/// Value of `preset` for amounts of one's own.
pub const CUSTOM: &str = "custom";

/// The inputs of the form, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// Chosen by the page: sent twice, it makes one cluster.
    pub id: String,
    /// The place; empty: the usual one.
    pub place: String,
    /// The cluster's name.
    pub name: String,
    /// Major version.
    pub version: String,
    /// How many instances.
    pub instances: String,
    /// Fewest replicas that confirm.
    pub quorum_min: String,
    /// Most replicas that confirm.
    pub quorum_max: String,
    /// Not empty: writes wait for the quorum.
    pub strict: String,
    /// Name of a preset, or [`CUSTOM`].
    pub preset: String,
    /// Processor of each instance, for [`CUSTOM`].
    pub cpu: String,
    /// Memory of each instance, for [`CUSTOM`].
    pub memory: String,
    /// GiB of each instance.
    pub storage: String,
    /// Not empty: reachable from outside.
    pub external: String,
}

impl Default for Draft {
    /// What the form starts from.
    fn default() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            id: String::new(),
            place: String::new(),
            name: String::new(),
            version: Major::V17.to_string(),
            instances: text("3"),
            quorum_min: text("0"),
            quorum_max: text("1"),
            strict: String::new(),
            preset: text("small"),
            cpu: text("2"),
            memory: text("4Gi"),
            storage: text("10"),
            external: String::new(),
        }
    }
}

impl Draft {
    /// Names of the inputs, and of what their errors are about.
    pub const FIELDS: [&str; 12] =
        ["place", "name", "version", "instances", "quorum.min", "quorum.max", "sync_replica_number", "preset", "cpu", "memory", "storage", "external"];

    /// From the inputs, asked by name; none: the input is not there, or a box not checked.
    pub fn read(input: impl Fn(&str) -> Option<String>) -> Self {
        let start = Self::default();
        let or = |name: &str, start: String| input(name).unwrap_or(start);
        Self {
            id: or("id", start.id),
            place: or("place", start.place),
            name: or("name", start.name),
            version: or("version", start.version),
            instances: or("instances", start.instances),
            quorum_min: or("quorum_min", start.quorum_min),
            quorum_max: or("quorum_max", start.quorum_max),
            strict: or("strict", start.strict),
            preset: or("preset", start.preset),
            cpu: or("cpu", start.cpu),
            memory: or("memory", start.memory),
            storage: or("storage", start.storage),
            external: or("external", start.external),
        }
    }

    /// The wish as far as the texts make sense, and every rule that they break.
    pub fn wish(&self) -> (Spec, Vec<FieldError>) {
        let mut errors = Vec::new();
        let name = self.name.trim().parse::<ClusterName>();
        if let Err(error) = &name {
            errors.push(FieldError::new("name", error.to_string()));
        }
        let mut number = |field: &str, text: &str, fallback: u8| {
            text.trim().parse::<u8>().unwrap_or_else(|_| {
                errors.push(FieldError::new(field, "A whole number."));
                fallback
            })
        };
        let instances = number("instances", &self.instances, 1);
        let (min, max) = (number("quorum.min", &self.quorum_min, 0), number("quorum.max", &self.quorum_max, 0));
        let mut spec = Spec::new(&name.unwrap_or_else(|_| ClusterName::from_title("cluster", 0)), Major::V17);
        match self.version.parse() {
            Ok(version) => spec.version = version,
            Err(error) => errors.push(FieldError::new("version", error)),
        }
        spec.instances = instances;
        spec.topology = Topology::for_instances(instances);
        // A single instance has nobody to wait for.
        if instances > 1 {
            let durability = if self.strict.is_empty() { Durability::Preferred } else { Durability::Required };
            // Strict has one number: the larger one is asked for.
            spec.quorum = if durability == Durability::Required { Quorum::strict(max) } else { Quorum::healing(min, max) };
        }
        self.size(&mut spec, &mut errors);
        spec.external = !self.external.is_empty();
        errors.extend(spec.check());
        (spec, errors)
    }

    fn size(&self, spec: &mut Spec, errors: &mut Vec<FieldError>) {
        if self.preset == CUSTOM {
            let cpu = self.cpu.trim().parse().map_err(|error: domain::quantity::QuantityError| errors.push(FieldError::new("cpu", error.0)));
            let memory = self.memory.trim().parse().map_err(|error: domain::quantity::QuantityError| errors.push(FieldError::new("memory", error.0)));
            spec.size = Size { preset: Preset::default(), cpu: cpu.ok(), memory: memory.ok() };
        } else {
            match self.preset.parse() {
                Ok(preset) => spec.size = Size { preset, ..Size::default() },
                Err(error) => errors.push(FieldError::new("preset", error)),
            }
        }
        match self.storage.trim().parse::<u64>() {
            Ok(gib) if gib <= 1 << 20 => spec.storage = Bytes::gib(gib),
            _ => errors.push(FieldError::new("storage", "A whole number of GiB.")),
        }
    }

    /// The command that makes this cluster, if the texts keep the rules.
    pub fn command(&self, project: domain::ProjectId) -> Result<(ClusterName, domain::Command), domain::Error> {
        let (spec, errors) = self.wish();
        if !errors.is_empty() {
            return Err(domain::Error::Invalid(errors));
        }
        let name: ClusterName = self.name.trim().parse().map_err(|error: domain::name::NameError| domain::Error::invalid("name", error.0))?;
        if name.as_str() == crate::link::NEW.0 {
            return Err(domain::Error::invalid("name", "This name is taken by the page that you are on; choose another."));
        }
        let place = self.chosen_place()?;
        let id = self.id.parse().map_err(|_| domain::Error::invalid("id", "The form is damaged: load the page again."))?;
        Ok((name.clone(), domain::Command::Create { id, project, place, name, spec: Box::new(spec) }))
    }

    /// The place, if one was chosen.
    fn chosen_place(&self) -> Result<Option<domain::PlaceName>, domain::Error> {
        let chosen = Some(self.place.trim()).filter(|place| !place.is_empty());
        chosen.map(str::parse).transpose().map_err(|error: domain::name::NameError| domain::Error::invalid("place", error.0))
    }
}

/// An id for a new form. It only has to differ from others: nothing is guarded by it.
pub fn fresh_id() -> Uuid {
    #[cfg(target_arch = "wasm32")]
    let half = || (js_sys::Math::random() * 9_007_199_254_740_992.0) as u64;
    #[cfg(not(target_arch = "wasm32"))]
    let half = || {
        use std::hash::{BuildHasher, Hasher, RandomState};
        RandomState::new().build_hasher().finish()
    };
    let bits = u128::from(half()) << 75 ^ u128::from(half()) << 40 ^ u128::from(half());
    Uuid::from_u128(bits & !(0xf << 76) | 0x4 << 76)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(change: impl Fn(&mut Draft)) -> Vec<String> {
        let mut draft = Draft { name: "orders".into(), ..Draft::default() };
        change(&mut draft);
        draft.wish().1.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn what_the_form_starts_from_only_lacks_a_name() {
        assert_eq!(broken(|_| {}), Vec::<String>::new());
        assert_eq!(Draft::default().wish().1.into_iter().map(|e| e.field).collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn every_text_that_makes_no_sense_is_named() {
        assert_eq!(broken(|d| d.instances = "many".into()), ["instances"]);
        assert_eq!(broken(|d| d.storage = "-1".into()), ["storage"]);
        assert_eq!(broken(|d| (d.preset, d.cpu) = (CUSTOM.into(), "two".into())), ["cpu"]);
        assert_eq!(broken(|d| d.quorum_max = "3".into()), ["quorum.max"]);
        assert_eq!(broken(|d| d.version = "v9".into()), ["version"]);
    }

    #[test]
    fn one_instance_waits_for_nobody() {
        assert_eq!(broken(|d| d.instances = "1".into()), Vec::<String>::new());
    }
}
