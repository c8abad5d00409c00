//! The conflicts between rows of a dry run: a dry run writes no user, so the store cannot find them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use umoja_schema::{BlindIndex, UserId};

use umoja_accounts::import::{Done, Failed, Importer, Outcome, Row};

/// The identifiers of all rows so far: the first bytes of each blind index, with those of the user's id, and whether
/// the identifier would be verified. It takes about 60 bytes of memory for each identifier.
#[derive(Debug, Default)]
pub struct Rehearsal(Mutex<BTreeMap<u64, (u64, bool)>>);

impl Rehearsal {
    /// The outcome of a row after the previous ones. Matches are not followed further: a third row may be counted as in
    /// conflict although it would be matched.
    ///
    /// # Errors
    /// As [`Importer::row`].
    pub async fn row(&self, importer: &Importer, row: &Row) -> Result<Done, Failed> {
        let done = importer.row(row).await?;
        let user = importer.read(&importer.context(), row)?;
        let ownerships = user.facts.ownerships.iter().map(|(index, ownership)| (index, ownership.verified));
        let outcome = self.among_rows(user.id, ownerships).filter(|_| done.outcome == Outcome::Created);
        Ok(Done { outcome: outcome.unwrap_or(done.outcome), ..done })
    }

    fn among_rows<'a>(&self, id: UserId, ownerships: impl Iterator<Item = (&'a BlindIndex, bool)>) -> Option<Outcome> {
        let id = first_bytes(id.as_bytes());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outcome = None;
        for (index, verified) in ownerships {
            let Some((owner, held)) = seen.get(&first_bytes(index.as_bytes())).copied() else {
                seen.insert(first_bytes(index.as_bytes()), (id, verified));
                continue;
            };
            outcome = match outcome {
                _ if owner == id => return Some(Outcome::AlreadyThere),
                Some(Outcome::Matched) => outcome,
                _ if verified && held => Some(Outcome::Matched),
                _ => Some(Outcome::InConflict),
            };
        }
        outcome
    }
}

fn first_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
