//! An attacker writes into one region's database, without any key: bytes changed, rows moved, swapped, deleted and
//! replayed. Each change is found, never spreads, and is repaired from the peer.
//!
//! `UMOJA_TAMPER=every` changes every byte once; otherwise a sample that depends on the seed is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use umoja_local::{Options, RegionStore};
use umoja_reconciler::AntiEntropy;
use umoja_replicator::Replicator;
use umoja_schema::{
    AccountStatus, Attributes, BlindIndex, Company, Credentials, Facts, Hlc, IdentifierKind, Identity, Item, Link, Log,
    LogRow, Millis, Ownership, Part, PartRecord, ProfileFacts, Region, Scope, UserId, Version,
};
use umoja_store::Home;
use umoja_store::apply::{apply_replicated, commit_own, plan_ownerships};
use umoja_store::audit::Retention;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Commit, Condition, Entropy, PartWrite, StoreError, Writes};
use umoja_store::seal::Sealer;
use umoja_store::secrets::{SETTING, SecretsDocument};
use umoja_tests::world::{SeededEntropy, WorldClock, run};

const REGIONS: [&str; 2] = ["af-south-1", "eu-west-1"];
const NOW: Millis = Millis(1_800_000_000_000);

/// Two regions in directories. The first one is tampered with.
struct Regions {
    clock: Arc<WorldClock>,
    homes: [Home; 2],
    stores: [RegionStore; 2],
    database: PathBuf,
    sealer: Sealer,
    _dir: tempfile::TempDir,
}

/// What a region holds: items as text by their keys, ownerships, pointers, and the company.
#[derive(Debug, PartialEq)]
struct Content {
    items: BTreeMap<String, String>,
    ownerships: BTreeMap<BlindIndex, Attributes>,
    pointers: Vec<UserId>,
}

fn ids() -> [UserId; 4] {
    [1, 2, 3, 4].map(|n| UserId::v8([n; 16]))
}

fn company(id: &str) -> Company {
    let (scopes, api_keys, keys) = (Scope::ALL.to_vec(), Vec::new(), Vec::new());
    Company {
        id: id.parse().unwrap(),
        revision: 0,
        name: id.to_owned(),
        enabled: true,
        trusted: true,
        scopes,
        phone_country: None,
        username_restriction: None,
        rate_limit: None,
        api_keys,
        keys,
        unknown: serde_json::Map::new(),
    }
}

fn version(ms: u64, erased: bool) -> Version {
    Version { erased, hlc: Hlc::at(NOW.plus(ms)), origin: REGIONS[0].parse().unwrap() }
}

