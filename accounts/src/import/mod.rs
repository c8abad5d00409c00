//! Users of another system become users here: each row as `register` would make it, with the password's old hash.
//!
//! # What becomes of a row
//!
//! - **Whose it is.** The id of a new user is derived from the company and the row's external id (or its identifiers, if
//!   it has none), as `register` derives one from an idempotency key. So a row makes the same user whenever, wherever and
//!   however often it is imported; both parts are written in one transaction, never half of them.
//! - **Already there.** A user that an earlier import made, and one whom the company has registered under the row's
//!   external id, stays as it is: what was changed or removed since does not come back. One exception: if the user that an
//!   import made has no password of any kind, the row's is added (some systems export hashes in a file of their own).
//! - **Matched.** An identifier that trusted companies verified for both is the same person, by `register`'s rule: the user
//!   is linked and what it leaves blank is filled. While it has no password of ours, the old hash is added to those
//!   that it may log in with until it first does.
//! - **In conflict.** Any other identifier that somebody has is claimed nevertheless, as by a user whom replication brings
//!   from another region: look-ups go on finding whoever had it (a verified claim takes an unverified one over, as
//!   with `register`), the journal has the pair, and it is resolved like any other. A claim is made when it is imported, and
//!   after everybody's who is there: no source can date itself back to win.
//! - **Refused.** As a whole, with a reason that holds no value.
//!
//! Whoever is made or changed has a row in the audit trail, written with it.

mod create;
mod error;
mod hashing;
mod matched;
mod record;
mod report;
mod restore;
mod row;
mod user;

use std::sync::Arc;
use std::time::Duration;

use umoja_crypto::legacy::HashKeys;
use umoja_schema::{Actor, Company};
use umoja_store::apply::MAX_ROUNDS;

pub use self::error::{Failed, Reason, Stopped};
pub use self::hashing::Hashing;
pub use self::record::{FORMAT, Header, HeldClaim, Record};
pub use self::report::{Costliest, Done, HashReport, Outcome, Report};
pub use self::restore::Restorer;
pub use self::row::{Refused, Row};
pub use self::user::NewUser;
use crate::{Context, People};

/// How often a row is tried while the store or a key service does not answer: for about two minutes.
const TRIES: u32 = 8;

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
        patiently(|| self.attempt(row)).await
    }

    /// On whose behalf rows are imported, now.
    pub fn context(&self) -> Context {
        let now = self.people.home.clock.now();
        Context { actor: actor(), company: Arc::clone(&self.company), now, request: None }
    }

    async fn attempt(&self, row: &Row) -> Result<Done, Failed> {
        let context = self.context();
        let user = NewUser::read(self, &context, row)?;
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
fn actor() -> Actor {
    Actor::Operator { command: "import".to_owned(), by: None }
}

/// Tries again for a while what fails in a way that may pass.
async fn patiently<F: Future<Output = Result<Done, Failed>>>(attempt: impl Fn() -> F) -> Result<Done, Failed> {
    let mut tries = 0;
    loop {
        match attempt().await {
            Err(Failed::Stopped(stopped)) if stopped.is_transient() && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1 << tries.min(5))).await;
            }
            other => return other,
        }
    }
}
