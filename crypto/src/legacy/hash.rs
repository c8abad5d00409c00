//! A legacy hash after reading: the common form of every source, which is stored and verified.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::before::{Before, Typed};
use super::chain::Chain;
use super::codec::PasswordEncoding;
use super::error::{ImportError, LegacyOutcome};
use super::recipe::{Family, Ran, Recipe};
use super::step::Step;
use crate::password::{Password, Passwords, Verification, check_stored};

/// A legacy hash, read and affordable.
///
/// [`parse`](Self::parse) reads the spellings that name their family; there is a constructor for each of the other
/// sources. None of them computes a hash. `Debug` names the family only.
#[derive(Clone)]
pub struct ForeignHash(Form);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// An argon2 PHC string, which is stored as it is.
    Argon2(String),
    Recipe(Recipe, Check),
}

/// The expected value that the result of a recipe is compared with.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Check {
    /// The result itself.
    Bare(Zeroizing<Vec<u8>>),
    /// An argon2id PHC string over a result of `length` bytes.
    Wrapped { length: usize, phc: String },
}

impl ForeignHash {
    pub(super) fn argon2(phc: &str) -> Result<Self, ImportError> {
        check_stored(phc)?;
        Ok(Self(Form::Argon2(phc.to_owned())))
    }

    pub(super) fn bare(recipe: Recipe, expected: Vec<u8>) -> Result<Self, ImportError> {
        let expected = Zeroizing::new(expected);
        if expected.is_empty() || !recipe.fits(expected.len()) {
            return Err(ImportError::Unsupported);
        }
        Ok(Self(Form::Recipe(recipe, Check::Bare(expected))))
    }

    pub(super) fn wrapped(recipe: Recipe, length: usize, phc: String) -> Result<Self, ImportError> {
        check_stored(&phc)?;
        if !recipe.fits(length) {
            return Err(ImportError::Unsupported);
        }
        Ok(Self(Form::Recipe(recipe, Check::Wrapped { length, phc })))
    }

    /// The same hash with another encoding of the password.
    #[must_use]
    pub fn with_encoding(self, encoding: PasswordEncoding) -> Self {
        if encoding == PasswordEncoding::Utf8 {
            return self;
        }
        let (mut recipe, check) = self.into_recipe();
        recipe.encoding = encoding;
        Self(Form::Recipe(recipe, check))
    }

    /// The same hash with another rule for the typed text. Hashes that name WordPress have its rule already.
    #[must_use]
    pub fn with_typed(self, typed: Typed) -> Self {
        if typed == Typed::Exact {
            return self;
        }
        let (mut recipe, check) = self.into_recipe();
        if recipe.before != Before::WordPress {
            recipe.typed = typed;
        }
        Self(Form::Recipe(recipe, check))
    }

    /// The same hash over the output of these steps instead of the password: the digest or the pepper that another
    /// system put before bcrypt or argon2. `key_id` names the secret if a step uses one.
    ///
    /// # Errors
    /// [`ImportError::Unsupported`] if the steps do not fit the hash or use a salt, [`ImportError::TooCostly`].
    pub fn with_before(self, steps: &[Step], key_id: Option<&str>) -> Result<Self, ImportError> {
        let (mut recipe, check) = self.into_recipe();
        let (steps, key) = (steps.to_vec(), key_id.map(str::to_owned));
        if steps.iter().any(|step| step.uses_salt()) || recipe.before != Before::Unchanged {
            return Err(ImportError::Unsupported);
        }
        match &mut recipe.family {
            Family::Chain(chain) => *chain = chain.after(steps, key, &recipe.salt)?,
            _ => recipe.before = Before::Chain(Chain::new(steps, key, &[], false)?),
        }
        let length = match &check {
            Check::Bare(expected) => expected.len(),
            Check::Wrapped { length, .. } => *length,
        };
        if recipe.fits(length) { Ok(Self(Form::Recipe(recipe, check))) } else { Err(ImportError::Unsupported) }
    }

    /// An argon2 string over something else than the password has a recipe too.
    fn into_recipe(self) -> (Recipe, Check) {
        match self.0 {
            Form::Argon2(phc) => (Recipe::new(Family::Argon2, Vec::new()), Check::Wrapped { length: 0, phc }),
            Form::Recipe(recipe, check) => (recipe, check),
        }
    }

    pub(super) fn form(&self) -> &Form {
        &self.0
    }

    /// The name of the family, for an import's report: `bcrypt`, `pbkdf2`, `chain`, ...
    pub fn family(&self) -> &'static str {
        match &self.0 {
            Form::Argon2(_) => "argon2",
            Form::Recipe(recipe, _) => recipe.name(),
        }
    }

    /// The id of the secret that is required to verify it, if there is one.
    pub fn key_id(&self) -> Option<&str> {
        match &self.0 {
            Form::Argon2(_) => None,
            Form::Recipe(recipe, _) => recipe.key(),
        }
    }

    /// Whether it is a fast hash that is not inside argon2id. Such a hash is neither stored nor verified.
    pub fn is_raw_fast(&self) -> bool {
        match &self.0 {
            Form::Recipe(recipe, Check::Bare(expected)) => recipe.is_fast(expected.len()),
            Form::Argon2(_) | Form::Recipe(..) => false,
        }
    }

    pub(super) fn runs_argon2(&self) -> bool {
        matches!(&self.0, Form::Argon2(_) | Form::Recipe(_, Check::Wrapped { .. }))
    }

    /// Compares a password with the hash, in constant time after the computation.
    pub(super) fn verify(&self, passwords: &Passwords, password: &Password) -> LegacyOutcome {
        let (typed, hopeless) = (password.typed(), password.hopeless());
        let (recipe, check) = match &self.0 {
            _ if self.is_raw_fast() => return LegacyOutcome::Unsupported,
            Form::Argon2(phc) => return outcome(passwords.verify_bytes(typed.as_bytes(), hopeless, phc)),
            Form::Recipe(recipe, check) => (recipe, check),
        };
        for form in recipe.forms(typed) {
            match compare(recipe, check, passwords, &form, hopeless) {
                LegacyOutcome::Wrong => {}
                other => return other,
            }
        }
        LegacyOutcome::Wrong
    }
}

fn compare(recipe: &Recipe, check: &Check, passwords: &Passwords, form: &str, hopeless: bool) -> LegacyOutcome {
    let length = match check {
        Check::Bare(expected) => expected.len(),
        Check::Wrapped { length, .. } => *length,
    };
    let (hash, possible) = match recipe.run(form, passwords.hash_keys(), length) {
        Ran::Hash(hash) => (hash, !hopeless),
        Ran::Impossible => (Zeroizing::new(Vec::new()), false),
        Ran::MissingKey => return LegacyOutcome::MissingKey,
    };
    match check {
        Check::Bare(expected) if possible && bool::from(hash.ct_eq(expected)) => LegacyOutcome::Verified,
        Check::Bare(_) => LegacyOutcome::Wrong,
        // Compared for wrong results too, so that the time is the same.
        Check::Wrapped { phc, .. } => outcome(passwords.verify_bytes(&hash, !possible, phc)),
    }
}

fn outcome(verification: Verification) -> LegacyOutcome {
    match verification {
        Verification::Verified | Verification::NeedsRehash => LegacyOutcome::Verified,
        Verification::Wrong => LegacyOutcome::Wrong,
    }
}

impl fmt::Debug for ForeignHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignHash({}, [redacted])", self.family())
    }
}
