//! Merging and unmerging: what callers see of a person with several users.

mod automatic;
mod erase;
mod erase_rounds;
mod login;
mod races;
mod regions;
mod unmerge;
mod unreadable;
mod write;

use serde_json::{Value, json};
use umoja_tests::caller::{Caller, Reply};
use umoja_tests::deployment::Deployment;

use super::story;

/// Two users of one person, the first registered first: Ada with an address and a given name, and Countess with a phone
/// number, a family name and another company.
async fn two(d: &Deployment) -> (String, String) {
    let ada = json!({
        "email": "ada@example.com", "email_verified": true, "external_id": "a1", "password": "correct horse",
        "profile": { "given_name": "Ada", "address": { "country": "KE" } },
    });
    let ada = d.call(0, "register", ada).await.id();
    d.world.clock.advance(1000);
    let countess = json!({
        "email": "countess@example.com", "phone_number": "+254712123456", "phone_number_verified": true,
        "username": "countess", "external_id": "c1", "password": "battery staple",
        "profile": { "given_name": "Augusta", "family_name": "King", "address": { "locality": "Nairobi" } },
    });
    let countess = d.call_as(&d.food, 0, "register", countess).await.id();
    d.world.clock.advance(1000);
    (ada, countess)
}

async fn merge(d: &Deployment, at: usize, survivor: &str, duplicate: &str) -> Reply {
    d.call(at, "merge", json!({ "survivor": survivor, "duplicate": duplicate })).await
}

async fn unmerge(d: &Deployment, at: usize, id: &str) -> Reply {
    d.call(at, "unmerge", json!({ "id": id })).await
}

async fn lookup(d: &Deployment, at: usize, by: Value) -> Reply {
    d.call(at, "lookup", by).await
}

/// A further user of the shop.
async fn person(d: &Deployment, at: usize, name: &str) -> String {
    let reply = d.call(at, "register", json!({ "username": name, "profile": { "nickname": name } })).await;
    d.world.clock.advance(1000);
    reply.ok(201).id()
}

/// The user without the members that a merge changes as a side effect.
fn without_versions(user: &Value) -> Value {
    let mut user = user.clone();
    for name in ["version", "updated_at"] {
        user.as_object_mut().unwrap().remove(name);
    }
    user
}

#[test]
fn every_identifier_of_either_user_finds_the_person() {
    story(700, async |d| {
        let (ada, countess) = two(&d).await;
        let reply = merge(&d, 0, &ada, &countess).await;
        let merged = reply.ok(200).body["user"].clone();
        assert_eq!(merged["id"], json!(ada));
        assert_eq!(merged["linked_accounts"], json!([countess]));
        d.world.settle().await;
        for at in 0..2 {
            for by in [
                json!({ "id": ada }),
                json!({ "id": countess }),
                json!({ "email": "ada@example.com" }),
                json!({ "email": "countess@example.com" }),
                json!({ "phone_number": "+254712123456" }),
                json!({ "username": "countess" }),
                json!({ "external_id": "a1" }),
            ] {
                assert_eq!(lookup(&d, at, by.clone()).await.ok(200).body["user"], merged, "{by}");
            }
            let reply = d.call_as(&d.food, at, "lookup", json!({ "external_id": "c1" })).await;
            assert_eq!(reply.ok(200).body["user"], merged);
        }
        d.world.check_invariants().await;
    });
}

#[test]
fn the_primary_accounts_blanks_are_filled_with_their_source() {
    story(701, async |d| {
        let (ada, countess) = two(&d).await;
        let user = merge(&d, 0, &ada, &countess).await.ok(200).body["user"].clone();
        assert_eq!((&user["email"], &user["email_verified"]), (&json!("ada@example.com"), &json!(true)));
        assert_eq!((&user["phone_number"], &user["phone_number_verified"]), (&json!("+254712123456"), &json!(true)));
        let profile = json!({ "given_name": "Ada", "family_name": "King", "address": { "country": "KE", "locality": "Nairobi" } });
        assert_eq!(user["profile"], profile);
        assert_eq!(user["accounts"]["shop"]["external_id"], "a1");
        assert_eq!(user["accounts"]["food"]["external_id"], "c1");
        let from = [
            "accounts.food",
            "external_id.food",
            "phone_number",
            "profile.address.locality",
            "profile.family_name",
            "username",
        ];
        let from: serde_json::Map<_, _> = from.iter().map(|name| ((*name).to_owned(), json!(countess))).collect();
        assert_eq!(user["filled_from"], Value::Object(from));
    });
}

#[test]
fn blanks_are_filled_from_the_oldest_linked_account() {
    story(702, async |d| {
        let primary = d.call(0, "register", json!({ "username": "primary" })).await.id();
        let (one, two) = (person(&d, 0, "one").await, person(&d, 0, "two").await);
        merge(&d, 0, &primary, &two).await.ok(200);
        let user = merge(&d, 0, &primary, &one).await.ok(200).body["user"].clone();
        assert_eq!(user["linked_accounts"], json!([one, two]));
        assert_eq!(
            (&user["profile"]["nickname"], &user["filled_from"]["profile.nickname"]),
            (&json!("one"), &json!(one))
        );
    });
}

