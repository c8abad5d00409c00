//! The order in which keys are rotated and a region's KMS key is replaced: what each step waits for, and what it must
//! prove before the next one. The stored state shows each step, so an interrupted operator runs the same command again.

use std::collections::BTreeSet;

use umoja_schema::{Millis, Region};
use umoja_store::Home;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{EncryptionContext, Keys, KeysError};
use umoja_store::retired_keys::{RetiredKey, RetiredKeys};
use umoja_store::rotation::{IndexStep, PepperStep, ProofStep, SigningStep};
use umoja_store::secrets::{Secrets, SecretsDocument, SecretsError};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};

use super::reencrypt::Behind;

/// The regions as an operator reaches them now.
pub struct Regions {
    /// All of them, in the order of the deployment's list.
    pub homes: Vec<Home>,
    /// The position of the region that is asked first.
    pub first: usize,
    /// How long a region's key service may take to wrap a secret, in milliseconds.
    pub wrap_budget_ms: u64,
}

impl Regions {
    /// The secrets of all regions.
    ///
    /// # Errors
    /// If there are no regions.
    pub fn secrets(&self) -> Result<SharedSecrets<'_>, SecretsError> {
        Ok(SharedSecrets::new(&self.homes, self.ring()?))
    }

    /// The KMS keys of all regions.
    ///
    /// # Errors
    /// If there are no regions.
    pub fn ring(&self) -> Result<KeyRing, SecretsError> {
        let first = self.homes.get(self.first).ok_or(SecretsError::Absent)?;
        Ok(KeyRing::new(first, self.wrap_budget_ms))
    }
}

/// What every instance must do before the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It writes and looks up under both index keys.
    IndexesUnderBoth,
    /// It knows only the new index key.
    IndexesUnderNew,
    /// It publishes the new key.
    Publishes,
    /// It signs with the new key, and no answer signed with the old one is still valid.
    Signs,
    /// It verifies with the new pepper.
    Verifies,
    /// It proves items with the new version of the secret.
    Proves,
    /// It uses the region's new KMS key.
    UsesKey,
}

/// What a rotation needs from the deployment.
#[allow(async_fn_in_trait, reason = "every caller knows the type")]
pub trait Operator {
    /// Why a rotation stopped.
    type Error: From<SharedSecretsError> + From<SecretsError> + From<KeysError>;

    /// The regions as they are now. A region may have been added.
    async fn regions(&self) -> Result<Regions, Self::Error>;

    /// The time.
    fn now(&self) -> Millis;

    /// Waits until every instance has read the current settings, and `more_secs` seconds more.
    async fn wait(&self, until: Until, more_secs: u64) -> Result<(), Self::Error>;

