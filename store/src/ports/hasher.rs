use std::sync::Arc;

use async_trait::async_trait;
use umoja_crypto::{Password, PasswordKeys, Policy, Weakness};
use umoja_schema::{CompanyId, LegacyHash};

use super::permit::Permit;

/// Hashes passwords: on a thread pool in production, inline in simulation. Each call holds one permit until its work
/// ends, even if the caller has gone.
#[async_trait]
pub trait Hasher: Send + Sync {
    /// Hashes a new password with the current parameters and returns a PHC string, unless the policy or a list of
    /// breached passwords rejects it. There is no other way to hash a new password.
    async fn hash(&self, new: NewPassword) -> Result<Result<String, Weakness>, Busy>;

    /// Checks a password. The work is one argon2id computation whatever is stored, even if there is no hash or a
    /// damaged one, so that the duration reveals nothing. There are two exceptions. [`Verdict::Upgrade`] costs a second
    /// computation for the new hash, if the stored hash is argon2id; only a caller that knows the password gets it.
    /// Until the first login after a migration, each legacy hash that is argon2id or wrapped in argon2id costs one
    /// computation, and the other families cost their own work in addition.
    async fn verify(&self, attempt: Attempt) -> Result<Verdict, Busy>;

    /// Whether a hash for a company would be rejected now. The API asks before it does any work on the request.
    fn rejects(&self, company: &CompanyId) -> Option<Busy> {
        let _ = company;
        None
    }
}

/// A new password.
#[derive(Debug)]
pub struct NewPassword {
    /// The company that sets it. Companies take turns.
    pub company: CompanyId,
    /// The password. Its length is already checked.
    pub password: Password,
    /// The policy that the password must meet. `None` for one that an old system has verified: it is kept whatever it
    /// is, as a legacy hash is replaced whatever the password is.
    pub policy: Option<Policy>,
    /// The salt of the hash.
    pub salt: [u8; 16],
    /// The deployment's peppers.
    pub keys: Arc<PasswordKeys>,
}

/// One comparison of a password with what is stored about one user.
#[derive(Debug)]
pub struct Attempt {
    /// The permission, which counting the attempt gave.
    pub permit: Permit,
    /// The company that makes it. Companies take turns.
    pub company: CompanyId,
    /// The submitted password.
    pub password: Password,
    /// The stored PHC string, if there is one.
    pub secret: Option<String>,
    /// Hashes from before the migration, tried while there is no `secret`.
    pub legacy_hashes: Vec<LegacyHash>,
    /// The salt of a new hash, if one is made.
    pub salt: [u8; 16],
    /// The deployment's peppers, and the keys of the systems that made the legacy hashes.
    pub keys: Arc<PasswordKeys>,
}

/// The result of checking a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The password is wrong.
    Wrong,
    /// The password is correct.
    Verified,
    /// The password is correct, and this PHC string should replace the stored hash.
    Upgrade(String),
}

/// The wait for a permit would be too long, or a new password cannot be checked against the list of breached passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed, or the list of breached passwords cannot be read")]
pub struct Busy {
    /// When to retry, in seconds.
    pub retry_after_secs: u32,
}