#[test]
fn unmerging_restores_the_earlier_state_exactly() {
    story(703, async |d| {
        let (ada, countess) = two(&d).await;
        let before = [&ada, &countess].map(|id| json!({ "id": id }));
        let before = [lookup(&d, 0, before[0].clone()).await, lookup(&d, 0, before[1].clone()).await];
        merge(&d, 0, &ada, &countess).await.ok(200);
        d.world.settle().await;
        let reply = unmerge(&d, 1, &countess).await;
        assert_eq!(reply.ok(200).id(), countess);
        d.world.settle().await;
        for at in 0..2 {
            for (id, before) in [&ada, &countess].into_iter().zip(&before) {
                let after = lookup(&d, at, json!({ "id": id })).await;
                assert_eq!(without_versions(&after.body["user"]), without_versions(&before.body["user"]));
            }
            assert_eq!(lookup(&d, at, json!({ "username": "countess" })).await.id(), countess);
            assert!(d.accepts(at, "ada@example.com", "correct horse").await);
            assert!(d.accepts(at, "countess@example.com", "battery staple").await);
        }
        // (Those logins linked her to the shop.)
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_preview_reports_the_result_and_changes_nothing() {
    story(704, async |d| {
        let (ada, countess) = two(&d).await;
        let newest = d.world.changes(0).len();
        let body = json!({ "survivor": ada, "duplicate": countess, "preview": true });
        let preview = d.call(0, "merge", body.clone()).await;
        assert_eq!(preview.ok(200).body["user"]["linked_accounts"], json!([countess]));
        assert_eq!(d.world.changes(0).len(), newest);
        assert_eq!(lookup(&d, 0, json!({ "id": countess })).await.id(), countess);
        let merged = merge(&d, 0, &ada, &countess).await;
        let shown = |reply: &Reply| without_versions(&reply.ok(200).body["user"]);
        assert_eq!(shown(&merged), shown(&preview));
        assert_eq!(d.call(0, "merge", body).await.body["user"], merged.body["user"], "a preview of an existing merge");
    });
}

#[test]
fn a_chain_and_a_tree_are_one_person() {
    story(705, async |d| {
        let mut ids = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            ids.push(person(&d, 0, name).await);
        }
        // e -> d -> c, b -> a, and then c -> b: the duplicate is the primary account of a person itself.
        for (survivor, duplicate) in [(3, 4), (2, 3), (0, 1), (1, 2)] {
            merge(&d, 0, &ids[survivor], &ids[duplicate]).await.ok(200);
        }
        d.world.settle().await;
        for at in 0..2 {
            for id in &ids {
                let user = lookup(&d, at, json!({ "id": id })).await.ok(200).body["user"].clone();
                assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(ids[0]), &json!(ids[1..])));
            }
        }
        // Unmerging the middle of the chain takes along the users that point at it.
        unmerge(&d, 1, &ids[2]).await.ok(200);
        d.world.settle().await;
        for (id, primary) in [(0, 0), (1, 0), (2, 2), (3, 2), (4, 2)] {
            assert_eq!(lookup(&d, 0, json!({ "id": ids[id] })).await.id(), ids[primary]);
        }
        d.world.check_invariants().await;
    });
}

#[test]
fn a_repeated_merge_succeeds_and_a_contrary_one_is_rejected() {
    story(706, async |d| {
        let mut ids = Vec::new();
        for name in ["a", "b", "c", "d"] {
            ids.push(person(&d, 0, name).await);
        }
        let [a, b, c, x] = &ids[..] else { panic!("four") };
        let first = merge(&d, 0, a, b).await;
        let newest = d.world.changes(0).len();
        assert_eq!(merge(&d, 0, a, b).await.ok(200).body, first.body);
        merge(&d, 0, b, a).await.rejected(409, "merged_otherwise");
        merge(&d, 0, x, b).await.rejected(409, "already_merged");
        assert_eq!(d.world.changes(0).len(), newest, "no part was written");
        merge(&d, 0, b, c).await.ok(200);
        let newest = d.world.changes(0).len();
        // c points at b and b at a, so c is already merged into a.
        assert_eq!(merge(&d, 0, a, c).await.ok(200).id(), *a);
        merge(&d, 0, c, a).await.rejected(409, "merged_otherwise");
        assert_eq!(d.world.changes(0).len(), newest, "no part was written");
        let reply = merge(&d, 0, a, a).await;
        assert_eq!(reply.rejected(422, "invalid_body").body["field"], "duplicate");
        let unknown = "00000000-0000-7000-8000-000000000000";
        assert_eq!(merge(&d, 0, unknown, a).await.rejected(404, "user_not_found").body["field"], "survivor");
        assert_eq!(merge(&d, 0, a, unknown).await.rejected(404, "user_not_found").body["field"], "duplicate");
        unmerge(&d, 0, unknown).await.rejected(404, "user_not_found");
        unmerge(&d, 0, a).await.ok(200);
        assert_eq!(d.world.changes(0).len(), newest, "unmerging an unmerged user writes no part");
    });
}

