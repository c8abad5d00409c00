//! Bugs that were found, each as the fewest steps that showed it: `tests/sim/regressions.jsonl`.

use serde::{Deserialize, Serialize};

use super::plan::Plan;

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// What it was.
    pub what: String,
    /// The run.
    #[serde(flatten)]
    pub plan: Plan,
}

const FILE: &str = include_str!("../../sim/regressions.jsonl");

/// All of them, in the order in which they were found.
///
/// # Errors
/// With the number of the line that is not one.
pub fn all() -> Result<Vec<Kept>, String> {
    read(FILE)
}

/// Reads such lines; empty ones are left out.
///
/// # Errors
/// With the number of the line that is not one.
pub fn read(text: &str) -> Result<Vec<Kept>, String> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines.map(|(line, number)| serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))).collect()
}

/// A run as a line of the file.
pub fn line(plan: &Plan, what: &str) -> String {
    let kept = Kept { what: what.to_owned(), plan: plan.clone() };
    serde_json::to_string(&kept).expect("a plan is JSON")
}
