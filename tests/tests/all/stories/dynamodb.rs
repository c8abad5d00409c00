//! The stories with DynamoDB's expressions, transactions and streams, and the requests of each operation.

use std::collections::BTreeMap;

use serde_json::json;
use umoja_store::digest::Digest;
use umoja_store::ports::Users as _;
use umoja_tests::cloud::Cloud;
use umoja_tests::world::run;

#[test]
fn a_user_lifecycle_in_two_regions_on_dynamodb() {
    run(async {
        let c = Cloud::new(600).await;
        let login = |password: &str| json!({ "email": "ada@example.com", "password": password });
        let body = json!({ "email": "ada@example.com", "email_verified": true, "password": "correct horse", "external_id": "1" });
        let created = c.call(0, "register", body).await;
        let id = created.ok(201).id();
        c.call(0, "register", json!({ "email": "ada@example.com" })).await.rejected(409, "identifier_taken");
        c.call(1, "lookup", json!({ "id": id, "min_version": created.version() })).await.rejected(503, "behind");
        c.settle().await;
        assert_eq!(c.call(1, "authenticate", login("correct horse")).await.body["authenticated"], true);

        let set = json!({ "email": "lovelace@example.com", "profile": { "given_name": "Ada" } });
        c.call(1, "update", json!({ "id": id, "set": set })).await.ok(200);
        let change = json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" });
        assert_eq!(c.call(0, "password/change", change).await.body["changed"], true);
        c.settle().await;
        for at in 0..2 {
            let user = c.call(at, "lookup", json!({ "email": "lovelace@example.com" })).await;
            assert_eq!(user.ok(200).body["user"]["profile"]["given_name"], "Ada");
            c.call(at, "lookup", json!({ "email": "ada@example.com" })).await.rejected(404, "user_not_found");
            let login = json!({ "external_id": "1", "password": "battery staple" });
            assert_eq!(c.call(at, "authenticate", login).await.body["authenticated"], true);
        }

        c.call(1, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        c.call(0, "erase", json!({ "id": id, "reason": "asked" })).await.ok(202);
        c.settle().await;
        for at in 0..2 {
            c.call(at, "lookup", json!({ "id": id })).await.rejected(404, "user_not_found");
            let receipt = c.call(at, "erasure", json!({ "id": id })).await.body["receipt"].clone();
            assert_eq!((&receipt["complete"], &receipt["reason"]), (&json!(true), &json!("asked")));
        }
        let digest = async |at: usize| Digest::of(&c.regions[at].home.own, 2).await.unwrap();
        assert_eq!(digest(0).await, digest(1).await);
    });
}

#[test]
fn each_operation_makes_the_minimum_of_requests() {
    run(async {
        let c = Cloud::new(601).await;
        let id = c.call(0, "register", json!({ "email": "ada@example.com", "password": "correct horse" })).await.id();
        // (The company is cached for five seconds; the request id is a PutItem. Reading a user is two parallel queries:
        // its parts and its linked accounts.)
        let mut wrong = Vec::new();
        for (operation, body, requests) in [
            ("lookup", json!({ "id": id }), vec![("PutItem", 1), ("Query", 2)]),
            ("lookup", json!({ "email": "ada@example.com" }), vec![("GetItem", 1), ("PutItem", 1), ("Query", 2)]),
            // The attempt is counted for the id, and the failures of the person are read. A login leaves no count.
            (
                "authenticate",
                json!({ "id": id, "password": "correct horse" }),
                vec![("DeleteItem", 1), ("GetItem", 1), ("PutItem", 2), ("Query", 2)],
            ),
            // One more attempt, and a failure of the person.
            (
                "authenticate",
                json!({ "id": id, "password": "wrong horse" }),
                vec![("GetItem", 1), ("PutItem", 3), ("Query", 2)],
            ),
            // No identifier changes: no transaction.
            (
                "update",
                json!({ "id": id, "set": { "profile": { "nickname": "A" } } }),
                vec![("PutItem", 2), ("Query", 2)],
            ),
            // One transaction writes the part, its audit row, which needs the last row of the chain, and the end of everything that
            // the person has signed in to. The sessions are read before it and after it.
            (
                "status",
                json!({ "id": id, "status": "disabled" }),
                vec![("PutItem", 1), ("Query", 8), ("TransactWriteItems", 1)],
            ),
            (
                "status",
                json!({ "id": id, "status": "active" }),
                vec![("PutItem", 1), ("Query", 3), ("TransactWriteItems", 1)],
            ),
            (
                "password/change",
                json!({ "id": id, "current_password": "correct horse", "new_password": "battery staple" }),
                // Both counts start again. What ends is read before the write, and the sessions after it.
                vec![
                    ("DeleteItem", 2),
                    ("GetItem", 1),
                    ("PutItem", 2),
                    ("Query", 8),
                    ("TransactWriteItems", 1),
                    ("UpdateItem", 1),
                ],
            ),
            (
                "update",
                json!({ "id": id, "set": { "email": "lovelace@example.com" } }),
                vec![("BatchGetItem", 1), ("PutItem", 1), ("Query", 3), ("TransactWriteItems", 1)],
            ),
            ("export", json!({ "id": id }), vec![("PutItem", 2), ("Query", 6)]),
            // A new user has no audit rows yet.
            ("register", json!({ "username": "bob" }), vec![("GetItem", 1), ("PutItem", 1), ("TransactWriteItems", 1)]),
        ] {
            c.regions[0].tables.calls.reset();
            c.call(0, operation, body.clone()).await.ok(if operation == "register" { 201 } else { 200 });
            let expected: BTreeMap<String, u64> =
                requests.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
            let made = c.regions[0].tables.calls.all();
            if made != expected {
                wrong.push(format!("{operation} {body}: {made:?} instead of {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn merge_unmerge_and_erasure_on_dynamodb() {
    run(async {
        let c = Cloud::new(602).await;
        let ada = json!({ "email": "ada@example.com", "email_verified": true, "password": "correct horse" });
        let ada = c.call(0, "register", ada).await.id();
        // Ada is older, so she is the primary account.
        c.clock.advance(1);
        let countess = json!({ "username": "countess", "external_id": "c1", "profile": { "nickname": "A" } });
        let countess = c.call(1, "register", countess).await.id();
        c.settle().await;
        let requests = |at: usize| c.regions[at].tables.calls.all();
        let expected = |of: &[(&str, u64)]| {
            of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>()
        };
        let body = json!({ "survivor": ada, "duplicate": countess });
        c.regions[0].tables.calls.reset();
        let merged = c.call(0, "merge", body.clone()).await;
        assert_eq!(merged.ok(200).body["user"]["profile"]["nickname"], "A");
        // Reads: both persons, the last audit row of each and, after the write, whether the person has too many users.
        assert_eq!(requests(0), expected(&[("PutItem", 1), ("Query", 10), ("TransactWriteItems", 1)]));
        let version = merged.version();
        c.call(1, "lookup", json!({ "id": ada, "min_version": version })).await.rejected(503, "behind");
        // At the same time the other region merges in the opposite direction.
        c.call(1, "merge", json!({ "survivor": countess, "duplicate": ada })).await.ok(200);
        c.settle().await;
        for at in 0..2 {
            for by in
                [json!({ "id": countess }), json!({ "username": "countess" }), json!({ "email": "ada@example.com" })]
            {
                let user = c.call(at, "lookup", by).await.ok(200).body["user"].clone();
                assert_eq!((&user["id"], &user["linked_accounts"]), (&json!(ada), &json!([countess])));
            }
        }
        c.regions[0].tables.calls.reset();
        c.call(0, "lookup", json!({ "id": countess })).await.ok(200);
        assert_eq!(requests(0), expected(&[("PutItem", 1), ("Query", 4)]));
        let update = json!({ "id": ada, "set": { "username": null, "profile": { "nickname": null } } });
        let user = c.call(0, "update", update).await.ok(200).body["user"].clone();
        assert_eq!((user.get("username"), &user["profile"]), (None, &json!({})));
        c.settle().await;
        c.call(1, "unmerge", json!({ "id": ada })).await.ok(200);
        c.call(1, "unmerge", json!({ "id": countess })).await.ok(200);
        c.settle().await;
        assert_eq!(c.call(0, "lookup", json!({ "id": countess })).await.id(), countess);
        c.call(0, "merge", body).await.ok(200);
        c.call(0, "erase", json!({ "id": countess })).await.ok(202);
        c.settle().await;
        for at in 0..2 {
            for id in [&ada, &countess] {
                c.call(at, "lookup", json!({ "id": id })).await.rejected(404, "user_not_found");
                assert_eq!(c.call(at, "erasure", json!({ "id": id })).await.body["receipt"]["complete"], true);
                assert_eq!(c.regions[at].tables.tables.linked_accounts(id.parse().unwrap()).await, Ok(vec![]));
            }
        }
        let digest = async |at: usize| Digest::of(&c.regions[at].home.own, 2).await.unwrap();
        assert_eq!(digest(0).await, digest(1).await);
    });
}
