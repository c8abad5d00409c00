//! The importer of rows. It reads the settings again like an instance that serves, because an import lasts longer than
//! a rotation of keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use umoja_accounts::People;
use umoja_crypto::Passwords;
use umoja_crypto::legacy::{Digest, ForeignHash, Step};
use umoja_migrate::import::{Done, Failed, Hashing, Importer, Rehearsal, Restorer, Stopped, Streak};
use umoja_schema::Company;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use super::source::Item;
use crate::CliError;
use crate::deployment::DeployedRegion;

/// How many hashes are made to measure how long one takes.
const SAMPLE_HASHES: u64 = 4;

/// How often the settings are read again: more often than a rotation's wait for every instance.
const FRESH: Duration = Duration::from_secs(15);

/// How records are imported.
#[derive(Clone)]
pub(super) struct Mode {
    /// The host of the issuer.
    pub(super) site: Option<String>,
    pub(super) dry_run: bool,
    pub(super) is_strict: bool,
}

pub(super) struct Work {
    region: DeployedRegion,
    company: Option<Company>,
    passwords: Arc<Passwords>,
    mode: Mode,
    /// Lasts for the whole of a dry run.
    rehearsal: Arc<Rehearsal>,
    now: Mutex<Ready>,
}

/// The importer of a record.
#[derive(Clone)]
pub(super) enum Ready {
    Foreign(Arc<Importer>),
    Umoja(Arc<Restorer>),
}

impl Ready {
    async fn import(self, item: Item, rehearsal: Arc<Rehearsal>) -> Result<Done, Failed> {
        match (self, item) {
            (Self::Foreign(importer), Item::Row(row)) if importer.dry_run => rehearsal.row(&importer, &row).await,
            (Self::Foreign(importer), Item::Row(row)) => importer.row(&row).await,
            (Self::Umoja(restorer), Item::Record(record)) => restorer.row(&record).await,
            // The format decides both.
            (Self::Foreign(_), Item::Record(_)) | (Self::Umoja(_), Item::Row(_)) => {
                Err(Failed::Stopped(Stopped::Thread))
            }
        }
    }
}

impl Work {
    pub(super) async fn new(
        region: &DeployedRegion,
        company: Option<Company>,
        passwords: Arc<Passwords>,
        mode: Mode,
    ) -> Result<Self, CliError> {
        let now = Mutex::new(ready(region, company.as_ref(), &passwords, &mode).await?);
        Ok(Self { region: region.clone(), company, passwords, mode, rehearsal: Arc::default(), now })
    }

    pub(super) fn ready(&self) -> Ready {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Imports a record with the current importer.
    pub(super) fn import(&self, item: Item) -> impl Future<Output = Result<Done, Failed>> + Send + use<> {
        self.ready().import(item, Arc::clone(&self.rehearsal))
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
        match ready(&self.region, self.company.as_ref(), &self.passwords, &self.mode).await {
            Ok(fresh) => *self.now.lock().unwrap_or_else(PoisonError::into_inner) = fresh,
            Err(error) => tracing::warn!(%error, "the settings cannot be read; continuing with the previous ones"),
        }
    }
}

/// Reads the settings again from time to time, until it is dropped.
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

/// The importer of records, with the deployment's current secrets.
async fn ready(
    region: &DeployedRegion,
    company: Option<&Company>,
    passwords: &Passwords,
    mode: &Mode,
) -> Result<Ready, CliError> {
    let Mode { dry_run, is_strict, .. } = *mode;
    let home = region.home.clone();
    let sealer = Arc::new(Sealer::new(KeyRing::new(&home, PEER_WRAP_BUDGET_MS), Arc::clone(&home.entropy)));
    let secrets = Arc::new(Secrets::load(&*home.registry, sealer.ring()).await?);
    let Some(company) = company.cloned() else {
        return Ok(Ready::Umoja(Arc::new(Restorer { people: People { home, sealer, secrets }, dry_run })));
    };
    let keys = secrets.password_keys();
    let hashing = Hashing::Threads(Arc::new(passwords.with_keys(Arc::clone(&keys))));
    let keys = keys.hash_keys.clone();
    let (people, company) = (People { home, sealer, secrets }, Arc::new(company));
    Ok(Ready::Foreign(Arc::new(Importer {
        people,
        hashing,
        keys,
        company,
        site: mode.site.clone(),
        dry_run,
        is_strict,
        streak: Streak::default(),
    })))
}
