//! The bugs that the simulation found, each as the fewest steps that showed it: `tests/sim/regressions.jsonl`.

use serde::{Deserialize, Serialize};

use super::plan::Plan;

/// A bug.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// The description of the bug.
    pub what: String,
    /// The run.
    #[serde(flatten)]
    pub plan: Plan,
}

const FILE: &str = include_str!("../../sim/regressions.jsonl");

/// All bugs, in the order in which they were found.
///
/// # Errors
/// The number of the first invalid line.
pub fn all() -> Result<Vec<Kept>, String> {
    read(FILE)
}

/// Reads lines in this format. Empty lines are skipped.
///
/// # Errors
/// The number of the first invalid line.
pub fn read(text: &str) -> Result<Vec<Kept>, String> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines.map(|(line, number)| serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))).collect()
}

/// A run as a line of the file.
pub fn line(plan: &Plan, what: &str) -> String {
    let kept = Kept { what: what.to_owned(), plan: plan.clone() };
    serde_json::to_string(&kept).expect("a plan is JSON")
}
