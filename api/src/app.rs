//! What the operations share: the region, its secrets, and how a user is read and written.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use umoja_schema::api::Selector;
use umoja_schema::names::attribute;
use umoja_schema::{
    Attributes, AuditEvent, BlindIndex, ClaimItem, Credentials, Facts, Hlc, Log, LogRow, PartRecord, ProfileFacts,
    Region, UserId, Version,
};
use umoja_store::Home;
use umoja_store::apply::{commit_own, plan_claims};
use umoja_store::group::GroupParts;
use umoja_store::ports::{ClaimWrite, Commit, Condition, Hasher, PartWrite, StoreError, Writes};
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use crate::caller::{Caller, Companies};
use crate::identifiers::{parse, slot};
use crate::problem::Refusal;
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
    /// a company may make. Nothing where one process serves it alone, which then counts for itself.
    pub rate_lease: Option<NonZeroU32>,
}

/// The state of the router.
pub struct App {
    pub(crate) home: Home,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) hasher: Arc<dyn Hasher>,
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
        let rates = Rates::new(config.rate_lease);
        Self { home, sealer, secrets, hasher, config, companies: Companies::default(), rates }
    }

    /// The version of a local write over what is stored.
    pub(crate) fn next_version(&self, erased: bool, stored: Option<&Version>) -> Result<Version, Refusal> {
        let hlc = Hlc::next(self.home.clock.now(), stored.map(|version| version.hlc))?;
        Ok(Version { erased, hlc, origin: self.home.own.name.clone() })
    }

    /// The users of the person that a selector means: consistent reads of the claims and then of the users, so that a
    /// user is found right after sign-up. Nothing if there is none, or if it was erased.
    ///
    /// The table of claims is under no MAC. So a user is found by an identifier only if its own part claims it, and that
    /// part is bound: it has to be opened before anything is answered. The same goes for the table of members.
    pub(crate) async fn find(&self, caller: &Caller, selector: &Selector) -> Result<Option<GroupParts>, Refusal> {
        self.find_or(caller, selector, None).await
    }

    /// The same. Where an identifier is nobody's, the user `nobody` is looked for all the same, so that the answer takes
    /// as long.
    pub(crate) async fn find_or(
        &self,
        caller: &Caller,
        selector: &Selector,
        nobody: Option<UserId>,
    ) -> Result<Option<GroupParts>, Refusal> {
        let (kind, text) = match selector {
            Selector::Id(id) => return self.group(*id).await,
            Selector::Identifier(kind, text) => (*kind, text),
        };
        let parsed = parse(caller, kind, text).map_err(|error| Refusal::identifier("", error))?;
        let (_, company) = slot(caller, kind);
        let indexes = self.secrets.indexes(kind, company.as_ref(), &parsed.normalised);
        let indexes: Vec<BlindIndex> = indexes.into_iter().map(|(_, index)| index).collect();
        let claims = self.home.own.users.claims(&indexes).await?;
        let Some((id, _)) = ClaimItem::winner_of(&claims) else {
            return match nobody {
                Some(nobody) => self.group(nobody).await.map(|_| None),
                None => Ok(None),
            };
        };
        let group = self.group(id).await?;
        let claims_it = |group: &GroupParts| {
            let profile = group.get(id).and_then(|parts| parts.profile.as_ref());
            profile.is_some_and(|profile| indexes.iter().any(|index| profile.claims().contains_key(index)))
        };
        Ok(group.filter(claims_it))
    }

    /// Seals and stores a credentials part over the stored one, and records what was done if that is said. Nothing if
    /// somebody got in between.
    pub(crate) async fn write_credentials(
        &self,
        stored: &PartRecord,
        credentials: &Credentials,
        status: umoja_schema::AccountStatus,
        event: Option<(&Caller, AuditEvent)>,
    ) -> Result<Option<PartRecord>, Refusal> {
        let version = self.next_version(false, Some(&stored.version))?;
        let facts = Facts::Credentials { status };
        let recorded = async {
            let Some((caller, event)) = event else { return Ok(Vec::new()) };
            self.recorded(caller, &[(stored.id, event)]).await
        };
        let sealed = self.sealer.seal(stored.id, version, facts, credentials, stored.unknown.clone());
        let (record, new_rows) = tokio::join!(sealed, recorded);
        let (record, new_rows) = (record?, new_rows?);
        let condition = Condition::VersionIs(stored.version.clone());
        let parts = vec![PartWrite { record: record.clone(), condition }];
        let done = self.commit(&Writes { parts, new_rows, ..Writes::default() }).await? == Commit::Done;
        Ok(done.then_some(record))
    }

    /// Commits a local write; two operations that touch the same items at once see a conflict, not an error.
    pub(crate) async fn commit(&self, writes: &Writes) -> Result<Commit, StoreError> {
        commit_own(&*self.home.own.users, writes).await
    }

    /// The claim writes of replacing a profile part's claims.
    pub(crate) async fn plan(
        &self,
        stored: Option<&PartRecord>,
        id: UserId,
        facts: &ProfileFacts,
    ) -> Result<Vec<ClaimWrite>, StoreError> {
        let before = stored.map(PartRecord::claims);
        plan_claims(&*self.home.own.users, id, before.unwrap_or(&BTreeMap::new()), &facts.claims).await
    }

    /// An append-only row of this region, about a user, as of a version.
    pub(crate) fn row(&self, user: UserId, key: String, kind: &str, version: &Version) -> LogRow {
        LogRow {
            user,
            key,
            at: version.hlc,
            origin: self.home.own.name.clone(),
            kind: kind.into(),
            fields: Attributes::new(),
        }
    }

    /// The rows about a user in one of the append-only tables.
    pub(crate) async fn rows(&self, log: Log, user: UserId) -> Result<Vec<LogRow>, StoreError> {
        self.home.own.logs.rows(log, user).await
    }
}

/// Repeats a step until it gives `Some`: until a conditional write gets through. Each lost round was lost to a write
/// that succeeded, so the end of the rounds means a very hot item.
macro_rules! until_written {
    ($step:block) => {
        'rounds: {
            for _ in 0..umoja_store::apply::MAX_ROUNDS {
                let step: Result<Option<_>, $crate::problem::Refusal> = async { $step }.await;
                if let Some(done) = step? {
                    break 'rounds Ok(done);
                }
            }
            Err($crate::problem::Refusal::from(&$crate::problem::BUSY))
        }
    };
}
pub(crate) use until_written;

/// The name of the field that holds a sealed text.
pub(crate) const SEALED_REASON: &str = "reason";

/// The company of a row.
pub(crate) fn company_field(caller: &Caller) -> (String, umoja_schema::Attribute) {
    (attribute::COMPANY.into(), caller.company.id.to_string().into())
}
