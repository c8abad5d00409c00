//! An operator who rotates keys, one step at a time.

use std::sync::Arc;

use umoja_reconciler::{Reencryption, ReencryptionReport, Rule};
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Clock as _, StoreError};
use umoja_store::rotation::IndexStep;
use umoja_store::secrets::{Secrets, SecretsDocument};
use umoja_store::shared_secrets::{SharedSecrets, SharedSecretsError};

use super::World;

impl World {
    /// The secrets of all regions.
    pub fn shared_secrets(&self) -> SharedSecrets<'_> {
        let homes = self.regions.iter().map(|region| &region.home);
        SharedSecrets::new(homes, KeyRing::new(&self.regions[0].home, PEER_WRAP_BUDGET_MS))
    }

    /// The newest secrets that any region has, which are stored in all regions.
    pub async fn secrets(&self) -> Result<SecretsDocument, SharedSecretsError> {
        Ok(self.shared_secrets().newest().await?.0)
    }

    /// Does the next step of rotating the blind index key. No region has read it yet.
    pub async fn rotate_index(&self) -> Result<IndexStep, SharedSecretsError> {
        let mut secrets = self.secrets().await?;
        self.shared_secrets().rotate_index(&mut secrets, self.clock.now()).await
    }

    /// The secrets in a region's current settings, unwrapped, as an instance that reads them now has them.
    pub async fn opened_secrets(&self, at: usize) -> Arc<Secrets> {
        let region = &self.regions[at];
        let secrets = Secrets::load(&*region.home.registry, region.sealer.ring()).await;
        Arc::new(secrets.expect("every KMS answers"))
    }

    /// Every region reads its settings.
    pub async fn reload(&mut self) {
        for region in &mut self.regions {
            region.load_secrets().await;
        }
    }

    /// A pass over every region that re-encrypts profiles whose ownerships do not have exactly the live index keys.
    pub async fn reencrypt_profiles(&self) -> Result<ReencryptionReport, StoreError> {
        let secrets = self.opened_secrets(0).await;
        self.reencrypt(Rule::Ownerships(&secrets)).await
    }

    /// Like [`World::reencrypt_profiles`]. Also requires every profile to have the same version in every region, which
    /// proves that the old key may be dropped.
    pub async fn prove_ownerships(&self) -> Result<ReencryptionReport, StoreError> {
        let secrets = self.opened_secrets(0).await;
        self.reencrypt(Rule::OwnershipsArrived(&secrets)).await
    }

    /// A pass over every region that re-encrypts parts that the region's KMS key cannot decrypt.
    pub async fn reencrypt_parts(&self, at: usize) -> Result<ReencryptionReport, StoreError> {
        self.reencrypt(Rule::WrappedBy(&self.regions[at].home.own)).await
    }

    async fn reencrypt(&self, rule: Rule<'_>) -> Result<ReencryptionReport, StoreError> {
        let mut pass = Reencryption::new(rule, self.regions.iter().map(|region| (&region.home, &*region.sealer)));
        while pass.step().await? {}
        Ok(pass.report().clone())
    }

    /// Completes the rotation of the blind index key. Every region reads the settings after each step.
    ///
    /// # Panics
    /// If a region does not answer, or profiles stay behind.
    pub async fn finish_index_rotation(&mut self) {
        loop {
            self.reload().await;
            let secrets = self.secrets().await.expect("every region answers");
            if secrets.index_step() == IndexStep::Publish {
                return;
            }
            self.settle_ownerships().await;
            self.rotate_index().await.expect("every region answers");
        }
    }

    /// Runs passes until one finds no profile behind, with all background work between them.
    ///
    /// # Panics
    /// If more than a few passes are needed.
    pub async fn settle_ownerships(&self) {
        let mut passes = Vec::new();
        while passes.last().is_none_or(|pass: &ReencryptionReport| !pass.is_complete()) {
            assert!(passes.len() < 5, "profiles stay behind: {passes:?}");
            passes.push(self.prove_ownerships().await.expect("every region answers"));
            self.settle().await;
        }
    }
}
