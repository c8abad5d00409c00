//! Companies with their parsed keys, and the cache of the companies that called recently.

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use umoja_crypto::{Algorithm, VerifyingKey};
use umoja_schema::{Company, CompanyId, Millis};
use umoja_store::ports::{Registry, StoreError};

/// How long a company stays in the cache, in milliseconds. It is short, so that disabling a company takes effect within
/// seconds.
const REMEMBER_MS: u64 = 5_000;

/// The number of companies in the cache. A company enters it only with a valid signature, so a flood of invented names
/// costs reads and evicts no company.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A company with its parsed keys.
pub(crate) struct KnownCompany {
    pub(crate) company: Arc<Company>,
    keys: BTreeMap<String, VerifyingKey>,
}

impl KnownCompany {
    fn new(company: Company) -> Self {
        let mut keys = BTreeMap::new();
        for key in &company.keys {
            let parsed = Algorithm::from_name(&key.alg)
                .and_then(|alg| VerifyingKey::from_public_pem(alg, &key.public_key_pem).ok());
            if let Some(parsed) = parsed {
                keys.insert(key.kid.clone(), parsed);
            } else {
                tracing::error!(company = %company.id, "a stored public key cannot be read");
            }
        }
        Self { company: Arc::new(company), keys }
    }

    /// The key with this id.
    pub(crate) fn key(&self, kid: &str) -> Option<&VerifyingKey> {
        self.keys.get(kid)
    }
}

/// A company and the time at which it was read.
type Read = (Millis, Arc<KnownCompany>);

/// The cache of companies that called recently. The least recently used one is evicted first.
pub(crate) struct Companies(Mutex<LruCache<CompanyId, Read, BuildHasherDefault<DefaultHasher>>>);

impl Default for Companies {
    fn default() -> Self {
        Self(Mutex::new(LruCache::with_hasher(REMEMBERED, BuildHasherDefault::default())))
    }
}

impl Companies {
    /// The company as stored, or as stored up to [`REMEMBER_MS`] ago. `None` if no company has this name.
    pub(crate) async fn get(
        &self,
        registry: &dyn Registry,
        name: &str,
        now: Millis,
    ) -> Result<Option<Read>, StoreError> {
        let Ok(id) = name.parse::<CompanyId>() else { return Ok(None) };
        let remembered = self.remembered().get(&id).cloned();
        if let Some((since, company)) = remembered
            && since.is_within(REMEMBER_MS, now)
        {
            return Ok(Some((since, company)));
        }
        let company = registry.company(&id).await?;
        Ok(company.map(|company| (now, Arc::new(KnownCompany::new(company)))))
    }

    /// Caches a company whose signature was verified.
    pub(crate) fn remember(&self, (since, company): &Read) {
        let mut remembered = self.remembered();
        let is_newer = |(had, _): &Read| had < since;
        if remembered.peek(&company.company.id).is_none_or(is_newer) {
            remembered.put(company.company.id.clone(), (*since, Arc::clone(company)));
        }
    }

    fn remembered(&self) -> MutexGuard<'_, LruCache<CompanyId, Read, BuildHasherDefault<DefaultHasher>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
