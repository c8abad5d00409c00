//! Rows of two people who share a verified identifier.

use serde_json::json;
use umoja_accounts::conflicts::{State, look};
use umoja_crypto::legacy::HashKeys;
use umoja_migrate::Row;
use umoja_migrate::import::{Failed, Importer, Outcome, Reason, Rehearsal, Streak};
use umoja_schema::UserId;
use umoja_tests::deployment::Deployment;

use super::{BCRYPT_PASSWORD, bcrypt, credentials, found, importer, outcome, row, sha256, story, with_hash};

const PHONE: &str = "+254712123456";

/// A row with the family's verified number.
fn member(external_id: Option<&str>, email: &str) -> Row {
    let phone = (Some(PHONE.to_owned()), true);
    Row {
        external_id: external_id.map(str::to_owned),
        phone_number: phone.0,
        phone_number_verified: phone.1,
        ..row("", email)
    }
}

fn dry_run(importer: &Importer) -> Importer {
    let Importer { people, hashing, company, .. } = importer;
    let (people, hashing, company) = (people.clone(), hashing.clone(), company.clone());
    Importer {
        people,
        hashing,
        keys: HashKeys::default(),
        company,
        site: None,
        dry_run: true,
        is_strict: false,
        streak: Streak::default(),
    }
}

/// Imports two rows and runs all queues and anti-entropy to the end. The dry run of both says the same before.
async fn both(d: &Deployment, importer: &Importer, rows: [&Row; 2]) -> [Outcome; 2] {
    let dry = dry_run(importer);
    let rehearsal = Rehearsal::default();
    let mut outcomes = Vec::new();
    for row in rows {
        outcomes.push(rehearsal.row(&dry, row).await.unwrap().outcome);
    }
    for (row, dry) in rows.into_iter().zip(&outcomes) {
        assert_eq!(outcome(importer.row(row).await), *dry, "the dry run says the same");
    }
    d.world.drain().await;
    [outcomes[0], outcomes[1]]
}

async fn check_two(d: &Deployment, one: UserId, two: UserId) {
    for region in &d.world.regions {
        let conflict = look(&region.home.own, one, two).await.unwrap();
        assert_eq!(conflict.state, State::Open, "the journal has the conflict");
        assert!(!conflict.contradictions.is_empty());
    }
}

async fn with(d: &Deployment, at: usize, email: &str) -> UserId {
    d.call(at, "lookup", json!({ "email": email })).await.ok(200).id().parse().unwrap()
}

#[test]
fn one_address_under_two_ids_of_the_company_is_two_users() {
    for hash_first in [true, false] {
        story(60, async |d| {
            let shop = importer(&d, 0, &d.shop).await;
            let google = row("google-oauth2|2", "ADA@example.com");
            let auth0 = with_hash(row("auth0|1", "ada@example.com"), bcrypt());
            let rows = if hash_first { [&auth0, &google] } else { [&google, &auth0] };
            assert_eq!(both(&d, &shop, rows).await, [Outcome::Created, Outcome::InConflict]);
            let (one, two) = (found(&d, 0, &d.shop, "auth0|1").await, found(&d, 0, &d.shop, "google-oauth2|2").await);
            check_two(&d, one, two).await;
            for at in 0..2 {
                assert_eq!(found(&d, at, &d.shop, "auth0|1").await, one);
                assert_eq!(found(&d, at, &d.shop, "google-oauth2|2").await, two);
                assert_eq!(credentials(&d, at, one).await.legacy_hashes.len(), 1);
                assert_eq!(credentials(&d, at, two).await.legacy_hashes.len(), 0);
            }
            for row in rows {
                assert_eq!(outcome(shop.row(row).await), Outcome::AlreadyThere);
            }
        });
    }
}

#[test]
fn a_family_with_one_number_keeps_its_passwords_apart() {
    // With ids of one company, and with none.
    for ids in [[Some("1"), Some("2")], [None, None], [Some("1"), None]] {
        // The first has no password, or another one. The addresses are verified, or not.
        for (has_password, verified) in [(false, true), (true, true), (false, false), (true, false)] {
            story(61, async |d| {
                let mut ada = member(ids[0], "ada@example.com");
                let mut bola = with_hash(member(ids[1], "bola@example.com"), bcrypt());
                (ada.email_verified, bola.email_verified) = (verified, verified);
                if has_password {
                    ada = with_hash(ada, sha256("correct horse 9"));
                }
                let shop = importer(&d, 0, &d.shop).await;
                assert_eq!(both(&d, &shop, [&ada, &bola]).await, [Outcome::Created, Outcome::InConflict]);
                check_two(&d, with(&d, 0, "ada@example.com").await, with(&d, 0, "bola@example.com").await).await;
                for at in 0..2 {
                    assert!(d.accepts(at, "bola@example.com", BCRYPT_PASSWORD).await);
                    assert!(!d.accepts(at, "ada@example.com", BCRYPT_PASSWORD).await);
                    assert_eq!(d.accepts(at, "ada@example.com", "correct horse 9").await, has_password);
                    d.world.settle().await;
                }
            });
        }
    }
}

