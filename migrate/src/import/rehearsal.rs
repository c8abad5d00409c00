//! The conflicts between rows of a dry run: a dry run writes no user, so the store cannot find them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use umoja_accounts::evidence::{Evidence, Joins};
use umoja_accounts::import::{Done, Failed, Importer, NewUser, Outcome, Reason, Row};
use umoja_schema::{BlindIndex, CompanyId, IdentifierKind};

/// The identifiers and the users of all rows so far. An identifier takes about 60 bytes of memory, and a user as many.
#[derive(Debug, Default)]
pub struct Rehearsal(Mutex<Rows>);

/// The first bytes of a blind index or of a user's id.
type Short = u64;

#[derive(Debug, Default)]
struct Rows {
    /// The first user with each identifier, and whether the identifier would be verified.
    owners: BTreeMap<Short, (Short, bool)>,
    users: BTreeMap<Short, Known>,
}

/// What a user is known by, as far as it can contradict that another row is the same person.
#[derive(Debug, Clone, Copy)]
struct Known {
    external_id: Option<Short>,
    email: Option<(Short, bool)>,
    username: Option<Short>,
    has_hash: bool,
}

impl Known {
    fn of(user: &NewUser) -> Self {
        // One live index key is enough to compare.
        let first = |kind| user.facts.ownerships.iter().find(|(_, ownership)| ownership.kind == kind);
        Self {
            external_id: first(IdentifierKind::ExternalId).map(|(index, _)| short(index.as_bytes())),
            email: first(IdentifierKind::Email).map(|(index, own)| (short(index.as_bytes()), own.verified)),
            username: first(IdentifierKind::Username).map(|(index, _)| short(index.as_bytes())),
            has_hash: user.hash.is_some(),
        }
    }

    fn evidence(&self, company: &CompanyId) -> Evidence {
        let mut evidence = Evidence::default();
        if let Some(external_id) = self.external_id {
            evidence = evidence.with_external_id(company, whole(external_id));
        }
        if let Some((email, verified)) = self.email {
            evidence = evidence.with_email(whole(email), verified);
        }
        if let Some(username) = self.username {
            evidence = evidence.with_username(whole(username));
        }
        evidence
    }

    /// True if the two rows cannot be one person, so that no password of one opens the account of the other.
    fn contradicts(&self, other: &Self, company: &CompanyId) -> bool {
        !self.evidence(company).contradictions(&other.evidence(company), Joins::Passwords).is_empty()
    }
}

impl Rehearsal {
    /// The outcome of a row after the previous ones. Matches are not followed further: a third row may be counted as in
    /// conflict although it would be matched.
    ///
    /// # Errors
    /// As [`Importer::row`].
    pub async fn row(&self, importer: &Importer, row: &Row) -> Result<Done, Failed> {
        let done = importer.row(row).await?;
        let user = importer.read(&importer.context(), row)?;
        let among_rows = self.among_rows(&importer.company.id, &user);
        if done.outcome != Outcome::Created {
            return Ok(done);
        }
        Ok(Done { outcome: among_rows?.unwrap_or(Outcome::Created), ..done })
    }

    fn among_rows(&self, company: &CompanyId, user: &NewUser) -> Result<Option<Outcome>, Reason> {
        let (id, known) = (short(user.id.as_bytes()), Known::of(user));
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Rows { owners, users } = &mut *rows;
        if let Some(earlier) = users.get_mut(&id) {
            if earlier.contradicts(&known, company) {
                return Err(Reason::OtherAddress);
            }
            earlier.has_hash |= known.has_hash;
            return Ok(Some(Outcome::AlreadyThere));
        }
        users.insert(id, known);
        let mut outcome = None;
        for (index, ownership) in &user.facts.ownerships {
            let Some((owner, held)) = owners.get(&short(index.as_bytes())).copied() else {
                owners.insert(short(index.as_bytes()), (id, ownership.verified));
                continue;
            };
            let is_same = ownership.verified
                && held
                && users.get(&owner).is_some_and(|owner| !owner.contradicts(&known, company));
            outcome = match outcome {
                Some(Outcome::Matched) => outcome,
                _ if is_same => Some(Outcome::Matched),
                _ => Some(Outcome::InConflict),
            };
        }
        Ok(outcome)
    }
}

fn short(bytes: &[u8]) -> Short {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A blind index that differs whenever the first bytes differ.
fn whole(short: Short) -> BlindIndex {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&short.to_be_bytes());
    BlindIndex::new(bytes)
}
