//! Users of an export, restored in another deployment.

use std::sync::Arc;

use serde_json::json;
use umoja_migrate::Row;
use umoja_migrate::export::{Exported, Exporter, Record};
use umoja_migrate::import::{Failed, Outcome, Reason, Restorer};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::killed_after;

use super::recorded::recorded;
use super::{BCRYPT_PASSWORD, bcrypt, everything, found, importer, outcome, row, story, with_hash};

/// Two people, one of them with two merged users, and one who owns the address of another.
async fn exported(d: &Deployment) -> Vec<Record> {
    let ada = d.register(0, "ada@example.com", "correct horse").await.ok(201).id();
    let twin = d.call(0, "register", json!({ "username": "countess" })).await.ok(201).id();
    d.call(0, "merge", json!({ "survivor": ada, "duplicate": twin })).await.ok(200);
    importer(d, 0, &d.shop).await.row(&with_hash(row("7", "bob@example.com"), bcrypt())).await.unwrap();
    d.world.clock.advance(1000);
    let second = Row { email_verified: false, ..row("b9", "bob@example.com") };
    assert_eq!(outcome(importer(d, 0, &d.blog).await.row(&second).await), Outcome::InConflict);
    let region = &d.world.regions[0];
    let exporter = Exporter { home: region.home.clone(), sealer: Arc::clone(&region.sealer), company: None };
    let (page, next) = exporter.page(None).await.unwrap();
    assert_eq!((page.len(), next), (4, None));
    let mut records = Vec::new();
    for user in page {
        let Exported::User(record) = user else { panic!("it opens") };
        // As in the file.
        let record: Record = serde_json::from_slice(&serde_json::to_vec(&record).unwrap()).unwrap();
        records.push(record);
    }
    // The order of the file must not decide a conflict.
    records.reverse();
    records
}

fn restorer(d: &Deployment) -> Restorer {
    Restorer { people: d.world.regions[0].people(), dry_run: false }
}

#[test]
fn a_killed_restore_completes_when_repeated() {
    let (mut records, mut bob) = (Vec::new(), None);
    story(60, async |d| {
        records = exported(&d).await;
        bob = Some(found(&d, 0, &d.shop, "7").await);
    });
    let mut ended = false;
    for polls in 1..200 {
        if ended {
            return;
        }
        story(61, async |d| {
            d.world.clock.advance(10_000);
            let restorer = restorer(&d);
            d.world.set_pausing(true);
            ended = true;
            for record in &records {
                ended &= killed_after(polls, restorer.row(record)).await.is_some();
            }
            d.world.set_pausing(false);
            for record in &records {
                restorer.row(record).await.unwrap();
                assert_eq!(outcome(restorer.row(record).await), Outcome::AlreadyThere);
            }
            d.world.settle().await;
            d.world.check_invariants().await;
            assert_eq!(everything(&d, 1).await.len(), 8);
            for record in &records {
                assert_eq!(recorded(&d, 1, record.id).await, ["imported"]);
            }
            assert!(d.accepts(1, "ada@example.com", "correct horse").await);
            assert!(d.accepts(1, "bob@example.com", BCRYPT_PASSWORD).await);
            // The first owner keeps it.
            let id = d.call(1, "lookup", json!({ "email": "bob@example.com" })).await.ok(200).id();
            assert_eq!(Some(id.parse().unwrap()), bob);
            let ada = d.call(1, "lookup", json!({ "username": "countess" })).await.ok(200).body["user"].clone();
            assert_eq!(ada["email"], json!("ada@example.com"));
        });
    }
    panic!("a record never completes");
}

#[test]
fn a_restore_does_not_bring_back_erased_users() {
    let mut records = Vec::new();
    story(62, async |d| records = exported(&d).await);
    story(63, async |d| {
        d.world.clock.advance(10_000);
        let restorer = restorer(&d);
        let bob = records.iter().find(|record| !record.credentials.legacy_hashes.is_empty()).unwrap();
        restorer.row(bob).await.unwrap();
        d.call(0, "erase", json!({ "id": bob.id })).await.ok(202);
        assert_eq!(restorer.row(bob).await, Err(Failed::Rejected(Reason::Erased)));
        let mut ada = records.iter().find(|record| record.credentials.secret.is_some()).unwrap().clone();
        ada.credentials.secret = ada.credentials.secret.map(|secret| secret.replace(",p=1$", ",p=1,keyid=MQ$"));
        let done = restorer.row(&ada).await.unwrap();
        assert!(done.peppered && done.hash.is_none());
        assert!(!d.accepts(0, "ada@example.com", "correct horse").await);
        assert_eq!(super::credentials(&d, 0, ada.id).await.secret, None);
    });
}
