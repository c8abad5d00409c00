//! Identifiers that other companies rely on, and claims that keep others out.

use serde_json::json;
use umoja_accounts::incoming::Applied;
use umoja_migrate::Row;
use umoja_schema::ingest::Allowed;

use super::{ADA, accepts, ada, feeder, finish, seen, shop, state, story};
use crate::import::row;

const MALLORY: &str = "mallory@example.com";

fn moved(at: u64, is_verified: bool) -> umoja_accounts::incoming::IncomingChange {
    state(at, Row { email: Some(MALLORY.to_owned()), email_verified: is_verified, ..ada() })
}

#[test]
fn an_address_that_another_company_has_stated_stays() {
    story(990, async |d| {
        let body = json!({ "email": ADA, "email_verified": true, "password": "correct horse" });
        d.call_as(&d.food, 0, "register", body).await.ok(201);
        let shop = shop(&d).await;
        assert!(matches!(shop.apply(&state(10, ada())).await.unwrap(), Applied::Matched(_)));
        for (at, is_verified) in [(20, false), (30, true)] {
            shop.apply(&moved(at, is_verified)).await.unwrap();
            assert!(accepts(&d, &d.food, "correct horse").await);
            assert!(seen(&d, &d.food, json!({ "email": MALLORY })).await.is_null());
        }
        finish(&d).await;
    });
}

#[test]
fn a_verified_address_gives_way_to_no_unverified_one_while_others_rely_on_it() {
    story(991, async |d| {
        let shop = shop(&d).await;
        let id = super::make_ada(&d, &shop).await;
        assert!(accepts(&d, &d.food, "correct horse").await);
        shop.apply(&moved(20, false)).await.unwrap();
        assert!(accepts(&d, &d.food, "correct horse").await);
        shop.apply(&moved(30, true)).await.unwrap();
        assert_eq!(seen(&d, &d.food, json!({ "email": MALLORY })).await["id"], json!(id));
        finish(&d).await;
    });
}

#[test]
fn many_claims_of_an_address_keep_no_user_out() {
    story(992, async |d| {
        let blog = feeder(&d, &d.blog, Allowed::default()).await;
        for n in 0..9 {
            blog.apply(&state(10, Row { email_verified: false, ..row(&format!("r{n}"), ADA) })).await.unwrap();
        }
        let shop = shop(&d).await;
        let made = shop.apply(&state(10, Row { username: Some("ada".into()), ..ada() })).await.unwrap();
        assert!(matches!(made, Applied::Created(_)), "{made:?}");
        assert_eq!(seen(&d, &d.shop, json!({ "external_id": "s7" })).await["username"], "ada");
        finish(&d).await;
    });
}

#[test]
fn a_subject_is_one_user_in_every_spelling() {
    story(993, async |d| {
        let shop = shop(&d).await;
        let change = |at, subject: &str, what| super::change(subject, at, what);
        shop.apply(&change(20, "s7 ", umoja_accounts::incoming::Change::Deleted)).await.unwrap();
        assert_eq!(shop.apply(&state(10, ada())).await.unwrap(), Applied::Absent);
    });
}
