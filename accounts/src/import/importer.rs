//! The importer of rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use umoja_crypto::legacy::HashKeys;
use umoja_schema::{Actor, Company, IdentifierKind};
use umoja_store::apply::MAX_ROUNDS;
use umoja_store::backoff::BackOff;
use umoja_store::ports::Entropy;

use super::bad_values::Usable;
use super::error::{Failed, Reason};
use super::factors;
use super::hashing::Hashing;
use super::report::{Done, Outcome};
use super::row::{Rejected, Row};
use super::user::NewUser;
use crate::{Context, People};

/// Imports users of one company into one region, from where they replicate like all other users.
pub struct Importer {
    /// The people of the region.
    pub people: People,
    /// The hasher that puts argon2id around fast hashes.
    pub hashing: Hashing,
    /// The secrets of legacy hashes. A hash that names another secret is rejected.
    pub keys: HashKeys,
    /// The company of the users. Its verified flags count if it is trusted to verify, and national phone numbers are
    /// read as numbers of its country.
    pub company: Arc<Company>,
    /// The host of the issuer of single sign-on, for which passkeys have to be made. Without it none comes in.
    pub site: Option<String>,
    /// True to read everything and write no changes.
    pub dry_run: bool,
    /// True to reject a row for one unusable value.
    pub is_strict: bool,
    /// Whether rows are expected to make users.
    pub streak: Streak,
}

/// Whether the last row made a user. The next one is then expected to make one too, and is written without looking first: a
/// transaction whose conditions do not hold is no worse than a look that finds something.
#[derive(Debug, Default)]
pub struct Streak(AtomicBool);

impl Streak {
    fn lasts(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, outcome: Outcome) {
        self.0.store(outcome == Outcome::Created, Ordering::Relaxed);
    }
}

impl Importer {
    /// The importer of a source's users. The provider decides about its values, so one that cannot be used rejects no
    /// user.
    pub fn of_source(people: People, hashing: Hashing, company: Arc<Company>) -> Self {
        let keys = people.secrets.password_keys().hash_keys.clone();
        Self { people, hashing, keys, company, site: None, dry_run: false, is_strict: false, streak: Streak::default() }
    }

    /// Imports a row or, in a dry run, returns the outcome that it would have. A second import of the row has no
    /// further effect.
    ///
    /// # Errors
    /// [`Failed::Rejected`] if the row cannot be imported. [`Failed::Stopped`] if no other row could be imported
    /// either.
    pub async fn row(&self, row: &Row) -> Result<Done, Failed> {
        patiently(&*self.people.home.entropy, || self.attempt(row)).await
    }

    /// The context of an import at this time.
    pub fn context(&self) -> Context {
        let now = self.people.home.clock.now();
        Context { actor: actor(), company: Arc::clone(&self.company), now, request: None }
    }

    /// Reads a row as the user that it would make.
    ///
    /// # Errors
    /// If the row is invalid.
    pub fn read(&self, context: &Context, row: &Row) -> Result<NewUser, Reason> {
        let user = NewUser::read(&self.people, &self.keys, context, row, self.is_strict)?;
        let (factors, unusable) = factors::usable(row, self.site.as_deref());
        if self.is_strict
            && let Some(reason) = Reason::all(unusable.iter().cloned().map(|name| Rejected::Field(name).into()))
        {
            return Err(reason);
        }
        let left_out = user.left_out.into_iter().chain(unusable).collect();
        Ok(NewUser { factors, left_out, ..user })
    }

    /// The usable identifiers of a row in their normalised form.
    pub fn identifiers(&self, row: &Row) -> Vec<(IdentifierKind, String)> {
        let usable = Usable::of(&self.context(), row, false);
        let given = usable.map(|usable| usable.given).unwrap_or_default();
        given.into_iter().map(|given| (given.kind, given.parsed.normalised)).collect()
    }

    async fn attempt(&self, row: &Row) -> Result<Done, Failed> {
        let context = self.context();
        let user = self.read(&context, row)?;
        // The hash is made once for all rounds, because it may cost an argon2id computation.
        let mut stored_hash = None;
        for round in 0..MAX_ROUNDS {
            let done = if round == 0 && self.streak.lasts() && !self.dry_run {
                self.unseen(&context, &user, &mut stored_hash).await?
            } else {
                self.round(&context, &user, &mut stored_hash, round == 0).await?.map(|(outcome, _)| outcome)
            };
            if let Some(outcome) = done {
                self.streak.note(outcome);
                let hash = row.hash.as_ref().map(|hash| self.hashing.report(hash, stored_hash.as_deref()));
                let (factors, without) = factors::add(&self.people, self.dry_run, (&context, &user), outcome).await?;
                let (mut left_out, not_taken) = (user.left_out, row.not_taken.clone());
                left_out.extend(without);
                return Ok(Done { outcome, hash, factors, peppered: false, left_out, not_taken, links: Vec::new() });
            }
        }
        Err(Reason::Busy.into())
    }
}

/// The actor of an import in the audit trail.
pub(super) fn actor() -> Actor {
    Actor::Operator { command: "import".to_owned(), by: None }
}

/// Retries an attempt for a while if it fails with a transient error.
pub(super) async fn patiently<F>(entropy: &dyn Entropy, attempt: impl Fn() -> F) -> Result<Done, Failed>
where
    F: Future<Output = Result<Done, Failed>>,
{
    let mut waits = BackOff::REGION.waits(entropy);
    loop {
        match attempt().await {
            Err(Failed::Stopped(stopped)) if stopped.is_transient() => match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(Failed::Stopped(stopped)),
            },
            other => return other,
        }
    }
}
