//! Chains of digests: plain, salted, peppered, HMAC, nested, and repeated.
//!
//! # Danger
//!
//! Below some thousand rounds they are fast: such a chain is stored inside argon2id only.

use zeroize::Zeroizing;

use super::digest::Digest;
use super::error::ImportError;
use super::keys::{HashKeys, valid_id};
use super::step::{Again, Output, Place, Step, around};
use crate::bound::Bound;

/// 2^18 digests over the longest password are about two seconds, 2^22 over a digest alone are half a second.
const MAX_ROUNDS: u64 = 1 << 18;
/// How many rounds over a digest alone count as one over the password.
const SHORT_ROUNDS: u64 = 16;

/// One to four steps, and the id of the secret if one of them needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    steps: Vec<Step>,
    key: Option<String>,
    /// The result is taken as hex, because the other system put an argon2id around the hex text.
    hex: bool,
}

impl Chain {
    pub(super) fn new(steps: Vec<Step>, key: Option<String>, salt: &[u8], hex: bool) -> Result<Self, ImportError> {
        let rounds = |parameter, limit| Bound { family: "chain", parameter, limit };
        if steps.iter().any(|step| step.rounds == 0) {
            return Err(ImportError::BelowMinimum(rounds("rounds", 1)));
        }
        let surrounds = steps.iter().any(|step| step.salt == Some(Place::Around));
        let fits = (1..=4).contains(&steps.len())
            && steps.iter().all(|step| step.fits())
            && steps.iter().any(|step| step.uses_key()) == key.is_some()
            && steps.iter().any(|step| step.uses_salt()) != salt.is_empty()
            && (!surrounds || around(salt).is_some())
            && key.as_deref().is_none_or(valid_id);
        if !fits {
            return Err(ImportError::Unsupported);
        }
        let chain = Self { steps, key, hex };
        if chain.long_rounds() > MAX_ROUNDS {
            let counted = "rounds, of which 16 over a digest alone count as one,";
            return Err(ImportError::TooCostly(rounds(counted, MAX_ROUNDS)));
        }
        Ok(chain)
    }

    /// The length of the last digest in bytes; `None` if the last step has none, or writes its output in another form.
    pub(super) fn len(&self) -> Option<usize> {
        let last = self.steps.last()?;
        last.digest.filter(|_| last.output == Output::Hex).map(Digest::len)
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether the last output is bytes and no text.
    pub(super) fn is_binary(&self) -> bool {
        self.steps.last().is_some_and(|last| last.output == Output::Raw)
    }

    /// The chain with steps before it; each hash names one secret at most.
    pub(super) fn after(&self, mut steps: Vec<Step>, key: Option<String>, salt: &[u8]) -> Result<Self, ImportError> {
        steps.extend(&self.steps);
        let key = match (key, self.key.clone()) {
            (Some(key), Some(other)) if key != other => return Err(ImportError::Unsupported),
            (key, other) => key.or(other),
        };
        Self::new(steps, key, salt, self.hex)
    }

    /// The number of digests.
    pub(super) fn rounds(&self) -> u64 {
        self.steps.iter().map(|step| u64::from(step.rounds)).sum()
    }

    /// The number of digests, of which those over a digest alone count less.
    fn long_rounds(&self) -> u64 {
        let steps = self.steps.iter().map(|step| match step.again {
            Again::Nothing => u64::from(step.rounds).div_ceil(SHORT_ROUNDS),
            Again::Message | Again::Input | Again::Salt => u64::from(step.rounds),
        });
        steps.sum()
    }

    pub(super) fn nanos(&self) -> u64 {
        let steps = self.steps.iter();
        steps.map(|step| u64::from(step.rounds) * step.digest.map_or(0, Digest::nanos)).sum::<u64>() + 5_000
    }

    /// The steps in Umoja's spelling.
    pub(super) fn name(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(|step| step.name()).collect();
        steps.join(".")
    }

    pub(super) fn params(&self) -> Vec<(&'static str, String)> {
        let mut params = vec![("d", self.name())];
        params.extend(self.key.clone().map(|key| ("k", key)));
        params.extend(self.hex.then(|| ("o", "hex".to_owned())));
        params
    }

    pub(super) fn read(steps: &str, key: Option<&str>, salt: &[u8], output: Option<&str>) -> Result<Self, ImportError> {
        let steps = steps.split('.').map(Step::of).collect::<Option<Vec<_>>>().ok_or(ImportError::Unsupported)?;
        let hex = match output {
            None => false,
            Some("hex") => true,
            Some(_) => return Err(ImportError::Unsupported),
        };
        Self::new(steps, key.map(str::to_owned), salt, hex)
    }

    /// The bytes of the last digest, or their hex; `None` if the secret is not among the keys.
    pub(super) fn run(&self, password: &[u8], salt: &[u8], keys: &HashKeys) -> Option<Zeroizing<Vec<u8>>> {
        let (value, last) = self.value(password, salt, keys)?;
        Some(if self.hex { last.written(value) } else { value })
    }

    /// The output of the last step as another family takes it; `None` if the secret is not among the keys.
    pub(super) fn text(&self, password: &[u8], keys: &HashKeys) -> Option<Zeroizing<Vec<u8>>> {
        let (value, last) = self.value(password, &[], keys)?;
        Some(last.written(value))
    }

    fn value(&self, password: &[u8], salt: &[u8], keys: &HashKeys) -> Option<(Zeroizing<Vec<u8>>, Step)> {
        let key = match &self.key {
            Some(id) => keys.secret(id)?,
            None => &[],
        };
        let (last, steps) = self.steps.split_last()?;
        let mut input = Zeroizing::new(password.to_vec());
        for step in steps {
            input = step.written(step.run(&input, salt, key)?);
        }
        Some((last.run(&input, salt, key)?, *last))
    }
}
