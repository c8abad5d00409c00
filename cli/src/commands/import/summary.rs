//! The summary of an import, for people and for programs.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use umoja_migrate::import::Report;

use super::Import;
use super::resume::beside;
use super::source::is_standard_input;
use crate::deployment::DeployedRegion;
use crate::output::{Output, table};

pub(super) struct Summary<'a> {
    pub(super) import: &'a Import,
    pub(super) region: &'a DeployedRegion,
    pub(super) report: &'a Report,
    pub(super) millis: u64,
    /// How long one argon2id takes on this machine, if that was measured.
    pub(super) wrap_ms: Option<u64>,
}

impl Summary<'_> {
    pub(super) fn print(&self, output: Output) {
        output.answer(&self.json(), || self.text());
    }

    fn json(&self) -> Value {
        let mut value = serde_json::to_value(self.report).unwrap_or_default();
        value["company"] = json!(self.import.company);
        value["region"] = json!(self.region.name());
        value["dry_run"] = json!(self.import.dry_run);
        value["seconds"] = json!(self.millis / 1000);
        if self.report.rejected > 0 {
            value["rejected_file"] = json!(self.rejected_file());
        }
        if let Some(secs) = self.wrapping_secs() {
            value["wrapping_seconds_estimate"] = json!(secs);
        }
        value
    }

    fn text(&self) -> String {
        let Report { rows, created, matched, in_conflict, already_there, rejected, without_hash, wrapped, .. } =
            self.report;
        let title = if self.import.dry_run { "No record was imported. The import would be:" } else { "Done:" };
        let mut lines = vec![
            vec!["records".to_owned(), rows.to_string()],
            vec!["new users".to_owned(), created.to_string()],
            vec!["matched with a user whom another company knows".to_owned(), matched.to_string()],
            vec!["new users in conflict (umoja conflicts list)".to_owned(), in_conflict.to_string()],
            vec!["already there".to_owned(), already_there.to_string()],
            vec!["rejected".to_owned(), rejected.to_string()],
        ];
        for (reason, count) in &self.report.rejected_by_reason {
            lines.push(vec![format!("  {reason}"), count.to_string()]);
        }
        for (field, count) in &self.report.left_out {
            lines.push(vec![format!("left out or kept under `custom`: {field}"), count.to_string()]);
        }
        for (family, count) in &self.report.hashes {
            lines.push(vec![format!("hashes of {family}"), count.to_string()]);
        }
        lines.push(vec!["without a hash".to_owned(), without_hash.to_string()]);
        lines.push(vec!["fast hashes, put inside argon2id".to_owned(), wrapped.to_string()]);
        for (kind, count) in &self.report.factors {
            lines.push(vec![format!("second factors: {kind}"), count.to_string()]);
        }
        if self.report.peppered > 0 {
            lines.push(vec![
                "passwords of another deployment's pepper, left out".to_owned(),
                self.report.peppered.to_string(),
            ]);
        }
        if let Some(most) = &self.report.costliest {
            let cost = format!("{}, {} ms, {} MiB", most.family, most.micros / 1000, most.memory_kib / 1024);
            lines.push(vec!["most expensive to verify, once".to_owned(), cost]);
        }
        if let Some(secs) = self.wrapping_secs() {
            lines.push(vec!["argon2id will take about".to_owned(), format!("{secs} s")]);
        }
        for (id, count) in &self.report.missing_keys {
            lines.push(vec![format!("records that need the hash key {id}"), count.to_string()]);
        }
        let mut text = format!("{title}\n{}", table(&lines));
        if !self.report.not_taken.is_empty() {
            let names = self.report.not_taken.iter().map(|(name, count)| vec![name.clone(), count.to_string()]);
            // Writing to a string cannot fail.
            let _ =
                write!(text, "Not taken, because a user has no place for it:\n{}", table(&names.collect::<Vec<_>>()));
        }
        if *rejected > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "Rejected records are listed in {}.", self.rejected_file().display());
        }
        text
    }

    fn wrapping_secs(&self) -> Option<u64> {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get) as u64;
        self.wrap_ms.map(|ms| (ms * self.report.wrapped).div_ceil(1000 * cores))
    }

    fn rejected_file(&self) -> PathBuf {
        let base = if is_standard_input(&self.import.file) { "import".into() } else { self.import.file.clone() };
        self.import.rejected.clone().unwrap_or_else(|| beside(&base, ".rejected.ndjson"))
    }
}