    /// Re-encrypts parts that are behind. True if a pass over every region has found none behind. False if that pass is
    /// still to come: the next command continues.
    async fn nothing_is_behind(&self, behind: Behind<'_>, step: IndexStep) -> Result<bool, Self::Error>;
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped<S> {
    /// The step is done.
    Done(S),
    /// Some parts are still behind.
    Behind,
}

/// The next step of rotating the blind index key.
///
/// The old key is dropped only after every instance writes and looks up under both keys, and every profile, those on
/// their way included, has ownerships under the new one. The rotation is over only when no profile has ownerships under
/// the old one.
///
/// # Errors
/// If a region fails.
pub async fn index_key<O: Operator>(
    operator: &O,
    secrets: &mut SecretsDocument,
) -> Result<Stepped<IndexStep>, O::Error> {
    let step = secrets.index_step();
    let until = match step {
        IndexStep::Publish => None,
        IndexStep::Drop => Some(Until::IndexesUnderBoth),
        IndexStep::Finish => Some(Until::IndexesUnderNew),
    };
    if let Some(until) = until {
        operator.wait(until, 0).await?;
        if !ownerships(operator, secrets).await? {
            return Ok(Stepped::Behind);
        }
    }
    let regions = operator.regions().await?;
    Ok(Stepped::Done(regions.secrets()?.rotate_index(secrets, operator.now()).await?))
}

/// Re-encrypts profiles whose ownerships are not those of the live index keys. True if there are none left.
///
/// # Errors
/// If a region fails.
pub async fn ownerships<O: Operator>(operator: &O, secrets: &SecretsDocument) -> Result<bool, O::Error> {
    let step = secrets.index_step();
    let opened = Secrets::open(secrets, &operator.regions().await?.ring()?).await?;
    if !operator.nothing_is_behind(Behind::Ownerships(&opened), step).await? {
        return Ok(false);
    }
    let arrives = step == IndexStep::Drop;
    Ok(!arrives || operator.nothing_is_behind(Behind::OwnershipsArrived(&opened), step).await?)
}

/// The next step of rotating the key that signs answers. Every instance publishes a key before any signs with it, and
/// publishes it for as long as an answer that it signed is valid.
///
/// # Errors
/// If a region fails.
pub async fn signing_key<O: Operator>(operator: &O, secrets: &mut SecretsDocument) -> Result<SigningStep, O::Error> {
    match secrets.signing_step() {
        SigningStep::Publish => {}
        SigningStep::Promote => operator.wait(Until::Publishes, 0).await?,
        SigningStep::Retire => operator.wait(Until::Signs, umoja_store::rotation::ANSWER_LIFETIME_SECS).await?,
    }
    let regions = operator.regions().await?;
    if secrets.signing_step() == SigningStep::Retire {
        // Written first: a key is never gone that could verify what it has signed.
        keep_retiring(&regions, secrets, operator.now()).await?;
    }
    Ok(regions.secrets()?.rotate_signing(secrets, operator.now()).await?)
}

/// Keeps the public keys that are about to be retired, in every region.
async fn keep_retiring(regions: &Regions, secrets: &SecretsDocument, now: Millis) -> Result<(), SecretsError> {
    let opened = Secrets::open(secrets, &regions.ring()?).await?;
    let mut keys = RetiredKeys::default();
    for home in &regions.homes {
        keys = keys.merged(&RetiredKeys::load(&*home.registry).await?);
    }
    let signs = opened.signing_key().kid();
    for key in opened.signing_keys().iter().filter(|key| key.kid() != signs) {
        keys.add(RetiredKey { jwk: key.jwk(), retired_at: now.secs() });
    }
    keys.revision += 1;
    for home in &regions.homes {
        keys.put(&*home.registry).await?;
    }
    Ok(())
}

/// The next step of rotating the pepper of passwords. Every instance verifies with a pepper before any hashes with it.
///
/// # Errors
/// If a region fails.
pub async fn pepper<O: Operator>(operator: &O, secrets: &mut SecretsDocument) -> Result<PepperStep, O::Error> {
    if secrets.pepper_step() == PepperStep::Promote {
        operator.wait(Until::Verifies, 0).await?;
    }
    Ok(operator.regions().await?.secrets()?.rotate_pepper(secrets, operator.now()).await?)
}

/// The next step of rotating the secret of proofs. A new version verifies at once, because every instance that meets it
/// reads it. The older ones are retired only by an operator's wish, after every item was proved again.
///
/// # Errors
/// If a region fails.
pub async fn proof_key<O: Operator>(operator: &O, secrets: &mut SecretsDocument) -> Result<ProofStep, O::Error> {
    Ok(operator.regions().await?.secrets()?.rotate_proof(secrets, operator.now()).await?)
}

/// Waits until every instance proves items with the newest version of the secret. An item that is proved again before
/// could be written once more under an older version.
///
/// # Errors
/// If the wait fails.
pub async fn proof_is_used<O: Operator>(operator: &O) -> Result<(), O::Error> {
    operator.wait(Until::Proves, 0).await
}

/// The result of using a region's new KMS key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// Whether the key had to wrap the secrets.
    pub secrets: bool,
    /// Whether the key opens every part now.
    pub done: bool,
}

/// Wraps the secrets with a region's KMS key and then re-encrypts every part that the key does not open. `secrets` can
/// open secrets that only the previous key opens.
///
/// # Errors
/// If the key cannot be used, or a region fails.
pub async fn kms_key<O: Operator>(operator: &O, region: &Region, secrets: KeyRing) -> Result<Replaced, O::Error> {
    let regions = operator.regions().await?;
    let unwrapped = !regions.secrets()?.is_wrapped_by(region).await?;
    if unwrapped {
        let shared = SharedSecrets::new(&regions.homes, secrets);
        shared.ensure(&BTreeSet::from([region.clone()]), operator.now()).await?;
    }
    operator.wait(Until::UsesKey, 0).await?;
    let done = operator.nothing_is_behind(Behind::WrappedBy(region), IndexStep::Publish).await?;
    Ok(Replaced { secrets: unwrapped, done })
}

/// Checks that a key can be used with these credentials. A key that rejects every call looks like one that wrapped no
/// part: every record would be re-encrypted for it, in vain.
///
/// # Errors
/// If it cannot be used.
pub async fn check_is_usable(keys: &dyn Keys) -> Result<(), KeysError> {
    let context = EncryptionContext::from([("umoja:id".into(), "probe".into())]);
    let (_, wrapped) = keys.generate(&context).await?;
    keys.unwrap(&wrapped, &context).await.map(drop)
}
