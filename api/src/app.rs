//! The state of the router.

use std::num::NonZeroU32;
use std::sync::Arc;

use umoja_accounts::{Accounts, PasswordRules, People};
use umoja_schema::Region;
use umoja_store::Home;
use umoja_store::ports::Hasher;
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use crate::companies::Companies;
use crate::rate::Rates;

/// What differs from region to region and from operator to operator.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// The region's base URL without trailing slash: the `aud` of requests. Never taken from the `Host` header.
    pub base_url: String,
    /// Every region of the deployment and its base URL, the own one too; for discovery.
    pub regions: Vec<(Region, String)>,
    /// The fewest characters of a new password (NIST SP 800-63B section 3.1.1.2: 8, or 15 where it is the only factor).
    pub min_password_chars: usize,
    /// The least `zxcvbn` score of a new password, 0 to 4 ([`umoja_crypto::password::MIN_SCORE`]).
    pub min_password_score: u8,
    /// Where several instances serve the region: how many requests one of them reserves at a time, at most, of those that
    /// a company may make. `None` where one process serves it alone, which then counts for itself.
    pub rate_lease: Option<NonZeroU32>,
}

/// The state of the router.
pub struct App {
    pub(crate) accounts: Accounts,
    pub(crate) config: ApiConfig,
    pub(crate) companies: Companies,
    pub(crate) rates: Rates,
}

impl App {
    /// The API of a region.
    pub fn new(
        home: Home,
        sealer: Arc<Sealer>,
        secrets: Arc<Secrets>,
        hasher: Arc<dyn Hasher>,
        config: ApiConfig,
    ) -> Self {
        let passwords = PasswordRules { min_chars: config.min_password_chars, min_score: config.min_password_score };
        let accounts = Accounts { people: People { home, sealer, secrets }, hasher, passwords };
        let rates = Rates::new(config.rate_lease);
        Self { accounts, config, companies: Companies::default(), rates }
    }
}
