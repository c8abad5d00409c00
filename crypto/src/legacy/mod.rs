//! Old password hashes of other systems: verified once, then replaced by ours.
//!
//! # Danger
//!
//! - Old strings are input: their costs are checked against ceilings before any of it is spent.
//! - A fast hash falls to a graphics card in minutes, so it is never stored as it came: [`wrap`] puts argon2id around
//!   the digest at import, and [`verify`] refuses a fast hash that is not wrapped.
//! - Other systems hashed the bytes as typed: verification here does not normalise.
//!
//! After [`LegacyOutcome::Verified`] the caller always hashes the password anew and drops the old string.

mod bcrypt;
mod salted_sha;

use crate::password::{CostError, Password, Passwords, Verification, check_stored};

/// What came of comparing a password with an old hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LegacyOutcome {
    /// The right password: hash it anew and drop the old string.
    Verified,
    /// Another password, or a damaged string of a known family.
    Wrong,
    /// A family we do not know or do not trust, a cost above the ceilings, or a fast hash that was not wrapped.
    Unsupported,
}

/// Why an old hash is not imported; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No family of ours, or not well formed.
    #[error("an unknown or malformed kind of password hash")]
    Unsupported,
    /// A family that is known to be broken: `$2x$` of bcrypt.
    #[error("a kind of password hash that is known to be broken")]
    Broken,
    /// Its parameters are above the ceilings.
    #[error("the parameters of the password hash cost more than the ceilings allow")]
    TooCostly,
    /// A slow hash: store it as it is.
    #[error("not a fast hash, so it needs no wrapping")]
    NotFast,
}

/// Compares a password with a string that [`import`] returned.
///
/// The work depends on the string: unwrapped bcrypt costs other time than argon2id until its first login.
pub fn verify(passwords: &Passwords, password: &Password, stored: &str) -> LegacyOutcome {
    if stored.starts_with("$2") {
        bcrypt::verify(password, stored)
    } else if stored.starts_with(salted_sha::WRAPPED) {
        salted_sha::verify(passwords, password, stored)
    } else if stored.starts_with("$argon2") {
        match check_stored(stored) {
            Ok(_) => outcome(passwords.verify_bytes(password.typed(), password.hopeless(), stored)),
            Err(_) => LegacyOutcome::Unsupported,
        }
    } else {
        LegacyOutcome::Unsupported
    }
}

/// The string to store for an old hash: slow ones as they came, fast ones wrapped.
///
/// # Errors
/// [`ImportError`] says why it is refused.
pub fn import(passwords: &Passwords, old: &str, salt: [u8; 16]) -> Result<String, ImportError> {
    if old.starts_with("$2") {
        bcrypt::check(old)?;
        Ok(old.to_owned())
    } else if old.starts_with("$argon2") {
        check_stored(old).map_err(|error| match error {
            CostError::Invalid => ImportError::Unsupported,
            CostError::TooCostly => ImportError::TooCostly,
        })?;
        Ok(old.to_owned())
    } else {
        wrap(passwords, old, salt)
    }
}

/// Puts argon2id around the digest of a fast hash, so that no fast hash is ever stored.
///
/// The spelling is ours: `$umoja-wrapped$i=<scheme>[,s=<inner salt>]` and then an ordinary PHC string of argon2id over
/// the inner digest's bytes. `salt` is 16 fresh random bytes.
///
/// # Errors
/// [`ImportError::NotFast`] for hashes that are stored as they are, [`ImportError::Unsupported`] for anything unknown.
pub fn wrap(passwords: &Passwords, old: &str, salt: [u8; 16]) -> Result<String, ImportError> {
    if old.starts_with("$2") || old.starts_with("$argon2") {
        return Err(ImportError::NotFast);
    }
    salted_sha::wrap(passwords, old, salt).ok_or(ImportError::Unsupported)
}

fn outcome(verification: Verification) -> LegacyOutcome {
    match verification {
        Verification::Verified | Verification::NeedsRehash => LegacyOutcome::Verified,
        Verification::Wrong => LegacyOutcome::Wrong,
    }
}

#[cfg(test)]
pub(crate) fn small() -> Passwords {
    use crate::password::{EngineChoice, Params};
    Passwords::new(Params { m_kib: 64, t: 1, p: 1 }, EngineChoice::Auto, None).unwrap()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_argon2_string_of_another_system_is_compared_as_typed() {
        // Made over the raw bytes of a ligature that normalisation would take apart.
        let stored = small().hash_bytes("ef\u{FB01}cient".as_bytes(), [1; 16]);
        assert_eq!(verify(&small(), &Password::attempt("ef\u{FB01}cient"), &stored), LegacyOutcome::Verified);
        assert_eq!(verify(&small(), &Password::attempt("efficient"), &stored), LegacyOutcome::Wrong);
    }

    #[test]
    fn hostile_costs_are_refused_at_import_and_at_verification() {
        let hash =
            "$argon2id$v=19$m=2097152,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert_eq!(import(&small(), hash, [0; 16]), Err(ImportError::TooCostly));
        assert_eq!(verify(&small(), &Password::attempt("x"), hash), LegacyOutcome::Unsupported);
    }

    #[test]
    fn slow_hashes_are_stored_as_they_came() {
        let bcrypt = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert_eq!(import(&small(), bcrypt, [0; 16]).as_deref(), Ok(bcrypt));
        assert_eq!(wrap(&small(), bcrypt, [0; 16]), Err(ImportError::NotFast));
    }

    proptest! {
        #[test]
        fn hostile_strings_never_panic(
            head in prop::sample::select(vec!["", "$2b$04$", "$2", "{SSHA}", "{ssha512}", "$umoja-wrapped$", "$umoja-wrapped$i=ssha,s="]),
            tail in "\\PC{0,80}",
        ) {
            let stored = format!("{head}{tail}");
            let _ = verify(&small(), &Password::attempt("x"), &stored);
            let _ = import(&small(), &stored, [0; 16]);
        }
    }
}
