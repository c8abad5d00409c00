//! The people of a region, for the functions that write them without the API.

use std::sync::Arc;

use umoja_accounts::People;
use umoja_crypto::{EngineChoice, EngineError, Params, Passwords};
use umoja_runtime::region::{NotReady, Settings};
use umoja_store::Home;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::seal::Sealer;
use umoja_store::secrets::{Secrets, SecretsError};

/// The people of a region under these settings.
///
/// # Errors
/// If the deployment's secrets are not available.
pub async fn people(home: Home, settings: &Settings) -> Result<People, NotReady> {
    people_within(home, settings, PEER_WRAP_BUDGET_MS).await
}

/// The people of a region whose writes wait so long for peers to wrap data keys, in milliseconds. 0 where no peer is
/// reached: `reconcile-keys` has them wrapped later.
///
/// # Errors
/// If the deployment's secrets are not available.
pub async fn people_within(home: Home, settings: &Settings, peer_wrap_budget_ms: u64) -> Result<People, NotReady> {
    let ring = KeyRing::new(&home, peer_wrap_budget_ms);
    let sealer = Arc::new(Sealer::new(ring, Arc::clone(&home.entropy)));
    let document = settings.secrets.as_ref().ok_or(SecretsError::Absent)?;
    let secrets = Arc::new(Secrets::open(document, sealer.ring()).await?);
    Ok(People { home, sealer, secrets })
}

/// The engine of passwords of this machine, chosen once for the life of an instance.
///
/// # Errors
/// If no engine computes the published test vectors.
pub fn engine() -> Result<Passwords, EngineError> {
    Passwords::new(Params::OWASP, EngineChoice::Auto, None)
}
