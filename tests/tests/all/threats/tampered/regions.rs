//! Two regions with users, of which one is tampered with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use umoja_local::{Options, RegionStore};
use umoja_reconciler::AntiEntropy;
use umoja_replicator::Replicator;
use umoja_schema::{
    AccountStatus, Attributes, BlindIndex, Company, Credentials, Facts, Hlc, IdentifierKind, Identity, Item, Link, Log,
    LogRow, Millis, Ownership, Part, PartRecord, ProfileFacts, Region, Scope, UserId, Version,
};
use umoja_store::Home;
use umoja_store::apply::{commit_own, plan_ownerships};
use umoja_store::audit::Retention;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Commit, Condition, PartWrite, StoreError, Writes};
use umoja_store::seal::Sealer;
use umoja_store::secrets::{SETTING, SecretsDocument};
use umoja_tests::world::{SeededEntropy, WorldClock};

pub(super) const REGIONS: [&str; 2] = ["af-south-1", "eu-west-1"];
pub(super) const NOW: Millis = Millis(1_800_000_000_000);

/// Two regions in directories. The first one is tampered with.
pub(super) struct Regions {
    pub(super) clock: Arc<WorldClock>,
    pub(super) homes: [Home; 2],
    pub(super) stores: [RegionStore; 2],
    pub(super) database: PathBuf,
    pub(super) sealer: Sealer,
    pub(super) _dir: tempfile::TempDir,
}

/// What a region holds: items as text by their keys, ownerships, pointers, and the company.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    pub(super) items: BTreeMap<String, String>,
    pub(super) ownerships: BTreeMap<BlindIndex, Attributes>,
    pub(super) pointers: Vec<UserId>,
}

pub(super) fn ids() -> [UserId; 4] {
    [1, 2, 3, 4].map(|n| UserId::v8([n; 16]))
}

pub(super) fn company(id: &str) -> Company {
    let (scopes, api_keys, keys) = (Scope::ALL.to_vec(), Vec::new(), Vec::new());
    Company {
        id: id.parse().unwrap(),
        revision: 0,
        name: id.to_owned(),
        enabled: true,
        ends: 0,
        trusted: true,
        scopes,
        phone_country: None,
        username_restriction: None,
        old_system: None,
        status_page: None,
        require_mfa: None,
        providers: Vec::new(),
        registration: false,
        mfa_by_mail: false,
        rate_limit: None,
        api_keys,
        keys,
        unknown: serde_json::Map::new(),
    }
}

pub(super) fn version(ms: u64, erased: bool) -> Version {
    Version { erased, hlc: Hlc::at(NOW.plus(ms)), origin: REGIONS[0].parse().unwrap() }
}

