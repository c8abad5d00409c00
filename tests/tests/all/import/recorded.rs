//! The audit trail of imported users.

use umoja_migrate::Row;
use umoja_migrate::import::{Importer, Outcome};
use umoja_schema::audit::field;
use umoja_schema::{Log, LogRow, UserId};
use umoja_tests::deployment::Deployment;

use super::{bcrypt, found, importer, outcome, row, story, with_hash};

async fn rows(d: &Deployment, at: usize, id: UserId) -> Vec<LogRow> {
    d.world.regions[at].tables.logs.rows(Log::Audit, id).await.unwrap()
}

/// The events of a user in a region.
pub(super) async fn recorded(d: &Deployment, at: usize, id: UserId) -> Vec<String> {
    rows(d, at, id).await.into_iter().map(|row| row.kind).collect()
}

#[test]
fn every_imported_user_has_an_audit_row_in_every_region() {
    story(70, async |d| {
        let new_user = row("7", "ada@example.com");
        let (shop, food) = (importer(&d, 0, &d.shop).await, importer(&d, 0, &d.food).await);
        assert_eq!(outcome(shop.row(&new_user).await), Outcome::Created);
        let id = found(&d, 0, &d.shop, "7").await;
        assert_eq!(recorded(&d, 0, id).await, ["imported"]);
        // An import without effect is not recorded.
        assert_eq!(outcome(shop.row(&new_user).await), Outcome::AlreadyThere);
        let linking = row("f1", "ada@example.com");
        let dry = Importer { dry_run: true, ..importer(&d, 0, &d.food).await };
        assert_eq!(outcome(dry.row(&linking).await), Outcome::Matched);
        assert_eq!(recorded(&d, 0, id).await, ["imported"]);

        assert_eq!(outcome(shop.row(&with_hash(new_user, bcrypt())).await), Outcome::AlreadyThere);
        assert_eq!(recorded(&d, 0, id).await, ["imported", "imported"], "the user had no password before");
        for again in [Outcome::Matched, Outcome::AlreadyThere] {
            assert_eq!(outcome(food.row(&linking).await), again);
        }
        d.world.settle().await;
        d.world.check_invariants().await;
        for at in 0..2 {
            let rows = rows(&d, at, id).await;
            let kinds: Vec<&str> = rows.iter().map(|row| &*row.kind).collect();
            assert_eq!(kinds, ["imported", "imported", "imported", "linked"]);
            assert_eq!(rows[3].field(field::LINKED), Some("food"));
            for row in rows {
                assert_eq!((row.field(field::BY), row.field(field::COMMAND)), (Some("operator"), Some("import")));
                assert_eq!(row.origin, *d.world.name(0));
            }
        }
    });
}

#[test]
fn a_hash_only_match_is_recorded_for_its_recipient() {
    story(71, async |d| {
        let shop = importer(&d, 0, &d.shop).await;
        let food = importer(&d, 0, &d.food).await;
        shop.row(&row("7", "ada@example.com")).await.unwrap();
        let second = row("f1", "ada@example.com");
        food.row(&second).await.unwrap();
        let id = found(&d, 0, &d.shop, "7").await;
        assert_eq!(recorded(&d, 0, id).await, ["imported", "imported", "linked"]);
        let hash_alone = Row { external_id: None, ..with_hash(second, bcrypt()) };
        assert_eq!(outcome(food.row(&hash_alone).await), Outcome::Matched);
        assert_eq!(super::credentials(&d, 0, id).await.legacy_hashes.len(), 1);
        assert_eq!(recorded(&d, 0, id).await, ["imported", "imported", "linked", "imported"]);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn an_import_continues_an_existing_audit_chain() {
    story(72, async |d| {
        let shop = importer(&d, 0, &d.shop).await;
        shop.row(&row("7", "ada@example.com")).await.unwrap();
        let id = found(&d, 0, &d.shop, "7").await;
        // The user's audit rows arrive before the user.
        let other = Deployment::new(72).await;
        for row in rows(&d, 0, id).await {
            assert!(other.world.regions[0].tables.logs.append(Log::Audit, &row).await.unwrap());
        }
        let again = importer(&other, 0, &other.shop).await;
        assert_eq!(outcome(again.row(&row("7", "ada@example.com")).await), Outcome::Created);
        assert_eq!(found(&other, 0, &other.shop, "7").await, id);
        assert_eq!(recorded(&other, 0, id).await, ["imported", "imported"]);
        other.world.settle().await;
        other.world.check_invariants().await;
    });
}
