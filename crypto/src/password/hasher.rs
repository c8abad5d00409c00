//! Hashing and verifying with the chosen engine, parameters and pepper.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Password;
use super::engine::{Engine, EngineChoice, EngineError, Job, choose};
use super::phc::{Params, Pepper, Stored, write};
use super::variant::Variant;
use crate::legacy::HashKeys;

const SALT_LEN: usize = 16;
const DIGEST_LEN: usize = 32;

/// The outcome of comparing a password with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verification {
    /// The right password, and a hash with today's variant, parameters, lengths and pepper.
    Verified,
    /// The right password, but variant, parameters, lengths or pepper are not today's: hash it again and store the
    /// result.
    NeedsRehash,
    /// Anything else: another password, a malformed string, a cost above the ceilings, an unknown pepper.
    Wrong,
}

/// The hasher: one for a process, shared by reference.
///
/// Memory is kept between hashes, one piece for each hash that ran at the same time, and wiped after each.
pub struct Passwords {
    engine: Arc<dyn Engine>,
    params: Params,
    keys: Arc<PasswordKeys>,
}

/// The secrets for hashing and verifying passwords: a deployment's own peppers, and those of the legacy hashes.
#[derive(Clone, Debug, Default)]
pub struct PasswordKeys {
    /// The pepper of new hashes, if there is one.
    pub pepper: Option<Pepper>,
    /// The pepper that another process may already use for new hashes: a hash made with it needs no rehash.
    pub next_pepper: Option<Pepper>,
    /// Former peppers: a hash made with one verifies as [`Verification::NeedsRehash`].
    pub former_peppers: Vec<Pepper>,
    /// The secrets that legacy hashes were made with.
    pub hash_keys: HashKeys,
}

impl From<HashKeys> for PasswordKeys {
    fn from(hash_keys: HashKeys) -> Self {
        Self { hash_keys, ..Self::default() }
    }
}

impl Passwords {
    /// Chooses an engine after checking it on published answers.
    ///
    /// # Errors
    /// [`EngineError`] when the parameters are beyond argon2 or the ceilings, or no allowed engine is sound here.
    pub fn new(params: Params, choice: EngineChoice, pepper: Option<Pepper>) -> Result<Self, EngineError> {
        params.check()?;
        let engine = choose(choice, params.m_kib)?;
        Ok(Self { engine, params, keys: Arc::new(PasswordKeys { pepper, ..PasswordKeys::default() }) })
    }

    /// The same hasher, memory included, with these secrets in place of its own.
    #[must_use]
    pub fn with_keys(&self, keys: impl Into<Arc<PasswordKeys>>) -> Self {
        Self { engine: Arc::clone(&self.engine), params: self.params, keys: keys.into() }
    }

    pub(crate) fn hash_keys(&self) -> &HashKeys {
        &self.keys.hash_keys
    }

