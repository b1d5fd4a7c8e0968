//! Server parameters as typed: rows of a name and a value.

use super::Review;
use domain::{
    Change, Cluster, Error, FieldError, Spec,
    parameter::{Parameters, needs_restart, refusal},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The table as typed, by row number. A row without a name or without a value is left out: the parameter goes back to its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Table {
    /// Names by row.
    pub names: BTreeMap<u16, String>,
    /// Values by row.
    pub values: BTreeMap<u16, String>,
}

impl Table {
    /// The table as the wish fills it.
    pub fn of(spec: &Spec) -> Self {
        let numbered = || spec.parameters.0.iter().zip(0u16..);
        Self { names: numbered().map(|((name, _), n)| (n, name.clone())).collect(), values: numbered().map(|((_, value), n)| (n, value.clone())).collect() }
    }

    /// The rows in order: number, name, value.
    pub fn rows(&self) -> Vec<(u16, String, String)> {
        self.names.iter().map(|(n, name)| (*n, name.clone(), self.values.get(n).cloned().unwrap_or_default())).collect()
    }

    /// Every row that says something, by lower-case name; or what is wrong, at `names.3` or `values.3`.
    pub fn parameters(&self) -> Result<Parameters, Error> {
        let mut errors = Vec::new();
        let mut all = BTreeMap::new();
        for (n, name, value) in self.rows() {
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            if name.is_empty() && !value.is_empty() {
                errors.push(FieldError::new(format!("names.{n}"), "Name the parameter that gets this value."));
            }
            if name.is_empty() || value.is_empty() {
                continue;
            }
            if let Some(why) = refusal(&name, &value) {
                errors.push(FieldError::new(format!("values.{n}"), why));
            }
            if all.insert(name.clone(), value).is_some() {
                errors.push(FieldError::new(format!("names.{n}"), format!("{name} is in the table twice.")));
            }
        }
        if errors.is_empty() { Ok(Parameters(all)) } else { Err(Error::Invalid(errors)) }
    }

    /// The change that makes the wish what was typed; none when it is that already.
    pub fn changes(&self, spec: &Spec) -> Result<Vec<Change>, Error> {
        let parameters = self.parameters()?;
        Ok(if parameters == spec.parameters { Vec::new() } else { vec![Change::SetParameters { parameters }] })
    }

    /// What the draft would do to the cluster.
    pub fn review(&self, cluster: &Cluster) -> Review {
        let before = &cluster.spec.parameters;
        let lines = self.parameters().map(|next| {
            let value = |of: &Parameters, name: &str| of.0.get(name).cloned().unwrap_or_else(|| "default".into());
            let mut names: Vec<&str> = next.changed(before).collect();
            names.sort_unstable();
            names.into_iter().map(|name| (name.to_owned(), value(before, name), value(&next, name))).collect::<Vec<_>>()
        });
        let lines = lines.unwrap_or_default();
        let reload = lines.iter().any(|(name, ..)| !needs_restart(name));
        let effects = if reload { vec!["What needs no restart takes effect within a second or two, without ending a session.".into()] } else { Vec::new() };
        super::review(cluster, self.changes(&cluster.spec), lines, effects)
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::fake::sample;

    fn table(rows: &[(&str, &str)]) -> Table {
        let numbered = || rows.iter().zip(0u16..);
        Table {
            names: numbered().map(|((name, _), n)| (n, (*name).into())).collect(),
            values: numbered().map(|((_, value), n)| (n, (*value).into())).collect(),
        }
    }

    #[test]
    fn a_table_sent_as_it_was_filled_changes_nothing() {
        let cluster = sample::ready();
        assert_eq!(Table::of(&cluster.spec).changes(&cluster.spec), Ok(Vec::new()));
    }

    #[test]
    fn what_is_emptied_goes_back_to_its_default() {
        let review = table(&[("max_connections", "200"), ("work_mem", "")]).review(&sample::ready());
        assert_eq!(review.lines, [("work_mem".into(), "16MB".into(), "default".into())]);
    }

    #[test]
    fn a_restart_is_said_before_the_click() {
        let review = table(&[("max_connections", "300"), ("work_mem", "16MB")]).review(&sample::ready());
        assert!(review.is_ready() && review.costs.iter().any(|cost| cost.contains("max_connections")), "{:?}", review.costs);
    }

    #[test]
    fn a_refusal_stands_at_its_row() {
        let review = table(&[("work_mem", "16MB"), ("Archive_Command", "rm"), ("WORK_MEM", "1MB"), ("", "5")]).review(&sample::ready());
        let fields: Vec<_> = review.errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["values.1", "names.2", "names.3"]);
    }
}
