//! What Howdah costs beside the same work done by hand. One module a subject yields rows; this one prints them.

use anyhow::{Result, bail};

use crate::precompress::brotli;
use crate::wasm::{self, Variant};

/// One comparison. `ours` and `reference` are in `unit`.
pub struct Row {
    /// What is measured.
    pub name: &'static str,
    /// Of both figures.
    pub unit: &'static str,
    /// Howdah's figure.
    pub ours: f64,
    /// The figure of the same work by hand, or a fixed limit; none for what is only reported.
    pub reference: Option<f64>,
    /// The bound on `ours / reference`.
    pub goal: Goal,
    /// Relative spread of repeated runs; none for what does not vary.
    pub noise: Option<f64>,
}

/// On which side of the bound the ratio must stay.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Costs: times and sizes.
    AtMost(f64),
    /// Rates.
    #[expect(dead_code, reason = "for the rates of pages and REST")]
    AtLeast(f64),
    /// Reported only.
    #[expect(dead_code, reason = "for the minutes from clone to sign-in page")]
    None,
}

/// Measures and prints; fails when a goal is missed, after printing all.
pub fn run() -> Result<()> {
    let rows = vec![wasm_size()?];
    println!("{}", table(&rows));
    match rows.iter().filter(|row| row.missed()).count() {
        0 => Ok(()),
        missed => bail!("{missed} goals missed"),
    }
}

/// What the browser downloads before a page is live.
fn wasm_size() -> Result<Row> {
    let bytes = std::fs::read(wasm::build(Variant::Small)?.join("frontend_bg.wasm"))?;
    Ok(Row { name: "wasm, brotli", unit: "kB", ours: brotli(&bytes)?.len() as f64 / 1000.0, reference: Some(350.0), goal: Goal::AtMost(1.0), noise: None })
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.reference.map(|reference| self.ours / reference)
    }

    fn missed(&self) -> bool {
        match (self.ratio(), self.goal) {
            (Some(ratio), Goal::AtMost(bound)) => ratio > bound,
            (Some(ratio), Goal::AtLeast(bound)) => ratio < bound,
            (None, _) | (_, Goal::None) => false,
        }
    }

    fn cells(&self) -> [String; 6] {
        let number = |value: f64| match value {
            value if value < 10.0 => format!("{value:.2} {}", self.unit),
            value => format!("{value:.0} {}", self.unit),
        };
        let goal = match self.goal {
            Goal::AtMost(bound) => format!("<= {bound:.2}"),
            Goal::AtLeast(bound) => format!(">= {bound:.2}"),
            Goal::None => String::new(),
        };
        [
            self.name.to_owned(),
            number(self.ours),
            self.reference.map(number).unwrap_or_default(),
            self.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            if self.missed() { format!("{goal} MISSED") } else { goal },
            self.noise.map(|noise| format!("±{:.0} %", noise * 100.0)).unwrap_or_default(),
        ]
    }
}

/// A table in which the columns line up.
pub fn table(rows: &[Row]) -> String {
    let head = ["", "ours", "reference", "ratio", "goal", "noise"].map(str::to_owned);
    let lines: Vec<[String; 6]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        let mut printed = format!("{:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(widths).skip(1) {
            printed += &format!("  {cell:>width$}");
        }
        text += printed.trim_end();
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Goal, Row, table};

    #[test]
    fn a_missed_goal_is_marked_and_columns_line_up() {
        let row = |name, ours, goal| Row { name, unit: "s", ours, reference: Some(2.0), goal, noise: Some(0.07) };
        let printed = table(&[row("create one", 2.2, Goal::AtMost(1.15)), row("create three, streaming", 5.0, Goal::AtMost(1.15))]);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines[1], "create one               2.20 s     2.00 s   1.10         <= 1.15   ±7 %");
        assert_eq!(lines[2], "create three, streaming  5.00 s     2.00 s   2.50  <= 1.15 MISSED   ±7 %");
    }
}
