//! The first keys that sign the tokens of single sign-on.

use umoja_schema::{OidcAlgorithm, OidcKeySet};
use umoja_store::oidc_keys::new_oidc_key;

use super::Regions;
use super::secrets::WRAP_BUDGET_MS;
use crate::CliError;

impl Regions {
    /// Makes the keys of every algorithm that has none in any region, and brings those that exist to every region.
    /// Returns the algorithms whose keys were made.
    ///
    /// # Errors
    /// If the secrets cannot be opened, or a region does not store the keys.
    pub(crate) async fn ensure_oidc_keys(&self) -> Result<Vec<OidcAlgorithm>, CliError> {
        let mut made = Vec::new();
        for algorithm in OidcAlgorithm::ALL {
            let first = if let Some(keys) = self.document::<OidcKeySet>(&algorithm).await? {
                keys
            } else {
                let secrets = self.first()?.secrets(&self.ring(WRAP_BUDGET_MS)?).await?;
                let new = || new_oidc_key(algorithm, &secrets, &*self.entropy, self.clock.now());
                let failed = |error: umoja_store::oidc_keys::OidcKeysError| CliError::Failed(error.to_string());
                made.push(algorithm);
                OidcKeySet::new(algorithm, new().map_err(failed)?, new().map_err(failed)?)
            };
            let changed =
                self.change(&algorithm, |stored: Option<OidcKeySet>| Ok(stored.unwrap_or_else(|| first.clone())));
            changed.await?.everywhere?;
        }
        Ok(made)
    }
}
