//! What imports rows, kept as fresh as the instances that serve: an import lasts longer than a rotation of keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use umoja_crypto::Passwords;
use umoja_crypto::legacy::{Digest, ForeignHash, Step};
use umoja_migrate::import::Importer;
use umoja_schema::Company;

use super::{SAMPLE_HASHES, importer};
use crate::CliError;
use crate::deployment::DeployedRegion;

/// How often the settings are read again: sooner than whoever rotates a key waits for every instance.
const FRESH: Duration = Duration::from_secs(15);

pub(super) struct Work {
    region: DeployedRegion,
    company: Company,
    passwords: Arc<Passwords>,
    dry_run: bool,
    now: Mutex<Arc<Importer>>,
}

impl Work {
    pub(super) async fn new(
        region: &DeployedRegion,
        company: Company,
        passwords: Arc<Passwords>,
        dry_run: bool,
    ) -> Result<Self, CliError> {
        let now = Mutex::new(Arc::new(importer(region, &company, &passwords, dry_run).await?));
        Ok(Self { region: region.clone(), company, passwords, dry_run, now })
    }

    pub(super) fn importer(&self) -> Arc<Importer> {
        Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long putting argon2id around one hash takes on one core, in milliseconds.
    pub(super) fn wrap_ms(&self) -> u64 {
        let clock = &self.region.home.clock;
        let Ok(hash) = ForeignHash::chain(&[Step::plain(Digest::Sha256)], None, &[], &[0; 32]) else { return 0 };
        let begun = clock.now();
        for n in 0..SAMPLE_HASHES {
            std::hint::black_box(hash.to_stored(&self.passwords, u128::from(n).to_be_bytes()));
        }
        clock.now().since(begun).div_ceil(SAMPLE_HASHES)
    }

    async fn refresh(&self) {
        match importer(&self.region, &self.company, &self.passwords, self.dry_run).await {
            Ok(fresh) => *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh),
            Err(error) => tracing::warn!(%error, "the settings cannot be read; going on with those of before"),
        }
    }
}

/// Reads the settings again from time to time, while it lives.
pub(super) struct Fresh(JoinHandle<()>);

impl Fresh {
    pub(super) fn start(work: Arc<Work>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(FRESH).await;
                work.refresh().await;
            }
        }))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.0.abort();
    }
}