    /// The engine in use, `argon2-rust` or `argon2`, for the log and the health report.
    pub fn engine_name(&self) -> &'static str {
        self.engine.name()
    }

    /// The parameters new hashes get.
    pub fn params(&self) -> Params {
        self.params
    }

    /// Hashes a password with a fresh random salt into a PHC string (argon2id, version 19, `keyid` if peppered).
    ///
    /// # Panics
    /// When the memory for one hash of the configured parameters cannot be allocated.
    pub fn hash(&self, password: &Password, salt: [u8; 16]) -> String {
        self.hash_bytes(password.normalised(), salt)
    }

    /// Compares a password with a PHC string in Umoja's form.
    ///
    /// The string is input. A malformed or too costly one is [`Verification::Wrong`] without the work. One with an
    /// unknown pepper, which another process may already know, is [`Verification::Wrong`] after the work of
    /// [`verify_dummy`](Self::verify_dummy).
    pub fn verify(&self, password: &Password, phc: &str) -> Verification {
        self.verify_bytes(password.normalised(), password.hopeless(), phc)
    }

    /// The work of [`verify`](Self::verify) for an account that does not exist; always [`Verification::Wrong`].
    pub fn verify_dummy(&self, password: &Password) -> Verification {
        self.dummy(password.normalised())
    }

    fn dummy(&self, password: &[u8]) -> Verification {
        let mut digest = Zeroizing::new([0; DIGEST_LEN]);
        let done = self.engine.hash(&self.job(password, &[0; SALT_LEN]), digest.as_mut_slice());
        // Both are used, so that no optimiser drops the hash; neither can make this a success.
        let _ = std::hint::black_box((done.is_ok(), digest.ct_eq(&[0; DIGEST_LEN])));
        Verification::Wrong
    }

    pub(crate) fn hash_bytes(&self, password: &[u8], salt: [u8; SALT_LEN]) -> String {
        let mut digest = Zeroizing::new([0; DIGEST_LEN]);
        self.engine
            .hash(&self.job(password, &salt), digest.as_mut_slice())
            .expect("the parameters were checked and there is memory for one hash");
        write(self.params, self.keys.pepper.as_ref(), &salt, digest.as_slice())
    }

    pub(crate) fn verify_bytes(&self, password: &[u8], hopeless: bool, phc: &str) -> Verification {
        let Ok(stored) = Stored::parse(phc) else { return Verification::Wrong };
        let Some(secret) = self.secret_of(&stored.keyid) else { return self.dummy(password) };
        let job = Job {
            variant: stored.variant,
            params: stored.params,
            password,
            salt: &stored.salt,
            secret,
            data: &stored.data,
        };
        let mut digest = Zeroizing::new(vec![0; stored.digest.len()]);
        if self.engine.hash(&job, &mut digest).is_err() {
            return Verification::Wrong;
        }
        match bool::from(digest.ct_eq(&stored.digest)) && !hopeless {
            false => Verification::Wrong,
            true if self.is_current(&stored) => Verification::Verified,
            true => Verification::NeedsRehash,
        }
    }

    fn job<'a>(&'a self, password: &'a [u8], salt: &'a [u8]) -> Job<'a> {
        let secret = self.keys.pepper.as_ref().map_or(&[][..], Pepper::secret);
        Job { variant: Variant::OURS, params: self.params, password, salt, secret, data: &[] }
    }

    /// The pepper of a stored hash: none, today's, a former one, or unknown.
    fn secret_of(&self, keyid: &[u8]) -> Option<&[u8]> {
        if keyid.is_empty() {
            return Some(&[]);
        }
        let mut known = self.keys.pepper.iter().chain(&self.keys.next_pepper).chain(&self.keys.former_peppers);
        known.find(|pepper| pepper.id().as_bytes() == keyid).map(Pepper::secret)
    }

    fn is_current_pepper(&self, keyid: &[u8]) -> bool {
        let is = |pepper: &Pepper| pepper.id().as_bytes() == keyid;
        self.keys.next_pepper.as_ref().is_some_and(is) || self.keys.pepper.as_ref().map_or(keyid.is_empty(), is)
    }

    fn is_current(&self, stored: &Stored) -> bool {
        stored.variant == Variant::OURS
            && stored.params == self.params
            && self.is_current_pepper(&stored.keyid)
            && stored.data.is_empty()
            && stored.salt.len() == SALT_LEN
            && stored.digest.len() == DIGEST_LEN
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("engine", &self.engine.name())
            .field("params", &self.params)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Params = Params { m_kib: 64, t: 1, p: 1 };

    fn passwords(params: Params) -> Passwords {
        Passwords::new(params, EngineChoice::Auto, None).unwrap()
    }

    fn peppered(id: &str) -> Passwords {
        let pepper = Pepper::new(id, [id.as_bytes()[0]; 32]).unwrap();
        Passwords::new(SMALL, EngineChoice::Auto, Some(pepper)).unwrap()
    }

    #[test]
    fn the_right_password_verifies_and_others_do_not() {
        for choice in [EngineChoice::Auto, EngineChoice::Fast, EngineChoice::Reference] {
            let passwords = Passwords::new(SMALL, choice, None).unwrap();
            let phc = passwords.hash(&Password::attempt("correct horse"), [1; 16]);
            assert_eq!(passwords.verify(&Password::attempt("correct horse"), &phc), Verification::Verified);
            assert_eq!(passwords.verify(&Password::attempt("correct horsf"), &phc), Verification::Wrong);
            assert_eq!(passwords.verify(&Password::attempt(""), &phc), Verification::Wrong);
            assert_eq!(passwords.verify_dummy(&Password::attempt("correct horse")), Verification::Wrong);
        }
    }

    #[test]
    fn auto_uses_the_fast_engine_by_name() {
        assert_eq!(passwords(SMALL).engine_name(), "argon2-rust");
        let reference = Passwords::new(SMALL, EngineChoice::Reference, None).unwrap();
        assert_eq!(reference.engine_name(), "argon2");
    }

    #[test]
    fn a_hash_of_other_parameters_needs_a_rehash() {
        let password = Password::attempt("correct horse");
        let old = passwords(Params { m_kib: 32, ..SMALL }).hash(&password, [1; 16]);
        assert_eq!(passwords(SMALL).verify(&password, &old), Verification::NeedsRehash);
        let argon2i = "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
        assert_eq!(passwords(SMALL).verify(&Password::attempt("password"), argon2i), Verification::NeedsRehash);
    }

    #[test]
    fn a_pepper_is_required_and_its_rotation_needs_rehashes() {
        let password = Password::attempt("correct horse");
        let phc = peppered("a").hash(&password, [1; 16]);
        assert!(phc.contains(",keyid="));
        assert_eq!(peppered("a").verify(&password, &phc), Verification::Verified);
        assert_eq!(passwords(SMALL).verify(&password, &phc), Verification::Wrong);
        assert_eq!(peppered("b").verify(&password, &phc), Verification::Wrong);
        let pepper = |id: &str| Pepper::new(id, [id.as_bytes()[0]; 32]).unwrap();
        let keys =
            PasswordKeys { pepper: Some(pepper("b")), former_peppers: vec![pepper("a")], ..PasswordKeys::default() };
        let rotated = peppered("c").with_keys(keys);
        assert_eq!(rotated.verify(&password, &phc), Verification::NeedsRehash);
        let plain = passwords(SMALL).hash(&password, [1; 16]);
        assert_eq!(peppered("a").verify(&password, &plain), Verification::NeedsRehash);
        // Removing the `keyid` from the string does not remove the pepper from the hash.
        let (head, tail) = phc.split_once(",keyid=YQ").unwrap();
        assert_eq!(peppered("a").verify(&password, &format!("{head}{tail}")), Verification::Wrong);
    }

    #[test]
    fn an_over_long_attempt_is_wrong_for_its_prefix_hash() {
        let passwords = passwords(SMALL);
        for (long, cut) in [("a".repeat(257), "a".repeat(256)), ("a".repeat(100_000), String::new())] {
            let phc = passwords.hash(&Password::attempt(&cut), [1; 16]);
            assert_eq!(passwords.verify(&Password::attempt(&long), &phc), Verification::Wrong);
        }
    }

    #[test]
    fn hostile_or_malformed_strings_are_wrong_without_the_work() {
        let passwords = passwords(SMALL);
        for stored in [
            "",
            "not a hash",
            "$2b$10$abc",
            "$argon2id$v=19$m=4294967295,t=4294967295,p=16777215$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert_eq!(passwords.verify(&Password::attempt("x"), stored), Verification::Wrong);
        }
    }

    #[test]
    fn unacceptable_parameters_do_not_start() {
        for params in [Params { m_kib: 4, t: 1, p: 1 }, Params { m_kib: 1 << 21, t: 1, p: 1 }] {
            assert!(Passwords::new(params, EngineChoice::Auto, None).is_err());
        }
    }

    #[test]
    fn concurrent_hashes_agree_and_keep_one_memory_each() {
        let passwords = passwords(SMALL);
        let phc = passwords.hash(&Password::attempt("x"), [1; 16]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert_eq!(passwords.verify(&Password::attempt("x"), &phc), Verification::Verified);
                    }
                });
            }
        });
    }
}
