//! The people of a region under the deployment's settings.

use std::sync::Arc;

use umoja_accounts::People;
use umoja_store::Home;
use umoja_store::keyring::KeyRing;
use umoja_store::seal::Sealer;
use umoja_store::secrets::{Secrets, SecretsError};

use crate::region::{NotReady, Settings};

/// The people of a region whose writes wait so long for peers to wrap data keys, in milliseconds. 0 where no peer is
/// reached: `reconcile-keys` has them wrapped later.
///
/// # Errors
/// If the deployment's secrets are not available.
pub async fn people(home: Home, settings: &Settings, peer_wrap_budget_ms: u64) -> Result<People, NotReady> {
    let ring = KeyRing::new(&home, peer_wrap_budget_ms);
    let sealer = Arc::new(Sealer::new(ring, Arc::clone(&home.entropy)));
    let document = settings.secrets.as_ref().ok_or(SecretsError::Absent)?;
    let secrets = Arc::new(Secrets::open(document, sealer.ring()).await?);
    Ok(People { home, sealer, secrets })
}
