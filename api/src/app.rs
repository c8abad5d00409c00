//! The state of the router.

use std::num::NonZeroU32;
use std::sync::Arc;

use umoja_accounts::events::Waiting;
use umoja_accounts::provisioning::{Provisions, SubjectTokens};
use umoja_accounts::rates::Rates;
use umoja_accounts::{Accounts, OldSystems, PasswordRules, People};
use umoja_schema::{Region, Target, TargetId};
use umoja_store::Home;
use umoja_store::ports::{Hasher, Mailer};
use umoja_store::remembered::Remembered;
use umoja_store::retired_keys::RetiredKeys;
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use crate::companies::Companies;

/// The settings of the API in one region of one deployment.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// The region's base URL without trailing slash: the `aud` of requests. Never taken from the `Host` header.
    pub base_url: String,
    /// Every region of the deployment, this one included, with its base URL. The discovery document lists them.
    pub regions: Vec<(Region, String)>,
    /// The minimum length of a new password in characters (NIST SP 800-63B section 3.1.1.2: 8, or 15 where it is the
    /// only factor).
    pub min_password_chars: usize,
    /// The minimum `zxcvbn` score of a new password, 0 to 4 ([`umoja_crypto::password::MIN_SCORE`]).
    pub min_password_score: u8,
    /// If several instances serve the region: the largest number of a company's requests that one instance reserves at
    /// a time. `None` if a single process serves the region and counts in its own memory.
    pub rate_lease: Option<NonZeroU32>,
    /// Whether the answer to a request that is not accepted says which check it failed. Only for a deployment to try
    /// things out with: an attacker learns the reason too.
    pub explains: bool,
}

/// The state of the router.
pub struct App {
    pub(crate) accounts: Accounts,
    pub(crate) config: ApiConfig,
    pub(crate) companies: Companies,
    pub(crate) rates: Rates,
    pub(crate) waiting: Waiting,
    /// The targets that requests named recently.
    pub(crate) targets: Remembered<TargetId, Target>,
    /// The public keys that sign no answers any more.
    pub(crate) retired: Remembered<(), RetiredKeys>,
    /// The deliveries to targets; `None` in a process that cannot ring for them.
    pub(crate) deliveries: Option<Arc<dyn Provisions>>,
    /// What knows whose a token is; `None` in a process that takes none.
    pub(crate) subject_tokens: Option<Arc<dyn SubjectTokens>>,
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
        let rates = match config.rate_lease {
            Some(lease) => Rates::reserving(lease, Arc::clone(&home.attempts), Arc::clone(&secrets)),
            None => Rates::in_memory(),
        };
        let people = People { home, sealer, secrets };
        let accounts = Accounts { people, hasher, passwords, old_systems: None, mailer: None };
        Self {
            accounts,
            config,
            companies: Companies::default(),
            rates,
            waiting: Waiting::default(),
            targets: Remembered::default(),
            retired: Remembered::default(),
            deliveries: None,
            subject_tokens: None,
        }
    }

    /// Rings for accounts at targets. Without it, a request for an account waits until the changes of the region are read.
    #[must_use]
    pub fn with_deliveries(mut self, deliveries: Arc<dyn Provisions>) -> Self {
        self.deliveries = Some(deliveries);
        self
    }

    /// Takes tokens that stand for users.
    #[must_use]
    pub fn with_subject_tokens(mut self, tokens: Arc<dyn SubjectTokens>) -> Self {
        self.subject_tokens = Some(tokens);
        self
    }

    /// Asks the old systems of companies at a user's first login.
    #[must_use]
    pub fn with_old_systems(mut self, systems: Arc<OldSystems>) -> Self {
        self.accounts.old_systems = Some(systems);
        self
    }

    /// Sends mail to people.
    #[must_use]
    pub fn with_mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.accounts.mailer = Some(mailer);
        self
    }
}
