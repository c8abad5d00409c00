//! Figures, their limits, and how both are shown.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};

use serde::Serialize;

/// The limit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
    /// Less than this.
    Under(f64),
}

impl Limit {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
            Self::Under(limit) => value < limit,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "at least {}", Short(*limit)),
            Self::AtMost(limit) => write!(f, "at most {}", Short(*limit)),
            Self::Under(limit) => write!(f, "under {}", Short(*limit)),
        }
    }
}

/// One measured value.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    group: &'static str,
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

/// A number with about three significant digits.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        match value.abs() {
            size if size >= 100.0 || value.fract() == 0.0 => write!(f, "{value:.0}"),
            size if size >= 10.0 => write!(f, "{value:.1}"),
            size if size >= 1.0 => write!(f, "{value:.2}"),
            // A ratio close to its limit needs more digits.
            _ => write!(f, "{value:.3}"),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, unit, .. } = self;
        write!(f, "  {name:<64} {:>8} {unit:<10}", Short(*value).to_string())?;
        match (self.limit, self.met) {
            (Some(limit), Some(met)) => {
                write!(f, " {:<14} {}", limit.to_string(), if met { "ok" } else { "NOT MET" })
            }
            _ => Ok(()),
        }
    }
}

/// All measured figures. They are shown as they are measured, unless the report is for a program.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    quick: bool,
    group: &'static str,
    load_before: Option<f64>,
    notes: BTreeMap<String, String>,
    figures: Vec<Figure>,
}

/// The report for a program.
#[derive(Serialize)]
struct Document<'a> {
    quick: bool,
    cores: usize,
    load_before: Option<f64>,
    load_after: Option<f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    notes: &'a BTreeMap<String, String>,
    figures: &'a [Figure],
}

impl Report {
    /// An empty report. A `quick` run proves that everything is measured; its figures mean little.
    pub(crate) fn new(json: bool, quick: bool) -> Self {
        Self { json, quick, group: "", load_before: load_average(), notes: BTreeMap::new(), figures: Vec::new() }
    }

    /// Begins a group of figures.
    pub(crate) fn group(&mut self, group: &'static str, title: &str) {
        self.group = group;
        self.say(&format!("\n{group}: {title}"));
    }

    /// A note that is not a figure: a version, or why a figure is missing.
    pub(crate) fn note(&mut self, name: impl Into<String>, text: impl Into<String>) {
        let (name, text) = (name.into(), text.into());
        self.say(&format!("  {name}: {text}"));
        self.notes.insert(name, text);
    }

    /// A value without a limit.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.push(name.into(), value, unit, None);
    }

    /// A value with its limit.
    pub(crate) fn judge(&mut self, name: impl Into<String>, value: f64, unit: &'static str, limit: Limit) {
        self.push(name.into(), value, unit, Some(limit));
    }

    fn push(&mut self, name: String, value: f64, unit: &'static str, limit: Option<Limit>) {
        let met = limit.map(|limit| limit.is_met_by(value));
        let figure = Figure { group: self.group, name, value, unit, limit, met };
        self.say(&figure.to_string());
        self.figures.push(figure);
    }

    fn say(&self, text: &str) {
        if !self.json {
            line(text);
        }
    }

    /// Shows the rest of the report.
    pub(crate) fn end(self) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let Self { quick, load_before, ref notes, ref figures, .. } = self;
        let load_after = load_average();
        if self.json {
            let document = Document { quick, cores, load_before, load_after, notes, figures };
            line(&serde_json::to_string_pretty(&document).unwrap_or_default());
            return;
        }
        let missed: Vec<&str> = figures.iter().filter(|f| f.met == Some(false)).map(|f| f.name.as_str()).collect();
        let judged = figures.iter().filter(|figure| figure.met.is_some()).count();
        let load = |load: Option<f64>| load.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
        line(&format!("\n{cores} cores, load average {} before and {} after.", load(load_before), load(load_after)));
        if quick {
            line("A quick run: it shows that everything is measured, not how fast anything is.");
        }
        match missed.as_slice() {
            [] if judged == 0 => {}
            [] => line(&format!("All {judged} limits are met.")),
            missed => line(&format!("{} of {judged} limits NOT MET: {}.", missed.len(), missed.join("; "))),
        }
    }
}

/// The average number of runnable threads in the last minute.
fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// A line on standard output. If the reader has closed the pipe, the measurement continues.
fn line(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// The value at a share of the sorted values, by the nearest rank; 0 if there are no values.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rank")]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The median.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// A count as a floating-point number.
#[allow(clippy::cast_precision_loss, reason = "no count here is beyond 2^52")]
pub(crate) fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert!((percentile(&values, 0.99) - 198.0).abs() < f64::EPSILON);
        assert!((median(&values) - 100.0).abs() < f64::EPSILON);
        assert!((percentile(&[7.0], 0.99) - 7.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn a_limit_is_met_or_not() {
        assert!(Limit::AtLeast(0.9).is_met_by(0.9) && !Limit::AtLeast(0.9).is_met_by(0.89));
        assert!(Limit::AtMost(300.0).is_met_by(300.0) && !Limit::AtMost(300.0).is_met_by(301.0));
        assert!(Limit::Under(50.0).is_met_by(49.9) && !Limit::Under(50.0).is_met_by(50.0));
    }

    #[test]
    fn a_figure_shows_its_limit_and_whether_it_is_met() {
        let mut report = Report::new(true, false);
        report.judge("look-up", 251.0, "us", Limit::AtMost(250.0));
        report.add("rate", 9.876, "1/s");
        let shown: Vec<String> = report.figures.iter().map(ToString::to_string).collect();
        assert!(shown[0].contains("251 us") && shown[0].ends_with("at most 250    NOT MET"), "{shown:?}");
        assert!(shown[1].contains("9.88 1/s"), "{shown:?}");
    }
}
