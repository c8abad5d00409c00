use std::sync::Arc;

use async_trait::async_trait;
use umoja_crypto::{Password, PasswordKeys, Policy, Weakness};
use umoja_schema::{CompanyId, OldHash};

/// Hashes passwords: a pool of threads in production, inline in simulation. The work of one call is done under one
/// permit, and the permit is kept until the work ends even if the caller has gone.
#[async_trait]
pub trait Hasher: Send + Sync {
    /// Hashes a password that is about to be set with the current parameters, unless the policy or a list of breached
    /// passwords refuses it; the result is a PHC string. There is no other way to a hash of a new password.
    async fn hash(&self, new: NewPassword) -> Result<Result<String, Weakness>, Busy>;

    /// Checks a password. Does one argon2id computation whatever is stored, also when nothing is or the string is
    /// damaged, so that the time does not tell. Exceptions: an answer of [`Verdict::Upgrade`] over another argon2id hash
    /// costs one more, for the new one (who gets that answer knows the password); and until the first login after a
    /// migration each old hash that is argon2id or wrapped in it costs one, and other families cost their own work
    /// besides.
    async fn verify(&self, attempt: Attempt) -> Result<Verdict, Busy>;

    /// Whether a hash for a company would be refused now: to be asked before anything is spent on its request.
    fn refuses(&self, company: &CompanyId) -> Option<Busy> {
        let _ = company;
        None
    }
}

/// A password that is about to be set.
#[derive(Debug)]
pub struct NewPassword {
    /// The company that sets it: companies take turns.
    pub company: CompanyId,
    /// The password, of a length that is allowed.
    pub password: Password,
    /// What it is held against.
    pub policy: Policy,
    /// The salt of its hash.
    pub salt: [u8; 16],
    /// The deployment's peppers.
    pub keys: Arc<PasswordKeys>,
}

/// A login attempt.
#[derive(Debug)]
pub struct Attempt {
    /// The company that makes it: companies take turns.
    pub company: CompanyId,
    /// The password that was given.
    pub password: Password,
    /// The stored PHC string, if there is one.
    pub secret: Option<String>,
    /// Hashes from before the migration, tried while there is no `secret`.
    pub old_hashes: Vec<OldHash>,
    /// The salt of the new hash, if one has to be made.
    pub salt: [u8; 16],
    /// The deployment's peppers, and the secrets that old hashes were made with.
    pub keys: Arc<PasswordKeys>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password.
    Wrong,
    /// The password.
    Verified,
    /// The password, and what is stored should be replaced by this PHC string.
    Upgrade(String),
}

/// The wait for a permit would be too long, or a new password cannot be held against the list of breached ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed, or the list of breached ones cannot be read")]
pub struct Busy {
    /// When to try again.
    pub retry_after_secs: u32,
}
