//! The computation of another system: the family, its parameters and the step before it.

use zeroize::Zeroizing;

use super::bcrypt::Bcrypt;
use super::before::{Before, Typed};
use super::chain::Chain;
use super::codec::PasswordEncoding;
use super::cost::Cost;
use super::keys::{HashKeys, valid_id};
use super::pbkdf2::Pbkdf2;
use super::phpass::{Kind, Stretched};
use super::scrypt::Scrypt;
use super::unix::Crypt;

/// The names of all families, as [`ForeignHash::family`](super::ForeignHash::family) returns them.
pub const FAMILIES: [&str; 12] = [
    "argon2",
    "chain",
    "md5-crypt",
    "apr1",
    "sha256-crypt",
    "sha512-crypt",
    "phpass",
    "drupal7",
    "bcrypt",
    "pbkdf2",
    "scrypt",
    "firebase",
];

/// Fewer digest computations than this are fast: sha512-crypt's default of 5000 is the least that is slow.
const FAST_BELOW: u64 = 5000;
/// scrypt with less memory than this is also a fast hash.
const FAST_BELOW_KIB: u32 = 1024;
const MAX_SALT: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Only around a password that is not taken as it is: the expected value is a PHC string.
    Argon2,
    Chain(Chain),
    Crypt(Crypt),
    Stretched(Stretched),
    Bcrypt(Bcrypt),
    Pbkdf2(Pbkdf2),
    Scrypt(Scrypt),
    Firebase(Scrypt, String),
}

/// All of a legacy hash except the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) family: Family,
    pub(super) typed: Typed,
    pub(super) before: Before,
    pub(super) encoding: PasswordEncoding,
    pub(super) salt: Vec<u8>,
}

/// The outcome of running a recipe.
pub(super) enum Ran {
    Hash(Zeroizing<Vec<u8>>),
    /// The password is impossible in that system; no hash was computed.
    Impossible,
    /// The secret that the hash names is not among the keys.
    MissingKey,
}

impl Recipe {
    pub(super) fn new(family: Family, salt: Vec<u8>) -> Self {
        Self { family, typed: Typed::Exact, before: Before::Unchanged, encoding: PasswordEncoding::Utf8, salt }
    }

    /// Whether the salt, and a result of this length, fit the family.
    pub(super) fn fits(&self, length: usize) -> bool {
        let salt = self.salt.len();
        salt <= MAX_SALT
            && self.before_fits()
            && match &self.family {
                Family::Argon2 => length == 0 && salt == 0,
                Family::Chain(chain) => chain.len() == Some(length),
                Family::Crypt(crypt) => length == crypt.len() && salt <= crypt.longest_salt(),
                Family::Stretched(stretched) => length == stretched.len() && salt == 8,
                Family::Bcrypt(_) => length == 23 && salt == 16,
                Family::Pbkdf2(_) | Family::Scrypt(_) => (16..=128).contains(&length),
                Family::Firebase(_, id) => length == 64 && valid_id(id),
            }
    }

    /// Digests before a chain are steps of the chain, a hash names one secret, and C ends a password at a zero byte.
    fn before_fits(&self) -> bool {
        let in_c = matches!(self.family, Family::Bcrypt(_) | Family::Crypt(_));
        (self.before == Before::Unchanged || !matches!(self.family, Family::Chain(_)))
            && (self.before.key().is_none() || self.family_key().is_none())
            && !(in_c && self.before.is_binary())
            && (self.typed == Typed::Exact || self.before != Before::WordPress)
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.before.key().or_else(|| self.family_key())
    }

    fn family_key(&self) -> Option<&str> {
        match &self.family {
            Family::Chain(chain) => chain.key(),
            Family::Firebase(_, id) => Some(id),
            _ => None,
        }
    }

    /// Whether a graphics card tries this hash so fast that it must be stored inside argon2id.
    pub(super) fn is_fast(&self, length: usize) -> bool {
        match &self.family {
            Family::Chain(chain) => chain.rounds() < FAST_BELOW,
            Family::Crypt(crypt) => u64::from(crypt.rounds()) < FAST_BELOW,
            Family::Stretched(stretched) => stretched.rounds() < FAST_BELOW,
            Family::Pbkdf2(pbkdf2) => pbkdf2.work(length) < FAST_BELOW,
            Family::Scrypt(scrypt) | Family::Firebase(scrypt, _) => scrypt.table_kib() < FAST_BELOW_KIB,
            // Argon2 of another system is slow, whatever its parameters.
            Family::Argon2 | Family::Bcrypt(_) => false,
        }
    }

