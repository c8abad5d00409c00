//! What becomes of a password: a login's verdict, with the upgrade of a legacy hash, and whether a new password is
//! accepted.

use std::io;
use std::sync::Arc;

use umoja_crypto::legacy::{self, LegacyOutcome};
use umoja_crypto::password::check_stored;
use umoja_crypto::{Password, Passwords, Verification, Weakness};
use umoja_schema::LegacyHash;
use umoja_store::ports::{Attempt, NewPassword, Verdict};

use crate::breached::BreachedList;

/// Compares a password with the stored hash.
///
/// Does one argon2id computation in every case, even if there is no stored hash or it is damaged. One more computes the
/// new hash when the result is [`Verdict::Upgrade`] after another one (a caller that gets this answer knows the
/// password). There are two exceptions until the first login after a migration: several legacy hashes are each tried,
/// and families other than argon2id also cost their own work.
pub fn decide(passwords: &Passwords, attempt: &Attempt) -> Verdict {
    let Attempt { password, secret, legacy_hashes, salt, keys, .. } = attempt;
    let passwords = &passwords.with_keys(Arc::clone(keys));
    match secret {
        Some(secret) if check_stored(secret).is_ok() => match passwords.verify(password, secret) {
            Verification::Verified => Verdict::Verified,
            Verification::NeedsRehash => Verdict::Upgrade(passwords.hash(password, *salt)),
            Verification::Wrong => Verdict::Wrong,
        },
        Some(_) => compare_with_dummy(passwords, password),
        None => try_legacy(passwords, password, legacy_hashes, *salt),
    }
}

fn try_legacy(passwords: &Passwords, password: &Password, legacy_hashes: &[LegacyHash], salt: [u8; 16]) -> Verdict {
    let mut computed = false;
    for LegacyHash { hash, .. } in legacy_hashes {
        let outcome = legacy::verify(passwords, password, hash);
        if outcome == LegacyOutcome::Verified {
            return Verdict::Upgrade(passwords.hash(password, salt));
        }
        if outcome == LegacyOutcome::MissingKey {
            tracing::warn!("a legacy hash needs a key that this process does not have: it cannot be used to log in");
        }
        computed |= outcome == LegacyOutcome::Wrong && legacy::runs_argon2(hash);
    }
    if computed { Verdict::Wrong } else { compare_with_dummy(passwords, password) }
}

fn compare_with_dummy(passwords: &Passwords, password: &Password) -> Verdict {
    let _always_wrong = passwords.verify_dummy(password);
    Verdict::Wrong
}

/// Hashes a new password if the policy and the list of breached passwords allow it.
pub(super) fn admit(
    passwords: &Passwords,
    breached: Option<&BreachedList>,
    new: &NewPassword,
) -> io::Result<Result<String, Weakness>> {
    if let Some(Err(weakness)) = new.policy.as_ref().map(|policy| policy.judge(&new.password)) {
        return Ok(Err(weakness));
    }
    if let Some(list) = breached.filter(|_| new.policy.is_some()) {
        for sha1 in new.password.breach_hashes() {
            if list.contains(&sha1)? {
                return Ok(Err(Weakness::Breached));
            }
        }
    }
    Ok(Ok(passwords.with_keys(Arc::clone(&new.keys)).hash(&new.password, new.salt)))
}
