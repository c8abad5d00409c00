//! A password that has changed at the provider.

use umoja_accounts::incoming::{Applied, Change};
use umoja_migrate::import::Outcome;
use umoja_store::ports::Clock as _;

use super::{ADA, accepts, ada, apply, finish, make_ada, set_password, shop, story, trail};
use crate::import::{BCRYPT_PASSWORD, bcrypt, credentials, found, importer, outcome, row, with_hash};

#[test]
fn the_passwords_of_the_company_end_and_those_of_another_stay() {
    story(980, async |d| {
        let shop = shop(&d).await;
        assert_eq!(outcome(shop.importer.row(&with_hash(ada(), bcrypt())).await), Outcome::Created);
        let id = found(&d, 0, &d.shop, "s7").await;
        let food = importer(&d, 0, &d.food).await;
        food.row(&with_hash(row("f1", ADA), bcrypt())).await.unwrap();
        let of = async || {
            let hashes = credentials(&d, 0, id).await.legacy_hashes;
            hashes.into_iter().map(|legacy| legacy.company.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of().await, ["shop", "food"]);
        let later = d.world.clock.now().0 + 5000;
        assert_eq!(apply(&shop, later, Change::PasswordChanged).await, Applied::Changed(id));
        assert_eq!(of().await, ["food"]);
        assert_eq!(apply(&shop, later, Change::PasswordChanged).await, Applied::Unchanged(id));
        assert!(accepts(&d, &d.shop, BCRYPT_PASSWORD).await);
        assert_eq!(trail(&d, id).await.0.last().map(String::as_str), Some("password_dropped"));
        finish(&d).await;
    });
}

#[test]
fn a_secret_of_the_company_ends_if_it_is_older_than_the_change() {
    story(981, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        let before = d.world.clock.now().0 - 5000;
        assert_eq!(apply(&shop, before, Change::PasswordChanged).await, Applied::Unchanged(id));
        assert!(accepts(&d, &d.shop, "correct horse").await);
        let later = d.world.clock.now().0 + 5000;
        assert_eq!(apply(&shop, later, Change::PasswordChanged).await, Applied::Changed(id));
        assert!(!accepts(&d, &d.shop, "correct horse").await);
    });
}

#[test]
fn a_secret_that_another_company_set_stays() {
    story(982, async |d| {
        let shop = shop(&d).await;
        let id = make_ada(&d, &shop).await;
        set_password(&d, &d.food, "battery staple").await;
        let later = d.world.clock.now().0 + 5000;
        assert_eq!(apply(&shop, later, Change::PasswordChanged).await, Applied::Unchanged(id));
        assert!(accepts(&d, &d.shop, "battery staple").await);
    });
}