    /// The name of the family in Umoja's spelling.
    pub(super) fn name(&self) -> &'static str {
        match &self.family {
            Family::Argon2 => "argon2",
            Family::Chain(_) => "chain",
            Family::Crypt(crypt) => crypt.name(),
            Family::Stretched(Stretched { kind: Kind::Phpass, .. }) => "phpass",
            Family::Stretched(Stretched { kind: Kind::Drupal7, .. }) => "drupal7",
            Family::Bcrypt(_) => "bcrypt",
            Family::Pbkdf2(_) => "pbkdf2",
            Family::Scrypt(_) => "scrypt",
            Family::Firebase(..) => "firebase",
        }
    }

    pub(super) fn params(&self) -> Vec<(&'static str, String)> {
        let mut params = match &self.family {
            Family::Argon2 => Vec::new(),
            Family::Chain(chain) => chain.params(),
            Family::Crypt(crypt) => crypt.params(),
            Family::Stretched(stretched) => stretched.params(),
            Family::Bcrypt(bcrypt) => bcrypt.params(),
            Family::Pbkdf2(pbkdf2) => pbkdf2.params(),
            Family::Scrypt(scrypt) => scrypt.params(),
            Family::Firebase(scrypt, id) => [vec![("k", id.clone())], scrypt.params()].concat(),
        };
        params.extend(self.before.params());
        if self.typed != Typed::Exact {
            params.push(("t", self.typed.name().to_owned()));
        }
        if self.encoding != PasswordEncoding::Utf8 {
            params.push(("e", self.encoding.name().to_owned()));
        }
        params
    }

    pub(super) fn cost(&self, length: usize) -> Cost {
        let nanos = match &self.family {
            Family::Argon2 => 0,
            Family::Chain(chain) => chain.nanos(),
            Family::Crypt(crypt) => u64::from(crypt.rounds()) * crypt.nanos(),
            Family::Stretched(stretched) => stretched.rounds() * stretched.digest().nanos(),
            Family::Bcrypt(bcrypt) => 80_000 << bcrypt.cost,
            // An HMAC is two digests once its key is prepared.
            Family::Pbkdf2(pbkdf2) => pbkdf2.work(length) * pbkdf2.digest.nanos() * 2,
            Family::Scrypt(scrypt) | Family::Firebase(scrypt, _) => scrypt.work() * 450,
        };
        let memory_kib = match &self.family {
            Family::Scrypt(scrypt) | Family::Firebase(scrypt, _) => scrypt.memory_kib(),
            _ => 0,
        };
        let nanos = (nanos + self.before.nanos()) * self.tries();
        Cost { micros: nanos.div_ceil(1000), memory_kib }
    }

    /// In whatever format a hash of WordPress came, WordPress made it.
    fn typed(&self) -> Typed {
        if self.before == Before::WordPress { Typed::Slashed } else { self.typed }
    }

    /// The most texts that a typed password is tried as.
    pub(super) fn tries(&self) -> u64 {
        self.typed().most()
    }

    /// The texts to try for a typed password.
    pub(super) fn forms(&self, typed: &str) -> Vec<Zeroizing<String>> {
        self.typed().forms(typed)
    }

    /// Computes a result of this length from one of the [`forms`](Self::forms).
    pub(super) fn run(&self, form: &str, keys: &HashKeys, length: usize) -> Ran {
        let Some(password) = self.encoding.encode(form) else { return Ran::Impossible };
        let Some(password) = self.before.run(password, keys) else { return Ran::MissingKey };
        let salt = self.salt.as_slice();
        let hash = match &self.family {
            Family::Argon2 => Ok(password),
            Family::Chain(chain) => chain.run(&password, salt, keys).ok_or(Ran::MissingKey),
            Family::Crypt(crypt) => crypt.run(&password, salt).ok_or(Ran::Impossible),
            Family::Stretched(stretched) => stretched.run(&password, salt).ok_or(Ran::Impossible),
            Family::Bcrypt(bcrypt) => bcrypt.run(&password, salt).ok_or(Ran::Impossible),
            Family::Pbkdf2(pbkdf2) => Ok(pbkdf2.digest.pbkdf2(&password, salt, pbkdf2.iterations, length)),
            Family::Scrypt(scrypt) => scrypt.run(&password, salt, length).ok_or(Ran::Impossible),
            Family::Firebase(scrypt, id) => scrypt.firebase(&password, salt, keys, id).ok_or(Ran::MissingKey),
        };
        hash.map_or_else(|ran| ran, Ran::Hash)
    }
}
