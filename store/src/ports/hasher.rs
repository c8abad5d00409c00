use async_trait::async_trait;
use umoja_crypto::Password;
use umoja_schema::OldHash;

/// Hashes passwords: a pool of threads in production, inline in simulation. The work of one call is done under one
/// permit, and the permit is kept until the work ends even if the caller has gone.
#[async_trait]
pub trait Hasher: Send + Sync {
    /// Hashes a new password with the current parameters; the result is a PHC string.
    async fn hash(&self, password: Password, salt: [u8; 16]) -> Result<String, Busy>;

    /// Checks a password. Does one argon2id computation whatever is stored, also when nothing is or the string is
    /// damaged, so that the time does not tell. Exceptions: an answer of [`Verdict::Upgrade`] over another argon2id hash
    /// costs one more, for the new one (who gets that answer knows the password); and until the first login after a
    /// migration each old hash that is argon2id or wrapped in it costs one, and other families cost their own work
    /// besides.
    async fn verify(&self, attempt: Attempt) -> Result<Verdict, Busy>;
}

/// A login attempt.
#[derive(Debug)]
pub struct Attempt {
    /// The password that was given.
    pub password: Password,
    /// The stored PHC string, if there is one.
    pub secret: Option<String>,
    /// Hashes from before the migration, tried while there is no `secret`.
    pub old_hashes: Vec<OldHash>,
    /// The salt of the new hash, if one has to be made.
    pub salt: [u8; 16],
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

/// The wait for a permit would be too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed")]
pub struct Busy {
    /// When to try again.
    pub retry_after_secs: u32,
}