#[test]
fn the_users_of_two_companies_with_one_number_stay_two() {
    story(62, async |d| {
        let ada = member(Some("s1"), "ada@example.com");
        assert_eq!(outcome(importer(&d, 0, &d.shop).await.row(&ada).await), Outcome::Created);
        d.world.drain().await;
        let bola = with_hash(member(Some("f1"), "bola@example.com"), bcrypt());
        assert_eq!(outcome(importer(&d, 1, &d.food).await.row(&bola).await), Outcome::InConflict);
        d.world.drain().await;
        check_two(&d, found(&d, 0, &d.shop, "s1").await, found(&d, 0, &d.food, "f1").await).await;
        assert!(d.accepts(0, "bola@example.com", BCRYPT_PASSWORD).await);
        assert!(!d.accepts(0, "ada@example.com", BCRYPT_PASSWORD).await);
    });
}

#[test]
fn a_family_with_one_number_and_two_user_names_stays_two() {
    story(65, async |d| {
        let named = |name: &str| Row { email: None, username: Some(name.into()), ..member(None, "") };
        let shop = importer(&d, 0, &d.shop).await;
        let son = with_hash(named("son"), bcrypt());
        assert_eq!(both(&d, &shop, [&named("mum"), &son]).await, [Outcome::Created, Outcome::InConflict]);
        d.world.drain().await;
        for at in 0..2 {
            let login = |name: &str| json!({ "username": name, "password": BCRYPT_PASSWORD });
            let authenticated =
                async |name| d.call(at, "authenticate", login(name)).await.ok(200).body["authenticated"].clone();
            assert_eq!((authenticated("mum").await, authenticated("son").await), (json!(false), json!(true)));
        }
    });
}

#[test]
fn a_later_record_of_an_id_adds_no_password_to_another_address() {
    story(63, async |d| {
        let shop = importer(&d, 0, &d.shop).await;
        let rows = [row("1", "ada@example.com"), with_hash(row("1", "bola@example.com"), bcrypt())];
        let dry = dry_run(&shop);
        let rehearsal = Rehearsal::default();
        assert_eq!(outcome(rehearsal.row(&dry, &rows[0]).await), Outcome::Created);
        let rejected = Err(Failed::Rejected(Reason::OtherAddress));
        assert_eq!(rehearsal.row(&dry, &rows[1]).await, rejected);
        assert_eq!(outcome(shop.row(&rows[0]).await), Outcome::Created);
        for importer in [&dry, &shop] {
            assert_eq!(importer.row(&rows[1]).await, rejected);
        }
        assert!(!d.accepts(0, "ada@example.com", BCRYPT_PASSWORD).await);
        // A file with hashes only, or with the same address, completes the user.
        let hash_only = Row { email: None, ..with_hash(row("1", ""), bcrypt()) };
        assert_eq!(outcome(shop.row(&hash_only).await), Outcome::AlreadyThere);
        assert!(d.accepts(0, "ada@example.com", BCRYPT_PASSWORD).await);
        // The person of the other record is in no account, so the record is not counted as there.
        assert_eq!(shop.row(&rows[1]).await, rejected);
    });
}

#[test]
fn a_merged_account_with_another_address_gets_no_password() {
    story(64, async |d| {
        let primary = d.call(0, "register", json!({ "email": "ada@example.com", "email_verified": true })).await.id();
        let linked = with_hash(row("s8", "ada@example.org"), bcrypt());
        importer(&d, 0, &d.shop).await.row(&linked).await.unwrap();
        let linked = found(&d, 0, &d.shop, "s8").await;
        d.call(0, "merge", json!({ "survivor": primary, "duplicate": linked })).await.ok(200);
        let theirs = with_hash(row("f9", "ada@example.com"), sha256("old secret"));
        assert_eq!(outcome(importer(&d, 0, &d.food).await.row(&theirs).await), Outcome::Matched);
        assert_eq!(credentials(&d, 0, linked).await.legacy_hashes.len(), 1);
        d.call(0, "unmerge", json!({ "id": linked })).await.ok(200);
        assert!(!d.accepts(0, "ada@example.org", "old secret").await);
    });
}
