//! bcrypt: `$2a$`, `$2b$` and `$2y$`.
//!
//! # Danger
//!
//! bcrypt reads 72 bytes and ignores the rest. As long as an account still has its bcrypt hash, a long password
//! verifies with any ending; the upgrade hashes *all* of what was typed, so that from then on the ending counts.
//! `$2x$` marks hashes of a sign-extension bug that makes some passwords collide: refused.

use super::{ImportError, LegacyOutcome};
use crate::password::Password;

/// Cost 15 is about two seconds; each step doubles it.
const MAX_COST: u32 = 15;

/// Whether the string would be verified.
pub(super) fn check(stored: &str) -> Result<(), ImportError> {
    if stored.starts_with("$2x$") {
        return Err(ImportError::Broken);
    }
    let known = ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| stored.starts_with(prefix));
    let parts = stored.parse::<bcrypt::HashParts>().map_err(|_| ImportError::Unsupported)?;
    match parts.get_cost() {
        4..=MAX_COST if known => Ok(()),
        16.. if known => Err(ImportError::TooCostly),
        _ => Err(ImportError::Unsupported),
    }
}

/// Compares in constant time, over the first 72 bytes of what was typed.
pub(super) fn verify(password: &Password, stored: &str) -> LegacyOutcome {
    if check(stored).is_err() {
        return LegacyOutcome::Unsupported;
    }
    match bcrypt::verify(password.typed(), stored) {
        Ok(true) if !password.hopeless() => LegacyOutcome::Verified,
        _ => LegacyOutcome::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{import, small, verify};
    use super::*;
    use crate::password::Verification;

    fn compare(password: &str, stored: &str) -> LegacyOutcome {
        verify(&small(), &Password::attempt(password), stored)
    }

    #[test]
    fn published_hashes_verify() {
        // Openwall crypt_blowfish 1.3, wrapper.c.
        for (password, stored) in [
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
            ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
            ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
        ] {
            assert_eq!(compare(password, stored), LegacyOutcome::Verified, "{stored}");
            assert_eq!(compare("other", stored), LegacyOutcome::Wrong);
            for prefix in ["$2b$", "$2y$"] {
                assert_eq!(compare(password, &stored.replacen("$2a$", prefix, 1)), LegacyOutcome::Verified);
            }
        }
    }

    #[test]
    fn the_72_byte_rule_holds_before_the_upgrade_and_not_after_it() {
        // Openwall crypt_blowfish 1.3, wrapper.c: characters after the 72nd are ignored.
        let stored = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
        let typed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\
                     0123456789chars after 72 are ignored";
        assert_eq!(compare(typed, stored), LegacyOutcome::Verified);
        assert_eq!(compare(&typed[..72], stored), LegacyOutcome::Verified);
        assert_eq!(compare(&typed[..71], stored), LegacyOutcome::Wrong);

        let upgraded = small().hash(&Password::attempt(typed), [1; 16]);
        assert_eq!(small().verify(&Password::attempt(typed), &upgraded), Verification::Verified);
        for suffix in ["", "x", " after 72 are ignored"] {
            let other = format!("{}{suffix}", &typed[..72]);
            assert_eq!(small().verify(&Password::attempt(&other), &upgraded), Verification::Wrong);
        }
    }

    #[test]
    fn the_broken_variant_and_hostile_costs_are_refused() {
        let tail = "$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        for (head, reason) in [
            ("$2x$05", ImportError::Broken),
            ("$2b$16", ImportError::TooCostly),
            ("$2b$31", ImportError::TooCostly),
            ("$2b$99", ImportError::TooCostly),
            ("$2b$03", ImportError::Unsupported),
            ("$2c$05", ImportError::Unsupported),
            ("$2$05", ImportError::Unsupported),
        ] {
            let stored = format!("{head}{tail}");
            assert_eq!(import(&small(), &stored, [0; 16]), Err(reason), "{head}");
            assert_eq!(compare("U*U", &stored), LegacyOutcome::Unsupported);
        }
    }

    #[test]
    fn an_over_long_attempt_is_wrong() {
        let stored = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy";
        assert_eq!(compare(&"a".repeat(100_000), stored), LegacyOutcome::Wrong);
    }
}