impl Regions {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (clock, entropy) = (Arc::new(WorldClock::new(NOW)), Arc::new(SeededEntropy::new(1)));
        let open = |name: &str| {
            let region: Region = name.parse().unwrap();
            let (clock, entropy) = (Arc::clone(&clock), Arc::clone(&entropy));
            RegionStore::create(&dir.path().join(name), region, clock, entropy, Options::default()).unwrap()
        };
        let stores = REGIONS.map(open);
        let homes = [0, 1].map(|at: usize| {
            stores[at].home([stores[1 - at].ports()], Arc::clone(&clock) as _, Arc::clone(&entropy) as _)
        });
        let sealer = Sealer::new(KeyRing::new(&homes[0], PEER_WRAP_BUDGET_MS), Arc::clone(&entropy) as _);
        let secrets = SecretsDocument::create(sealer.ring(), NOW).await.unwrap();
        let acme = company("acme");
        for home in &homes {
            home.registry.put_setting(SETTING, &serde_json::to_value(&secrets).unwrap()).await.unwrap();
            home.registry.put_company(&acme).await.unwrap();
            Retention { keep_days: Some(30), ..Retention::default() }.put(&*home.registry).await.unwrap();
        }
        let database = dir.path().join(REGIONS[0]).join("region.sqlite");
        let regions = Self { clock, homes, stores, database, sealer, _dir: dir };
        regions.fill().await;
        // Erasures are confirmed by rows, which travel too.
        for _ in 0..4 {
            regions.settle().await;
        }
        regions
    }

    /// Three users, one of them merged into another, an erased one, and rows in every log.
    pub(super) async fn fill(&self) {
        let [ada, bob, eve, zoe] = ids();
        for (n, id) in (1u8..).zip([ada, bob, eve]) {
            let ownership = Ownership {
                kind: IdentifierKind::Email,
                key_version: 1,
                owned_since: NOW,
                region: REGIONS[0].parse().unwrap(),
                verified: true,
                company: None,
                unknown: Attributes::new(),
            };
            let facts = ProfileFacts {
                created_at: NOW,
                ownerships: [(BlindIndex::new([n; 32]), ownership)].into(),
                links: [("acme".parse().unwrap(), Link::since(NOW))].into(),
                merged_into: (id == eve).then_some(ada),
            };
            let (identity, none) =
                (Identity { email: Some(format!("{n}@example.com")), ..Identity::default() }, Attributes::new);
            let profile =
                self.sealer.seal(id, version(1, false), Facts::Profile(facts), &identity, none()).await.unwrap();
            let facts = Facts::Credentials { status: AccountStatus::Active };
            let credentials =
                self.sealer.seal(id, version(1, false), facts, &Credentials::default(), none()).await.unwrap();
            self.put(profile).await;
            self.put(credentials).await;
        }
        for part in Part::ALL {
            self.put(PartRecord::tombstone(zoe, part, version(2, true))).await;
        }
        for log in Log::ALL {
            for key in ["a#1", "b#2"] {
                let row = LogRow {
                    user: bob,
                    key: key.into(),
                    at: Hlc::at(NOW),
                    origin: REGIONS[0].parse().unwrap(),
                    kind: "test".into(),
                    fields: Attributes::from([("note".into(), "text".into())]),
                    unknown: Attributes::new(),
                };
                assert_eq!(self.homes[0].own.logs.append(log, &row).await, Ok(true));
            }
        }
    }

    pub(super) async fn put(&self, record: PartRecord) {
        let users = &*self.homes[0].own.users;
        let ownerships = plan_ownerships(users, record.id, &BTreeMap::new(), record.ownerships()).await.unwrap();
        let linked_accounts = umoja_store::apply::plan_linked_accounts(None, &record);
        let parts = vec![PartWrite { record, condition: Condition::Absent }];
        let writes = Writes { parts, ownerships, linked_accounts, ..Writes::default() };
        assert_eq!(commit_own(users, &writes).await, Ok(Commit::Done));
    }

    /// Everything that runs in the background: both streams, and anti-entropy in both directions.
    pub(super) async fn settle(&self) {
        self.clock.advance(10 * 60 * 1000);
        for (home, store) in self.homes.iter().zip(&self.stores) {
            let position = store.cursor("test").await.unwrap();
            let changes = store.changes(position, usize::MAX).unwrap();
            Replicator::new(home.clone()).handle(&changes).await;
            store.advance_cursor("test", store.newest_change().unwrap()).await.unwrap();
        }
        for (at, home) in self.homes.iter().enumerate() {
            let peer: Region = REGIONS[1 - at].parse().unwrap();
            for mut pass in [AntiEntropy::with_peer(home, &peer).unwrap(), AntiEntropy::within(home)] {
                while !pass.is_done() {
                    pass.step().await.unwrap();
                }
            }
        }
    }

    pub(super) async fn content(&self, at: usize) -> Result<Content, StoreError> {
        let own = &self.homes[at].own;
        let mut items = BTreeMap::new();
        for table in own.tables {
            for item in own.scan(table, None, 10_000).await?.whole()?.items {
                let attributes = match &item {
                    Item::Part(record) => record.to_item(),
                    // Two regions may have recorded the same confirmation.
                    Item::Row(_, row) if row.kind == "confirm" => Attributes::new(),
                    Item::Row(_, row) => row.to_item(),
                    Item::Versioned(item) => item.to_item(),
                };
                items.insert(format!("{}/{}", table.name, item.key()), serde_json::to_string(&attributes).unwrap());
            }
        }
        let page = own.users.scan_identifiers(None, 10_000).await?;
        assert!(page.unreadable.is_empty() && page.strays.is_empty());
        let ownerships = page.items.into_iter().map(|item| (item.index, item.to_item())).collect();
        Ok(Content { items, ownerships, pointers: own.users.linked_accounts(ids()[0]).await? })
    }
}
