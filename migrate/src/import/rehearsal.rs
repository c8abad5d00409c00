//! What rows would be to each other: nothing is written by a dry run, so the store cannot tell.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use umoja_schema::{BlindIndex, UserId};

use umoja_accounts::import::{Done, Failed, Importer, Outcome, Row};

/// The identifiers of all rows so far: the first bytes of each blind index, with those of the user's id, and whether it would
/// be verified. Memory is about 60 bytes an identifier.
#[derive(Debug, Default)]
pub struct Rehearsal(Mutex<BTreeMap<u64, (u64, bool)>>);

impl Rehearsal {
    /// What would become of a row after those before. Whom a row is matched with is not followed further: a third row may
    /// be counted as in conflict and be matched.
    ///
    /// # Errors
    /// As [`Importer::row`].
    pub async fn row(&self, importer: &Importer, row: &Row) -> Result<Done, Failed> {
        let done = importer.row(row).await?;
        let user = importer.read(&importer.context(), row)?;
        let claims = user.facts.claims.iter().map(|(index, claim)| (index, claim.verified));
        let outcome = self.among_rows(user.id, claims).filter(|_| done.outcome == Outcome::Created);
        Ok(Done { outcome: outcome.unwrap_or(done.outcome), ..done })
    }

    fn among_rows<'a>(&self, id: UserId, claims: impl Iterator<Item = (&'a BlindIndex, bool)>) -> Option<Outcome> {
        let id = first_bytes(id.as_bytes());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outcome = None;
        for (index, verified) in claims {
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
