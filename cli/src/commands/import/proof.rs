//! `--prove`: checks sample logins before any record is imported.

use std::path::Path;

use umoja_migrate::import::{Importer, Proof, Samples};

use super::options::Of;
use super::source::{Item, Source, unreadable};
use crate::CliError;
use crate::files;
use crate::output::{counted, note};

/// Checks the samples in `path`, and stops reading as soon as each one fits a record of `file`.
pub(super) fn prove(importer: &Importer, source: Source<'_>, file: (&Path, Of), path: &Path) -> Result<(), CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
    let csv = files::small(path).map_err(|error| failed(&error))?;
    let samples = Samples::parse(&csv).map_err(|error| failed(&error))?;
    let mut proofs = samples.open();
    let (mut rejected, mut first) = (0_u64, None);
    for entry in source.entries {
        let entry = entry.map_err(|error| CliError::Failed(unreadable(file.0, file.1, &error)))?;
        match &entry.row {
            Ok(Item::Row(row)) => samples.prove(importer, row, &mut proofs),
            Ok(Item::Record(_)) => {}
            Err(reason) => {
                rejected += 1;
                first = first.or_else(|| Some(format!("line {}: {reason}", entry.line)));
            }
        }
        if proofs.iter().all(|proof| *proof == Proof::Verified) {
            note(&match proofs.len() {
                1 => "1 sample login fits its record".to_owned(),
                several => format!("{several} sample logins fit their records"),
            });
            return Ok(());
        }
    }
    let wrong = proofs.iter().zip(1..).filter(|(proof, _)| **proof != Proof::Verified);
    // A record that cannot be read has no identifier to find it by.
    let unread = first.filter(|_| proofs.contains(&Proof::NotFound));
    let unread = unread.map_or(String::new(), |first| {
        let count = counted(rejected, "record");
        format!("; {count} of the file cannot be read and may hold a missing identifier, the first in {first}")
    });
    let wrong: Vec<String> = wrong.map(|(proof, n)| format!("record {n}: {}", proof.text())).collect();
    Err(CliError::NotProven(format!("{}: {}{unread}; no record was imported", path.display(), wrong.join("; "))))
}