#[test]
fn a_merge_needs_the_scope_but_no_link() {
    story(707, async |d| {
        let (ada, countess) = two(&d).await;
        let scopes: Vec<_> =
            umoja_schema::Scope::ALL.into_iter().filter(|scope| *scope != umoja_schema::Scope::Merge).collect();
        let (clerk, plain) = (Caller::new("clerk", 7), Caller::new("plain", 8));
        d.put_company(&clerk.company(&[umoja_schema::Scope::Merge], false)).await;
        d.put_company(&plain.company(&scopes, true)).await;
        let body = json!({ "survivor": ada, "duplicate": countess });
        d.call_as(&plain, 0, "merge", body.clone()).await.rejected(403, "scope_missing");
        d.call_as(&plain, 0, "unmerge", json!({ "id": countess })).await.rejected(403, "scope_missing");
        d.call_as(&clerk, 0, "merge", body).await.ok(200);
        d.call_as(&clerk, 0, "unmerge", json!({ "id": countess })).await.ok(200);
    });
}

#[test]
fn both_journals_and_the_export_include_merges() {
    story(708, async |d| {
        let (ada, countess) = two(&d).await;
        merge(&d, 0, &ada, &countess).await.ok(200);
        d.world.settle().await;
        let export = d.call(1, "export", json!({ "id": countess })).await.ok(200).body.clone();
        assert_eq!(export["user"]["id"], json!(ada));
        assert_eq!(export["sources"]["profile.given_name"]["company"], "shop");
        assert_eq!(export["journal"][0]["kind"], "merged");
        let linked = &export["linked_accounts"][0];
        assert_eq!((&linked["user"]["id"], &linked["merged_into"]), (&json!(countess), &json!(ada)));
        assert_eq!(linked["user"]["profile"]["given_name"], "Augusta");
        assert_eq!(linked["user"]["email"], "countess@example.com");
        assert_eq!(linked["sources"]["profile.given_name"]["company"], "food");
        assert_eq!(linked["credentials"]["password_source"]["company"], "food");
        assert_eq!(linked["journal"][0]["kind"], "merged");
        assert!(!export.to_string().contains("argon2"));
        unmerge(&d, 1, &countess).await.ok(200);
        d.world.settle().await;
        for id in [&ada, &countess] {
            let export = d.call(0, "export", json!({ "id": id })).await.ok(200).body.clone();
            let kinds: Vec<_> = export["journal"].as_array().unwrap().iter().map(|row| row["kind"].clone()).collect();
            assert_eq!(kinds, ["merged", "unmerged"]);
            assert_eq!(export["linked_accounts"], json!([]));
        }
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_merge_with_an_idempotency_key_happens_once() {
    story(709, async |d| {
        let (ada, countess) = two(&d).await;
        let body = json!({ "survivor": ada, "duplicate": countess });
        let first = d.call_idk(0, "merge", "k1", body.clone()).await;
        let newest = d.world.changes(0).len();
        assert_eq!(d.call_idk(0, "merge", "k1", body.clone()).await.ok(200).body, first.ok(200).body);
        d.world.settle().await;
        assert_eq!(d.call_idk(1, "merge", "k1", body.clone()).await.ok(200).body, first.body, "in another region");
        assert_eq!(d.world.changes(0).len(), newest);
        d.call_idk(0, "merge", "k1", json!({ "survivor": countess, "duplicate": ada }))
            .await
            .rejected(422, "idempotency_key_reused");
        let undo = json!({ "id": countess });
        let first = d.call_idk(0, "unmerge", "k2", undo.clone()).await;
        assert_eq!(d.call_idk(0, "unmerge", "k2", undo).await.ok(200).body, first.ok(200).body);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_merge_above_the_user_limit_is_rejected() {
    story(710, async |d| {
        let primary = person(&d, 0, "primary").await;
        for n in 1..50 {
            let id = person(&d, 0, &format!("user{n}")).await.parse().unwrap();
            d.world.merge(0, id, Some(primary.parse().unwrap())).await.unwrap();
        }
        let id = person(&d, 0, "one-too-many").await;
        merge(&d, 0, &primary, &id).await.rejected(409, "too_many_merged");
        let preview = json!({ "survivor": id, "duplicate": primary, "preview": true });
        d.call(0, "merge", preview).await.rejected(409, "too_many_merged");
        assert_eq!(lookup(&d, 0, json!({ "username": "user7" })).await.id(), primary);
    });
}
