//! In which order keys are rotated, and a region's KMS key is replaced: what has to be waited for, and what has to be
//! proven, before the next step. Each step shows in what is stored, so whoever is interrupted runs the same again.

use std::collections::BTreeSet;

use umoja_schema::{Millis, Region};
use umoja_store::Home;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{EncryptionContext, Keys, KeysError};
use umoja_store::rotation::{IndexStep, PepperStep, SigningStep};
use umoja_store::secrets::{Secrets, SecretsDocument, SecretsError};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};

use super::rewrite::Behind;

/// The regions as an operator reaches them now.
pub struct Regions {
    /// All of them, in the order of the deployment's list.
    pub homes: Vec<Home>,
    /// Which of them is asked first, by its position.
    pub first: usize,
    /// How long a region's key service may take to wrap a secret, in milliseconds.
    pub wrap_budget_ms: u64,
}

impl Regions {
    /// The secrets of all of them.
    ///
    /// # Errors
    /// If there are no regions.
    pub fn secrets(&self) -> Result<SharedSecrets<'_>, SecretsError> {
        Ok(SharedSecrets::new(&self.homes, self.ring()?))
    }

    /// What reaches every region's KMS key.
    ///
    /// # Errors
    /// If there are no regions.
    pub fn ring(&self) -> Result<KeyRing, SecretsError> {
        let first = self.homes.get(self.first).ok_or(SecretsError::Absent)?;
        Ok(KeyRing::new(first, self.wrap_budget_ms))
    }
}

/// Until when every instance is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It writes and looks under both index keys.
    IndexesUnderBoth,
    /// It knows the new index key only.
    IndexesUnderNew,
    /// It publishes the new key.
    Publishes,
    /// It signs with the new key, and no answer of the old one is valid any more.
    Signs,
    /// It verifies with the new pepper.
    Verifies,
    /// It uses the region's new KMS key.
    UsesKey,
}

/// Who rotates: what a rotation needs from the deployment.
#[allow(async_fn_in_trait, reason = "whoever calls it knows the type")]
pub trait Operator {
    /// Why a rotation stopped.
    type Error: From<SharedSecretsError> + From<SecretsError> + From<KeysError>;

    /// The regions as they are now: another one may have come.
    async fn regions(&self) -> Result<Regions, Self::Error>;

    /// The time.
    fn now(&self) -> Millis;

    /// Waits until every instance has read what is stored now, and so many seconds more.
    async fn wait(&self, until: Until, more_secs: u64) -> Result<(), Self::Error>;

    /// Writes again what is behind. True if a look at every region has found nothing behind; if that is still to come, false,
    /// and the next command goes on.
    async fn nothing_is_behind(&self, behind: Behind<'_>, step: IndexStep) -> Result<bool, Self::Error>;
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped<S> {
    /// It was done.
    Done(S),
    /// Something is behind still.
    Behind,
}

/// The next step of rotating the blind index key.
///
/// Before the old key is dropped every instance writes and looks under both, and every profile, those on their way too, has
/// claims under the new one. Before the rotation is over, no profile has claims under the old one.
///
/// # Errors
/// If a region does not do as asked.
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
        if !claims(operator, secrets).await? {
            return Ok(Stepped::Behind);
        }
    }
    let regions = operator.regions().await?;
    Ok(Stepped::Done(regions.secrets()?.rotate_index(secrets, operator.now()).await?))
}

/// Writes profiles again whose claims are not those of the live index keys. True if there are none left.
///
/// # Errors
/// If a region does not do as asked.
pub async fn claims<O: Operator>(operator: &O, secrets: &SecretsDocument) -> Result<bool, O::Error> {
    let step = secrets.index_step();
    let opened = Secrets::open(secrets, &operator.regions().await?.ring()?).await?;
    if !operator.nothing_is_behind(Behind::Claims(&opened), step).await? {
        return Ok(false);
    }
    let arrives = step == IndexStep::Drop;
    Ok(!arrives || operator.nothing_is_behind(Behind::ClaimsArrived(&opened), step).await?)
}

/// The next step of rotating the key that signs answers: every instance publishes a key before any signs with it, and
/// publishes it for as long as an answer of it is valid.
///
/// # Errors
/// If a region does not do as asked.
pub async fn signing_key<O: Operator>(operator: &O, secrets: &mut SecretsDocument) -> Result<SigningStep, O::Error> {
    match secrets.signing_step() {
        SigningStep::Publish => {}
        SigningStep::Promote => operator.wait(Until::Publishes, 0).await?,
        SigningStep::Retire => operator.wait(Until::Signs, umoja_store::rotation::ANSWER_LIFETIME_SECS).await?,
    }
    Ok(operator.regions().await?.secrets()?.rotate_signing(secrets, operator.now()).await?)
}

/// The next step of rotating the pepper of passwords: every instance verifies with one before any hashes with it.
///
/// # Errors
/// If a region does not do as asked.
pub async fn pepper<O: Operator>(operator: &O, secrets: &mut SecretsDocument) -> Result<PepperStep, O::Error> {
    if secrets.pepper_step() == PepperStep::Promote {
        operator.wait(Until::Verifies, 0).await?;
    }
    Ok(operator.regions().await?.secrets()?.rotate_pepper(secrets, operator.now()).await?)
}

/// What became of a region's new KMS key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// Whether the secrets had to be wrapped by it.
    pub secrets: bool,
    /// Whether it opens everything now.
    pub done: bool,
}

/// Has a region's KMS key wrap the secrets and then every part that it does not open. `secrets` opens those where only the
/// key of before does.
///
/// # Errors
/// If the key cannot be used, or a region does not do as asked.
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

/// Whether a key does anything with these credentials. One that refuses everything looks like one that wrapped nothing:
/// every record would be written again for it, in vain.
///
/// # Errors
/// If it does not.
pub async fn check_is_usable(keys: &dyn Keys) -> Result<(), KeysError> {
    let context = EncryptionContext::from([("umoja:id".into(), "probe".into())]);
    let (_, wrapped) = keys.generate(&context).await?;
    keys.unwrap(&wrapped, &context).await.map(drop)
}
