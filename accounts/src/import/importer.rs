//! What imports rows.

use std::sync::Arc;

use umoja_crypto::legacy::HashKeys;
use umoja_schema::{Actor, Company};
use umoja_store::apply::MAX_ROUNDS;
use umoja_store::backoff::BackOff;
use umoja_store::ports::Entropy;

use super::error::{Failed, Reason};
use super::hashing::Hashing;
use super::report::Done;
use super::row::Row;
use super::user::NewUser;
use crate::{Context, People};

/// Brings users of one company into one region, from where they are replicated like any other.
pub struct Importer {
    /// The people of the region.
    pub people: People,
    /// What puts argon2id around fast hashes.
    pub hashing: Hashing,
    /// The secrets that old hashes were made with: a hash that names another is refused.
    pub keys: HashKeys,
    /// Whose users they are. Verified flags count if the company is trusted to verify; national phone numbers are read as
    /// numbers of its country.
    pub company: Arc<Company>,
    /// Reads everything and writes nothing.
    pub dry_run: bool,
}

impl Importer {
    /// Imports a row, or says what would become of it. Importing it again is importing it once.
    ///
    /// # Errors
    /// [`Failed::Refused`] says what is wrong with the row; after [`Failed::Stopped`] no other row would do better.
    pub async fn row(&self, row: &Row) -> Result<Done, Failed> {
        patiently(&*self.people.home.entropy, || self.attempt(row)).await
    }

    /// On whose behalf rows are imported, now.
    pub fn context(&self) -> Context {
        let now = self.people.home.clock.now();
        Context { actor: actor(), company: Arc::clone(&self.company), now, request: None }
    }

    /// Reads a row as the user that it would make.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn read(&self, context: &Context, row: &Row) -> Result<NewUser, Reason> {
        NewUser::read(&self.people, &self.keys, context, row)
    }

    async fn attempt(&self, row: &Row) -> Result<Done, Failed> {
        let context = self.context();
        let user = self.read(&context, row)?;
        // Made once: it may be a whole argon2id.
        let mut stored_hash = None;
        for round in 0..MAX_ROUNDS {
            if let Some(outcome) = self.round(&context, &user, &mut stored_hash, round == 0).await? {
                let hash = row.hash.as_ref().map(|hash| self.hashing.report(hash, stored_hash.as_deref()));
                return Ok(Done { outcome, hash, peppered: false });
            }
        }
        Err(Reason::Busy.into())
    }
}

/// Whose doing it is that somebody was imported.
pub(super) fn actor() -> Actor {
    Actor::Operator { command: "import".to_owned(), by: None }
}

/// Tries again for a while what fails in a way that may pass.
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
