//! An operator who rotates keys, a step at a time.

use std::sync::Arc;

use umoja_reconciler::{Rewrite, RewriteReport, Rule};
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

    /// The secrets as the region has them that is ahead, brought to all regions.
    pub async fn secrets(&self) -> Result<SecretsDocument, SharedSecretsError> {
        Ok(self.shared_secrets().newest().await?.0)
    }

    /// Does the next step of rotating the blind index key. No region has read it yet.
    pub async fn rotate_index(&self) -> Result<IndexStep, SharedSecretsError> {
        let mut secrets = self.secrets().await?;
        self.shared_secrets().rotate_index(&mut secrets, self.clock.now()).await
    }

    /// The secrets that a region's settings hold now, unwrapped: what an instance has that reads them now.
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

    /// A pass over every region that writes profiles again whose claims are not those of the live index keys.
    pub async fn rewrite_claims(&self) -> Result<RewriteReport, StoreError> {
        let secrets = self.opened_secrets(0).await;
        self.rewrite(Rule::Claims(&secrets)).await
    }

    /// As [`World::rewrite_claims`], and every profile is in every region in the same version: the proof that the old key
    /// may be dropped.
    pub async fn prove_claims(&self) -> Result<RewriteReport, StoreError> {
        let secrets = self.opened_secrets(0).await;
        self.rewrite(Rule::ClaimsArrived(&secrets)).await
    }

    /// A pass over every region that writes parts again that the region's KMS key does not open.
    pub async fn rewrap(&self, at: usize) -> Result<RewriteReport, StoreError> {
        self.rewrite(Rule::WrappedBy(&self.regions[at].home.own)).await
    }

    async fn rewrite(&self, rule: Rule<'_>) -> Result<RewriteReport, StoreError> {
        let mut pass = Rewrite::new(rule, self.regions.iter().map(|region| (&region.home, &*region.sealer)));
        while pass.step().await? {}
        Ok(pass.report().clone())
    }

    /// What is left of rotating the blind index key, with every region reading each step.
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
            self.settle_claims().await;
            self.rotate_index().await.expect("every region answers");
        }
    }

    /// Passes until one finds nothing behind, with everything that runs by itself between them.
    ///
    /// # Panics
    /// If it takes more than a few.
    pub async fn settle_claims(&self) {
        let mut passes = Vec::new();
        while passes.last().is_none_or(|pass: &RewriteReport| !pass.is_complete()) {
            assert!(passes.len() < 5, "profiles stay behind: {passes:?}");
            passes.push(self.prove_claims().await.expect("every region answers"));
            self.settle().await;
        }
    }
}
