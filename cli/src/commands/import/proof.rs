//! `--prove`: checks sample logins before any record is imported.

use std::path::Path;

use umoja_migrate::import::{Importer, Proof, Samples};

use super::source::{Item, Source};
use crate::CliError;
use crate::files;
use crate::output::note;

/// Checks the samples, and stops reading as soon as each one fits a record.
pub(super) fn prove(importer: &Importer, source: Source<'_>, path: &Path) -> Result<(), CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
    let csv = files::small(path).map_err(|error| failed(&error))?;
    let samples = Samples::parse(&csv).map_err(|error| failed(&error))?;
    let mut proofs = samples.open();
    for entry in source.entries {
        let entry = entry.map_err(|error| CliError::Failed(error.to_string()))?;
        if let Ok(Item::Row(row)) = &entry.row {
            samples.prove(importer, row, &mut proofs);
        }
        if proofs.iter().all(|proof| *proof == Proof::Verified) {
            note(&format!("{} sample logins fit their records", proofs.len()));
            return Ok(());
        }
    }
    let wrong = proofs.iter().zip(1..).filter(|(proof, _)| **proof != Proof::Verified);
    let wrong: Vec<String> = wrong.map(|(proof, n)| format!("record {n}: {}", proof.text())).collect();
    Err(CliError::NotProven(format!("{}: {}; no record was imported", path.display(), wrong.join("; "))))
}
