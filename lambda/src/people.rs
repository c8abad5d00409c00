//! What hashes passwords in the functions that write people without the API.

use std::sync::Arc;

use umoja_accounts::import::Hashing;
use umoja_accounts::{Accounts, PasswordRules, People};
use umoja_api::openapi::MIN_PASSWORD_CHARS;
use umoja_crypto::password::MIN_SCORE;
use umoja_crypto::{EngineChoice, EngineError, Params, PasswordKeys, Passwords};
use umoja_runtime::api::hasher;
use umoja_store::ports::Hasher;
use umoja_store::secrets::Secrets;

use crate::api::POOL;

/// The engine of passwords of this machine, chosen once for the life of an instance.
///
/// # Errors
/// If no engine computes the published test vectors.
pub fn engine() -> Result<Passwords, EngineError> {
    Passwords::new(Params::OWASP, EngineChoice::Auto, None)
}

/// What hashes the legacy hashes of rows and events.
pub(crate) fn hashing(passwords: &Passwords, secrets: &Secrets) -> Hashing {
    Hashing::Threads(Arc::new(passwords.with_keys(secrets.password_keys())))
}

/// What hashes passwords in an instance.
pub(crate) struct Hashers {
    passwords: Passwords,
    hasher: Arc<dyn Hasher>,
}

impl Hashers {
    /// Chooses the password engine once for the life of the instance.
    ///
    /// # Errors
    /// If no engine computes the published test vectors on this machine.
    pub(crate) fn new() -> Result<Self, EngineError> {
        let passwords = engine()?;
        let hasher = hasher(passwords.with_keys(PasswordKeys::default()), POOL, None);
        Ok(Self { passwords, hasher })
    }

    #[cfg(test)]
    pub(crate) fn inline(passwords: impl Fn() -> Passwords) -> Self {
        Self { passwords: passwords(), hasher: Arc::new(umoja_host::InlineHasher::new(Arc::new(passwords()))) }
    }

    /// People with the hasher and the rules of passwords, which ask no old system, and what hashes their legacy hashes.
    pub(crate) fn accounts(&self, people: People) -> (Accounts, Hashing) {
        let hashing = hashing(&self.passwords, &people.secrets);
        let hasher = Arc::clone(&self.hasher);
        let passwords = PasswordRules { min_chars: MIN_PASSWORD_CHARS, min_score: MIN_SCORE };
        (Accounts { people, hasher, passwords, old_systems: None, mailer: None }, hashing)
    }
}
