//! What Howdah costs beside the same work done by hand. One module a subject yields rows; this one prints them.

mod create;
mod fresh;
mod http;
mod kubernetes;
mod portal;
mod rates;

use anyhow::{Result, bail};

use crate::precompress::brotli;
use crate::wasm::{self, Variant};

/// One comparison. `ours` and `reference` are in `unit`.
pub struct Row {
    /// What is measured.
    pub name: String,
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
    AtLeast(f64),
    /// Reported only.
    None,
}

/// What to measure.
#[derive(clap::Args)]
pub struct Wanted {
    /// Only `create`, `rates`, `kubernetes` or `wasm`.
    only: Option<String>,
    /// As well: minutes from a fresh clone to the sign-in page. Builds everything anew, which takes long.
    #[arg(long)]
    fresh: bool,
    /// Numbers of idle clusters on Kubernetes.
    #[arg(long, value_delimiter = ',', default_value = "500,5000")]
    idle: Vec<usize>,
}

/// Measures and prints; fails when a goal is missed, after printing all.
pub fn run(wanted: &Wanted) -> Result<()> {
    let want = |part| wanted.only.as_deref().is_none_or(|only| only == part);
    let mut rows = Vec::new();
    if want("create") || want("rates") || want("kubernetes") {
        portal::build()?;
    }
    if want("kubernetes") {
        rows.extend(kubernetes::rows(&wanted.idle)?);
    }
    if want("create") || want("rates") {
        let portal = portal::Portal::start()?;
        if want("create") {
            rows.extend(create::rows(&portal)?);
        }
        if want("rates") {
            rows.extend(rates::rows(&portal)?);
        }
    }
    if want("wasm") {
        rows.push(wasm_size()?);
    }
    if wanted.fresh {
        rows.extend(fresh::rows()?);
    }
    println!("\n{}", table(&rows));
    let missed: Vec<String> = rows.iter().filter_map(Row::note).collect();
    for note in &missed {
        println!("{note}");
    }
    match missed.len() {
        _ if rows.is_empty() => bail!("nothing was measured: create, rates, kubernetes or wasm"),
        0 => Ok(()),
        1 => bail!("a goal was missed"),
        count => bail!("{count} goals were missed"),
    }
}

/// Repeated measurements of one thing.
#[derive(Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// One more.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// The value that this part of all stays below.
    fn quantile(&self, part: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * part).ceil() as usize]
    }

    fn median(&self) -> f64 {
        let (low, high) = (self.0[(self.0.len() - 1) / 2], self.0[self.0.len() / 2]);
        (low + high) / 2.0
    }

    /// Half of what lies between the least and the most, as a part of the median.
    fn spread(&self) -> f64 {
        (self.0[self.0.len() - 1] - self.0[0]) / 2.0 / self.median()
    }
}

/// What the browser downloads before a page is live.
fn wasm_size() -> Result<Row> {
    let bytes = std::fs::read(wasm::build(Variant::Small)?.join("frontend_bg.wasm"))?;
    Ok(Row {
        name: "wasm, brotli".into(),
        unit: "kB",
        ours: brotli(&bytes)?.len() as f64 / 1000.0,
        reference: Some(350.0),
        goal: Goal::AtMost(1.0),
        noise: None,
    })
}

impl Row {
    /// Medians of what was measured side by side; the noise is that of the side that varied more.
    fn compare(name: &str, unit: &'static str, ours: &Series, theirs: &Series, goal: Goal) -> Self {
        Self { name: name.to_owned(), unit, ours: ours.median(), reference: Some(theirs.median()), goal, noise: Some(ours.spread().max(theirs.spread())) }
    }

    /// By how much the goal was missed, and whether the noise could be why.
    fn note(&self) -> Option<String> {
        let (ratio, bound) = match (self.missed(), self.ratio(), self.goal) {
            (true, Some(ratio), Goal::AtMost(bound) | Goal::AtLeast(bound)) => (ratio, bound),
            (true | false, _, _) => return None,
        };
        let off = (ratio / bound - 1.0).abs();
        let noisy = if self.noise.is_some_and(|noise| off < noise) { "; that is within the noise" } else { "" };
        Some(format!("{}: {ratio:.2} x where {bound:.2} x was to be reached, {:.0} % off{noisy}", self.name, off * 100.0))
    }

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
            self.name.clone(),
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
    use super::{Goal, Row, Series, table};

    #[test]
    fn a_median_does_not_follow_an_outlier() {
        let mut series = Series::default();
        [2.0, 1.0, 30.0, 2.2, 2.1].into_iter().for_each(|value| series.add(value));
        assert_eq!(series.median(), 2.1);
    }

    #[test]
    fn a_missed_goal_says_by_how_much() {
        let row = |ours, noise| Row { name: "page".into(), unit: "/s", ours, reference: Some(100.0), goal: Goal::AtLeast(0.5), noise: Some(noise) };
        assert_eq!(row(51.0, 0.0).note(), None);
        assert_eq!(row(40.0, 0.1).note().as_deref(), Some("page: 0.40 x where 0.50 x was to be reached, 20 % off"));
        assert_eq!(row(48.0, 0.1).note().as_deref(), Some("page: 0.48 x where 0.50 x was to be reached, 4 % off; that is within the noise"));
    }

    #[test]
    fn a_missed_goal_is_marked_and_columns_line_up() {
        let row = |name: &str, ours, goal| Row { name: name.to_owned(), unit: "s", ours, reference: Some(2.0), goal, noise: Some(0.07) };
        let printed = table(&[row("create one", 2.2, Goal::AtMost(1.15)), row("create three, streaming", 5.0, Goal::AtMost(1.15))]);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines[1], "create one               2.20 s     2.00 s   1.10         <= 1.15   ±7 %");
        assert_eq!(lines[2], "create three, streaming  5.00 s     2.00 s   2.50  <= 1.15 MISSED   ±7 %");
    }
}
