//! Companies with their parsed keys, and the cache of the companies that called recently.

use std::collections::BTreeMap;
use std::sync::Arc;

use umoja_crypto::VerifyingKey;
use umoja_schema::{Company, CompanyId, Millis};
use umoja_store::ports::{Registry, StoreError};
use umoja_store::remembered::{Remembered, Seen};

/// A company with its parsed keys.
pub(crate) struct KnownCompany {
    pub(crate) company: Arc<Company>,
    keys: BTreeMap<String, VerifyingKey>,
}

impl KnownCompany {
    fn new(company: Company) -> Self {
        let mut keys = BTreeMap::new();
        for key in &company.keys {
            if let Some(parsed) = VerifyingKey::from_stored(&key.alg, &key.public_key_pem) {
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
type Read = Seen<KnownCompany>;

/// The cache of companies that called recently.
#[derive(Default)]
pub(crate) struct Companies(Remembered<CompanyId, KnownCompany>);

impl Companies {
    /// The company as stored, or as stored some seconds ago. `None` if no company has this name.
    pub(crate) async fn get(
        &self,
        registry: &dyn Registry,
        name: &str,
        now: Millis,
    ) -> Result<Option<Read>, StoreError> {
        let Ok(id) = name.parse::<CompanyId>() else { return Ok(None) };
        if let Some(read) = self.0.get(&id, now) {
            return Ok(Some(read));
        }
        let company = registry.company(&id).await?;
        Ok(company.map(|company| (now, Arc::new(KnownCompany::new(company)))))
    }

    /// Caches a company whose signature was verified.
    pub(crate) fn remember(&self, read: &Read) {
        self.0.remember(read.1.company.id.clone(), read);
    }
}
