//! The SCIM server behind the HTTP API: [`umoja_ingest::scim`].

use std::sync::Arc;

use async_trait::async_trait;
use umoja_crypto::EngineError;
use umoja_ingest::scim::{People, Scim, router};
use umoja_runtime::people::people;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_store::Home;
use umoja_store::keyring::PEER_WRAP_BUDGET_MS;

use crate::people::Hashers;
use crate::routes::Routes;

pub use umoja_runtime::api::NEEDS;

/// Builds the routes of SCIM.
pub struct BuildScim {
    hashers: Hashers,
}

impl BuildScim {
    /// Chooses the password engine once for the life of the instance.
    ///
    /// # Errors
    /// If no engine computes the published test vectors on this machine.
    pub fn new() -> Result<Self, EngineError> {
        Ok(Self { hashers: Hashers::new()? })
    }
}

#[async_trait]
impl Build for BuildScim {
    type Service = Routes;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Routes, NotReady> {
        let (accounts, hashing) = self.hashers.accounts(people(home, settings, PEER_WRAP_BUDGET_MS).await?);
        let scim = Scim {
            base_url: settings.own.infrastructure.base_url.clone(),
            sources: Arc::new(Arc::clone(&accounts.home.registry)),
            clock: Arc::clone(&accounts.home.clock),
            rates: None,
            directory: Arc::new(People { accounts, hashing }),
        };
        Ok(Routes::new(settings, || router(scim)))
    }
}