impl Regions {
    async fn new() -> Self {
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
    async fn fill(&self) {
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

    async fn put(&self, record: PartRecord) {
        let users = &*self.homes[0].own.users;
        let ownerships = plan_ownerships(users, record.id, &BTreeMap::new(), record.ownerships()).await.unwrap();
        let linked_accounts = umoja_store::apply::plan_linked_accounts(None, &record);
        let parts = vec![PartWrite { record, condition: Condition::Absent }];
        let writes = Writes { parts, ownerships, linked_accounts, ..Writes::default() };
        assert_eq!(commit_own(users, &writes).await, Ok(Commit::Done));
    }

    /// Everything that runs in the background: both streams, and anti-entropy in both directions.
    async fn settle(&self) {
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

    async fn content(&self, at: usize) -> Result<Content, StoreError> {
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

/// A row of a table of the database.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    table: &'static str,
    columns: Vec<(String, Cell)>,
}

/// The tables that hold what a region could lose, and the columns of each that a writer may change.
const TABLES: [&str; 5] = ["users", "logs", "identifiers", "linked_accounts", "companies"];

fn rows(database: &Path) -> Vec<Row> {
    let connection = Connection::open(database).unwrap();
    let mut all = Vec::new();
    for table in TABLES {
        let mut select = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let names: Vec<String> = select.column_names().into_iter().map(str::to_owned).collect();
        let read =
            select.query_map([], |row| (0..names.len()).map(|n| row.get::<_, Cell>(n)).collect::<Result<Vec<_>, _>>());
        for cells in read.unwrap() {
            all.push(Row { table, columns: names.iter().cloned().zip(cells.unwrap()).collect() });
        }
    }
    all
}

fn delete(connection: &Connection, row: &Row) {
    let conditions: Vec<_> = row.columns.iter().zip(1..).map(|((name, _), n)| format!("{name} IS ?{n}")).collect();
    let sql = format!("DELETE FROM {} WHERE {}", row.table, conditions.join(" AND "));
    let cells = row.columns.iter().map(|(_, cell)| cell);
    assert_eq!(connection.execute(&sql, rusqlite::params_from_iter(cells)).unwrap(), 1, "{row:?}");
}

/// False if a row with the key is there already.
fn insert(connection: &Connection, row: &Row) -> bool {
    let names: Vec<_> = row.columns.iter().map(|(name, _)| name.as_str()).collect();
    let places: Vec<_> = (1..=names.len()).map(|n| format!("?{n}")).collect();
    let sql = format!("INSERT OR IGNORE INTO {} ({}) VALUES ({})", row.table, names.join(", "), places.join(", "));
    connection.execute(&sql, rusqlite::params_from_iter(row.columns.iter().map(|(_, cell)| cell))).unwrap() == 1
}

/// The row with one bit of one byte of one column changed; `None` if the result is no text where text was.
fn flipped(row: &Row, column: usize, byte: usize) -> Option<Row> {
    let mut changed = row.clone();
    match &mut changed.columns[column].1 {
        Cell::Blob(bytes) => bytes[byte] ^= 1,
        Cell::Text(text) => {
            let mut bytes = std::mem::take(text).into_bytes();
            bytes[byte] ^= 1;
            *text = String::from_utf8(bytes).ok()?;
        }
        _ => return None,
    }
    Some(changed)
}

fn length(cell: &Cell) -> usize {
    match cell {
        Cell::Blob(bytes) => bytes.len(),
        Cell::Text(text) => text.len(),
        _ => 0,
    }
}

/// Every byte of every row, or a sample of them.
fn chosen(rows: &[Row]) -> Vec<(usize, usize, usize)> {
    let all: Vec<(usize, usize, usize)> = rows
        .iter()
        .enumerate()
        .flat_map(|(at, row)| {
            let columns = row.columns.iter().enumerate();
            columns.flat_map(move |(column, (_, cell))| (0..length(cell)).map(move |byte| (at, column, byte)))
        })
        .collect();
    if std::env::var("UMOJA_TAMPER").is_ok_and(|which| which == "every") {
        return all;
    }
    let entropy: &dyn Entropy = &SeededEntropy::new(7);
    let chosen = |_| all[usize::try_from(u64::from_be_bytes(entropy.array()) % all.len() as u64).unwrap()];
    (0..60).map(chosen).collect()
}

/// Checks that a change of the first region's database was found, harmed no other region, and is repaired.
async fn is_repaired(regions: &Regions, before: &[Content; 2], what: &str) {
    regions.settle().await;
    regions.settle().await;
    for (at, failed) in [(1, "it spread"), (0, "it was not repaired")] {
        let now = regions.content(at).await.unwrap_or_else(|error| panic!("{failed}: {what}: {error}"));
        let differing: Vec<_> =
            before[at].items.iter().filter(|(key, item)| now.items.get(*key) != Some(*item)).collect();
        assert!(differing.is_empty(), "{failed}: {what}: {differing:?}");
        // A tombstone that a region takes again is confirmed again.
        let known = |key: &&String| before[at].items.contains_key(*key) || key.contains("/confirm#");
        let more: Vec<_> = now.items.keys().filter(|key| !known(key)).collect();
        assert!(more.is_empty(), "{failed}: {what}: {more:?}");
        assert_eq!(now.ownerships, before[at].ownerships, "{failed}: {what}");
        assert_eq!(now.pointers, before[at].pointers, "{failed}: {what}");
    }
}

async fn companies_are_repaired(regions: &Regions, what: &str) {
    let [first, second] = &regions.homes;
    let genuine = second.registry.companies().await.unwrap();
    // What does not verify is not accepted.
    for company in first.registry.companies().await.unwrap() {
        assert!(genuine.contains(&company), "{what}");
    }
    for company in &genuine {
        let found = first.registry.company(&company.id).await;
        assert!(
            matches!(&found, Ok(None) | Err(StoreError::Unreadable(_))) || found == Ok(Some(company.clone())),
            "{what}"
        );
        first.registry.put_company(company).await.unwrap();
    }
}

/// Changes a column of a row of the first region, and checks that it is repaired.
async fn is_repaired_after(
    regions: &Regions,
    before: &[Content; 2],
    all: &[Row],
    change: (&Row, usize, Row),
    what: &str,
) {
    let (genuine, column, changed) = change;
    // Rows that were repaired have the same content and maybe another number.
    let current = rows(&regions.database);
    let Some(current) = current.iter().find(|row| is_same(row, genuine)) else { panic!("no row for {what}") };
    let connection = Connection::open(&regions.database).unwrap();
    let changed = renumbered(changed, current);
    delete(&connection, current);
    assert!(insert(&connection, &changed), "{what}");
    drop(connection);
    if genuine.table == "companies" {
        companies_are_repaired(regions, what).await;
        drop_others(&regions.database, all);
        return;
    }
    // An item under a key that no peer has is reported and stays.
    let is_key = !["item", "version"].contains(&&*genuine.columns[column].0);
    if is_key {
        regions.settle().await;
        drop_others(&regions.database, all);
    }
    is_repaired(regions, before, what).await;
    drop_others(&regions.database, all);
}

/// The rows that are made again exactly as they were. Confirmations are made again with another time.
fn lasting(all: &[Row]) -> Vec<Row> {
    let is_confirmation = |row: &&Row| {
        row.columns.iter().any(|(_, cell)| matches!(cell, Cell::Text(text) if text.starts_with("confirm#")))
    };
    all.iter().filter(|row| !is_confirmation(row)).cloned().collect()
}

/// Failure: an attacker writes into a region's tables
#[test]
fn a_changed_byte_is_found_repaired_and_never_spreads() {
    run(async {
        let regions = Regions::new().await;
        let before = [regions.content(0).await.unwrap(), regions.content(1).await.unwrap()];
        assert_eq!(before[0], before[1]);
        let all = rows(&regions.database);
        let lasting = lasting(&all);
        for (at, column, byte) in chosen(&lasting) {
            let genuine = &lasting[at];
            let Some(changed) = flipped(genuine, column, byte) else { continue };
            let what = format!("{} {} byte {byte}", genuine.table, genuine.columns[column].0);
            is_repaired_after(&regions, &before, &all, (genuine, column, changed), &what).await;
        }
    });
}

/// Every column of every row once as a value of another type, with `UMOJA_TAMPER=every` as each.
///
/// Failure: an attacker writes into a region's tables
#[test]
fn a_value_of_another_type_is_found_repaired_and_never_spreads() {
    run(async {
        let regions = Regions::new().await;
        let before = [regions.content(0).await.unwrap(), regions.content(1).await.unwrap()];
        let all = rows(&regions.database);
        let every = std::env::var("UMOJA_TAMPER").is_ok_and(|which| which == "every");
        let mut turn = 0;
        for genuine in &lasting(&all) {
            for column in (0..genuine.columns.len()).filter(|column| genuine.columns[*column].0 != "number") {
                let is_text = matches!(genuine.columns[column].1, Cell::Text(_));
                // A number in a column of text becomes a text.
                let others = if is_text {
                    vec![Cell::Blob(vec![0xff]), Cell::Blob(Vec::new())]
                } else {
                    vec![Cell::Text("x".into()), Cell::Integer(7), Cell::Real(1.5)]
                };
                turn += 1;
                let chosen = others.iter().enumerate().filter(|(n, _)| every || *n == turn % others.len());
                for (_, value) in chosen {
                    let mut changed = genuine.clone();
                    changed.columns[column].1 = value.clone();
                    let what = format!("{} {} {value:?}", genuine.table, genuine.columns[column].0);
                    is_repaired_after(&regions, &before, &all, (genuine, column, changed), &what).await;
                }
            }
        }
    });
}

/// Whether two rows are equal but for their number.
fn is_same(one: &Row, other: &Row) -> bool {
    let rest = |row: &Row| row.columns.iter().filter(|(name, _)| name != "number").cloned().collect::<Vec<_>>();
    one.table == other.table && rest(one) == rest(other)
}

fn renumbered(mut row: Row, like: &Row) -> Row {
    for (column, other) in row.columns.iter_mut().zip(&like.columns) {
        if column.0 == "number" {
            column.1 = other.1.clone();
        }
    }
    row
}

/// Removes rows under keys that no item has: they are never read, and stay until an operator removes them.
fn drop_others(database: &Path, genuine: &[Row]) {
    let connection = Connection::open(database).unwrap();
    for row in rows(database) {
        if !genuine.iter().any(|known| is_same(known, &row)) {
            delete(&connection, &row);
        }
    }
}

/// Failure: an attacker writes into a region's tables
#[test]
fn deleted_moved_and_replayed_rows_are_repaired() {
    run(async {
        let regions = Regions::new().await;
        let old = rows(&regions.database);
        // Ada's profile gets a newer version, whose predecessor is replayed later.
        let ada = ids()[0];
        let stored = regions.homes[0].own.users.part(ada, Part::Profile).await.unwrap().unwrap();
        let Facts::Profile(facts) = stored.live().unwrap().facts.clone() else { panic!("a profile") };
        let identity = Identity { email: Some("new@example.com".into()), ..Identity::default() };
        let newer =
            regions.sealer.seal(ada, version(9, false), Facts::Profile(facts), &identity, Attributes::new()).await;
        apply_replicated(&*regions.homes[0].own.users, &newer.unwrap(), &REGIONS[0].parse().unwrap()).await.unwrap();
        regions.settle().await;
        let before = [regions.content(0).await.unwrap(), regions.content(1).await.unwrap()];
        let genuine = rows(&regions.database);
        let replayed =
            old.iter().find(|row| row.table == "users" && !genuine.iter().any(|now| is_same(now, row))).unwrap();
        let column = |row: &Row, name: &str| row.columns.iter().position(|(column, _)| column == name).unwrap();
        let users: Vec<&Row> = genuine.iter().filter(|row| row.table == "users").collect();
        // Deleted rows.
        for row in &genuine {
            let connection = Connection::open(&regions.database).unwrap();
            let current = rows(&regions.database).into_iter().find(|now| is_same(now, row)).unwrap();
            delete(&connection, &current);
            drop(connection);
            if row.table == "companies" {
                companies_are_repaired(&regions, "a deleted company").await;
            }
            is_repaired(&regions, &before, &format!("a deleted row of {}", row.table)).await;
        }
        // Items under each other's keys, and an older item.
        let item = column(users[0], "item");
        for (position, row) in users.iter().enumerate() {
            let other = users[(position + 1) % users.len()];
            let mut swapped = (*row).clone();
            swapped.columns[item] = other.columns[item].clone();
            overwrite(&regions.database, row, &swapped);
            is_repaired(&regions, &before, "a swapped item").await;
        }
        let now = genuine.iter().find(|row| {
            row.table == "users"
                && ["id", "part"]
                    .iter()
                    .all(|key| row.columns[column(row, key)] == replayed.columns[column(replayed, key)])
        });
        overwrite(&regions.database, now.unwrap(), replayed);
        is_repaired(&regions, &before, "a replayed item").await;
    });
}

fn overwrite(database: &Path, genuine: &Row, by: &Row) {
    let connection = Connection::open(database).unwrap();
    let current = rows(database).into_iter().find(|now| is_same(now, genuine)).unwrap();
    delete(&connection, &current);
    assert!(insert(&connection, &renumbered(by.clone(), &current)));
}

/// Failure: an attacker writes into a region's tables
#[test]
fn an_unsealed_tombstone_and_a_raised_version_erase_no_user() {
    run(async {
        let regions = Regions::new().await;
        let before = [regions.content(0).await.unwrap(), regions.content(1).await.unwrap()];
        let ada = ids()[0];
        let forged = [
            PartRecord::tombstone(ada, Part::Profile, version(1_000, true)),
            PartRecord {
                version: version(2_000, false),
                ..umoja_store::ports::Users::part(&regions.stores[0], ada, Part::Profile).await.unwrap().unwrap()
            },
        ];
        for record in forged {
            let stored =
                umoja_store::ports::Users::part(&regions.stores[0], ada, Part::Profile).await.unwrap().unwrap();
            let parts = vec![PartWrite { record, condition: Condition::VersionIs(stored.version) }];
            // The write reaches the region's own stream, as a write of its owner does.
            let writes = Writes { parts, ..Writes::default() };
            assert_eq!(umoja_store::ports::Users::commit(&regions.stores[0], &writes).await, Ok(Commit::Done));
            is_repaired(&regions, &before, "a forged part").await;
        }
    });
}

#[test]
fn a_stranger_in_the_table_of_companies_is_not_accepted() {
    run(async {
        let regions = Regions::new().await;
        let stranger = company("stranger");
        regions.stores[0].documents().put_company(&stranger).await.unwrap();
        let registry = &regions.homes[0].registry;
        assert!(matches!(registry.company(&stranger.id).await, Err(StoreError::Unreadable(_))));
        assert_eq!(registry.companies().await.unwrap().len(), 1);
        let rows = registry.company_rows().await.unwrap();
        let unverified: Vec<_> = rows.iter().filter(|row| row.company.is_none()).map(|row| &row.key).collect();
        assert_eq!(unverified, [stranger.id.as_str()]);
    });
}

#[test]
fn settings_that_something_else_changed_are_not_used() {
    run(async {
        let regions = Regions::new().await;
        let (documents, registry) = (regions.stores[0].documents(), &regions.homes[0].registry);
        let mut retention = documents.setting("audit").await.unwrap().unwrap();
        retention["keep_days"] = 1.into();
        documents.put_setting("audit", &retention).await.unwrap();
        assert!(matches!(registry.setting("audit").await, Err(StoreError::Unreadable(_))));
        // The secrets have a MAC of their own.
        let mut secrets = documents.setting(SETTING).await.unwrap().unwrap();
        secrets["pepper_in_use"] = 7.into();
        documents.put_setting(SETTING, &secrets).await.unwrap();
        let changed = SecretsDocument::stored(&**registry).await.unwrap().unwrap();
        assert!(changed.verify(regions.sealer.ring()).await.is_err());
        let shared = umoja_store::shared_secrets::SharedSecrets::new(
            &regions.homes,
            KeyRing::new(&regions.homes[0], PEER_WRAP_BUDGET_MS),
        );
        let (newest, behind) = shared.newest().await.unwrap();
        assert!(behind, "the changed copy is replaced by the peer's");
        assert_eq!(newest.pepper_in_use, None);
        assert_eq!(documents.setting(SETTING).await.unwrap().unwrap(), serde_json::to_value(newest).unwrap());
    });
}
