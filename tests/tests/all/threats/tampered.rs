//! An attacker writes into one region's database, without any key: bytes changed, rows moved, swapped, deleted and
//! replayed. Each change is found, never spreads, and is repaired from the peer.
//!
//! `UMOJA_TAMPER=every` changes every byte once; otherwise a sample that depends on the seed is changed.

mod regions;
mod rows;

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use umoja_schema::{Attributes, Facts, Identity, Part, PartRecord};
use umoja_store::apply::apply_replicated;
use umoja_store::keyring::{KeyRing, PEER_WRAP_BUDGET_MS};
use umoja_store::ports::{Commit, Condition, PartWrite, StoreError, Writes};
use umoja_store::secrets::{SETTING, SecretsDocument};
use umoja_tests::world::run;

use self::regions::{Content, REGIONS, Regions, company, ids, version};
use self::rows::{Row, chosen, delete, drop_others, flipped, insert, is_same, lasting, overwrite, renumbered, rows};

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
