//! The deployment's secrets: made once, the same in every region, wrapped by every region's key.

use std::collections::BTreeSet;

use umoja_schema::Region;
use umoja_store::keyring::KeyRing;
use umoja_store::rotation::SigningStep;
use umoja_store::secrets::{SETTING, SecretsDocument, SecretsError};

use super::{Regions, names};
use crate::CliError;

/// How long a region's key service may take to wrap a secret, in milliseconds: nobody waits for this.
const WRAP_BUDGET_MS: u64 = 30_000;

impl Regions {
    /// Makes the secrets, or brings those that there are to every region. True if they were made now.
    pub async fn ensure_secrets(&self) -> Result<bool, CliError> {
        self.ensure_secrets_anew(&BTreeSet::new()).await
    }

    /// As [`Regions::ensure_secrets`]; the regions of `anew` have got another key, which has to wrap them again.
    pub(crate) async fn ensure_secrets_anew(&self, anew: &BTreeSet<Region>) -> Result<bool, CliError> {
        let ring = KeyRing::new(&self.first()?.home, WRAP_BUDGET_MS);
        let stored = self.stored_secrets().await?;
        let (document, made) = match stored.iter().flatten().next() {
            None => (SecretsDocument::create(&ring, self.clock.now()).await?, true),
            Some(document) => {
                let mut document = document.clone();
                for (region, other) in self.list.iter().zip(&stored) {
                    let Some(other) = other.as_ref().filter(|other| **other != document) else { continue };
                    if !document.merge(other, &ring).await? {
                        return Err(different(region.name()));
                    }
                }
                document.wrap_for_all(&ring, anew).await?;
                (document, false)
            }
        };
        self.store(&document, &stored).await?;
        Ok(made)
    }

    /// The secrets of the region that is ahead, brought to every other one: a rotation may have been interrupted between
    /// two regions. True if there was anything to bring.
    pub(crate) async fn newest_secrets(&self) -> Result<(SecretsDocument, bool), CliError> {
        let stored = self.stored_secrets().await?;
        let newest = stored.iter().flatten().max_by_key(|document| document.signing_progress());
        let mut newest = newest.ok_or(SecretsError::Absent)?.clone();
        // As far as they are of the same keys, each region's copy may have wraps that the others lack.
        let ring = KeyRing::new(&self.first()?.home, WRAP_BUDGET_MS);
        for other in stored.iter().flatten() {
            newest.merge(other, &ring).await?;
        }
        let behind = stored.iter().any(|stored| stored.as_ref() != Some(&newest));
        self.store(&newest, &stored).await?;
        Ok((newest, behind))
    }

    /// Does the next step of rotating the key that signs answers, and writes it in every region. Refuses if the secrets
    /// are not as this rotation left them.
    pub(crate) async fn rotate_signing(&self, secrets: &mut SecretsDocument) -> Result<SigningStep, CliError> {
        let ring = KeyRing::new(&self.first()?.home, WRAP_BUDGET_MS);
        let stored = self.stored_secrets().await?;
        for (region, stored) in self.list.iter().zip(&stored) {
            if stored.as_ref() != Some(secrets) {
                return Err(CliError::Failed(format!(
                    "somebody else is changing the deployment's secrets ({} differs); let that end, and run the command \
                     again: it goes on",
                    region.name()
                )));
            }
        }
        let step = secrets.rotate_signing(&ring, self.clock.now()).await?;
        self.store(secrets, &stored).await?;
        Ok(step)
    }

    async fn stored_secrets(&self) -> Result<Vec<Option<SecretsDocument>>, CliError> {
        let mut stored = Vec::new();
        for region in &self.list {
            let document = SecretsDocument::stored(&*region.home.registry).await;
            stored.push(document.map_err(|source| CliError::RegionSecrets { region: region.name().clone(), source })?);
        }
        Ok(stored)
    }

    /// Writes the secrets where they are not so yet, and looks whether nobody else has made others meanwhile.
    async fn store(&self, document: &SecretsDocument, stored: &[Option<SecretsDocument>]) -> Result<(), CliError> {
        let value = serde_json::to_value(document).map_err(|error| CliError::Failed(error.to_string()))?;
        let lacks = |(_, stored): &(_, &Option<SecretsDocument>)| stored.as_ref() != Some(document);
        for (region, _) in self.list.iter().zip(stored).filter(lacks) {
            let put = region.home.registry.put_setting(SETTING, &value).await;
            put.map_err(|source| region.failed(source))?;
        }
        for region in &self.list {
            let now = region.home.registry.setting(SETTING).await.map_err(|source| region.failed(source))?;
            if now.as_ref() != Some(&value) {
                return Err(different(region.name()));
            }
        }
        Ok(())
    }
}

fn different(region: &Region) -> CliError {
    CliError::Failed(format!(
        "the regions hold different secrets ({} differs), and none are ever replaced; if a key is being rotated, let \
         `umoja rotate signing-key` end or run it again, else restore the setting `{SETTING}` from a backup",
        names([region])
    ))
}
