//! The SCIM server behind the HTTP API: [`umoja_ingest::scim`].

use std::sync::Arc;

use async_trait::async_trait;
use umoja_accounts::import::Hashing;
use umoja_accounts::{Accounts, PasswordRules};
use umoja_api::openapi::MIN_PASSWORD_CHARS;
use umoja_crypto::password::MIN_SCORE;
use umoja_crypto::{EngineError, Passwords};
use umoja_ingest::scim::{People, Scim, router};
use umoja_runtime::api::hasher;
use umoja_runtime::region::{Build, NotReady, Settings};
use umoja_store::Home;
use umoja_store::ports::Hasher;

use crate::api::POOL;
use crate::people::{engine, people};
use crate::routes::Routes;

pub use umoja_runtime::api::NEEDS;

/// Builds the routes of SCIM.
pub struct BuildScim {
    hasher: Arc<dyn Hasher>,
    passwords: Passwords,
}

impl BuildScim {
    /// Chooses the password engine once for the life of the instance.
    ///
    /// # Errors
    /// If no engine computes the published test vectors on this machine.
    pub fn new() -> Result<Self, EngineError> {
        let passwords = engine()?;
        Ok(Self { hasher: hasher(passwords.with_keys(umoja_crypto::PasswordKeys::default()), POOL, None), passwords })
    }
}

#[async_trait]
impl Build for BuildScim {
    type Service = Routes;
    const SECRETS: bool = true;

    async fn build(&self, home: Home, settings: &Settings) -> Result<Routes, NotReady> {
        let people = people(home, settings).await?;
        let scim = Scim {
            base_url: settings.own.infrastructure.base_url.clone(),
            sources: Arc::new(Arc::clone(&people.home.registry)),
            clock: Arc::clone(&people.home.clock),
            rates: None,
            directory: Arc::new(People {
                hashing: Hashing::Threads(Arc::new(self.passwords.with_keys(people.secrets.password_keys()))),
                accounts: Accounts {
                    people,
                    hasher: Arc::clone(&self.hasher),
                    passwords: PasswordRules { min_chars: MIN_PASSWORD_CHARS, min_score: MIN_SCORE },
                    old_systems: None,
                },
            }),
        };
        Ok(Routes::new(settings, || router(scim)))
    }
}
