//! The password and the status that count for a person.

use super::*;
use umoja_crypto::{EngineChoice, Params, Password, Passwords};
use umoja_schema::{Part, PartRecord};

async fn accepts(d: &Deployment, by: Value, password: &str) -> bool {
    let mut body = by;
    body["password"] = json!(password);
    let reply = d.call(0, "authenticate", body).await;
    assert_eq!(d.hasher.take().1, 1, "one hash, whatever is stored");
    reply.ok(200).body["authenticated"] == json!(true)
}

#[test]
fn only_the_primary_accounts_password_logs_in() {
    story(720, async |d| {
        let (ada, countess) = two(&d).await;
        merge(&d, 0, &ada, &countess).await.ok(200);
        d.hasher.take();
        for by in [json!({ "email": "ada@example.com" }), json!({ "username": "countess" }), json!({ "id": countess })]
        {
            assert!(accepts(&d, by.clone(), "correct horse").await, "{by}");
            assert!(!accepts(&d, by.clone(), "battery staple").await, "{by}");
        }
    });
}

/// The stored credentials part, to see whether it was written.
async fn credentials(d: &Deployment, id: &str) -> PartRecord {
    d.world.stored(0, id.parse().unwrap(), Part::Credentials).await.unwrap()
}

#[test]
fn a_linked_accounts_password_counts_if_the_primary_has_none() {
    story(721, async |d| {
        let primary = d.call(0, "register", json!({ "username": "primary" })).await.id();
        d.world.clock.advance(1000);
        let blank = person(&d, 0, "blank").await;
        let first = d.register(0, "first@example.com", "correct horse").await.id();
        d.world.clock.advance(1000);
        let second = d.register(0, "second@example.com", "battery staple").await.id();
        for duplicate in [&second, &blank, &first] {
            merge(&d, 0, &primary, duplicate).await.ok(200);
        }
        d.hasher.take();
        let primary_is = json!({ "username": "primary" });
        assert!(
            !accepts(&d, primary_is.clone(), "battery staple").await,
            "only the first account with a password is tried"
        );
        assert!(!accepts(&d, json!({ "email": "second@example.com" }), "battery staple").await);
        let before = [credentials(&d, &primary).await, credentials(&d, &first).await];
        assert!(accepts(&d, primary_is.clone(), "correct horse").await);
        assert!(accepts(&d, json!({ "email": "second@example.com" }), "correct horse").await);
        assert_eq!([credentials(&d, &primary).await, credentials(&d, &first).await], before);
        // After the unmerge each user has its own password: a merge by mistake gives no access to the other account.
        unmerge(&d, 0, &first).await.ok(200);
        assert!(!accepts(&d, primary_is.clone(), "correct horse").await);
        assert!(accepts(&d, json!({ "email": "first@example.com" }), "correct horse").await);
        assert!(accepts(&d, primary_is, "battery staple").await, "the second's now");
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_linked_accounts_weak_hash_is_upgraded_in_place() {
    story(725, async |d| {
        let primary = d.call(0, "register", json!({ "username": "primary" })).await.id();
        let linked = d.register(0, "ada@example.com", "correct horse").await.id();
        merge(&d, 0, &primary, &linked).await.ok(200);
        let outdated = Passwords::new(Params { m_kib: 16, t: 1, p: 1 }, EngineChoice::Reference, None).unwrap();
        let outdated = outdated.hash(&Password::new("correct horse", 8).unwrap(), [9; 16]);
        d.world.set_password(0, linked.parse().unwrap(), &outdated).await.unwrap();
        let weak = credentials(&d, &linked).await;
        let before = credentials(&d, &primary).await;
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
        assert_ne!(credentials(&d, &linked).await, weak);
        assert_eq!(credentials(&d, &primary).await, before);
        unmerge(&d, 0, &linked).await.ok(200);
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
        let reply = d.call(0, "authenticate", json!({ "username": "primary", "password": "correct horse" })).await;
        assert_eq!(reply.ok(200).body["authenticated"], false);
    });
}

#[test]
fn a_disabled_linked_accounts_password_does_not_count() {
    story(726, async |d| {
        let primary = d.call(0, "register", json!({ "username": "primary" })).await.id();
        let first = d.register(0, "first@example.com", "correct horse").await.id();
        d.world.clock.advance(1000);
        let second = d.register(0, "second@example.com", "battery staple").await.id();
        d.call(0, "status", json!({ "id": first, "status": "disabled" })).await.ok(200);
        merge(&d, 0, &primary, &first).await.ok(200);
        d.hasher.take();
        assert!(!accepts(&d, json!({ "username": "primary" }), "correct horse").await);
        let change = |from: &str| json!({ "id": primary, "current_password": from, "new_password": "third password" });
        let reply = d.call(0, "password/change", change("correct horse")).await;
        assert_eq!(reply.ok(200).body["changed"], false);
        merge(&d, 0, &primary, &second).await.ok(200);
        d.hasher.take();
        assert!(!accepts(&d, json!({ "username": "primary" }), "correct horse").await);
        assert!(
            accepts(&d, json!({ "username": "primary" }), "battery staple").await,
            "the next account's password counts"
        );
    });
}

#[test]
fn the_primary_accounts_status_is_read_and_set() {
    story(722, async |d| {
        let (ada, countess) = two(&d).await;
        d.call(0, "status", json!({ "id": countess, "status": "disabled" })).await.ok(200);
        merge(&d, 0, &ada, &countess).await.ok(200);
        d.hasher.take();
        assert!(accepts(&d, json!({ "username": "countess" }), "correct horse").await, "the primary account is active");
        let reply = d.call(0, "status", json!({ "id": countess, "status": "disabled" })).await;
        assert_eq!((reply.ok(200).id(), &reply.body["user"]["status"]), (ada.clone(), &json!("disabled")));
        assert!(!accepts(&d, json!({ "username": "countess" }), "correct horse").await);
        d.call(0, "status", json!({ "id": ada, "status": "active" })).await.ok(200);
        unmerge(&d, 0, &countess).await.ok(200);
        let user = lookup(&d, 0, json!({ "id": countess })).await;
        assert_eq!(user.body["user"]["status"], "disabled", "as it was before the merge");
    });
}

#[test]
fn a_password_is_changed_through_any_id() {
    story(723, async |d| {
        let primary = d.call(0, "register", json!({ "username": "primary" })).await.id();
        let linked = d.register(0, "ada@example.com", "correct horse").await.id();
        merge(&d, 0, &primary, &linked).await.ok(200);
        let change = |id: &str, from: &str, to: &str| json!({ "id": id, "current_password": from, "new_password": to });
        let reply = d.call(0, "password/change", change(&primary, "wrong horse", "battery staple")).await;
        assert_eq!(reply.ok(200).body["changed"], false);
        let reply = d.call(0, "password/change", change(&primary, "correct horse", "battery staple")).await;
        assert_eq!(reply.ok(200).body["changed"], true);
        assert_eq!(reply.body["version"], json!(lookup(&d, 0, json!({ "id": primary })).await.version()));
        assert!(!d.accepts(0, "ada@example.com", "correct horse").await);
        let reply = d.call(0, "password/change", change(&linked, "battery staple", "third password")).await;
        assert_eq!(reply.ok(200).body["changed"], true);
        assert!(d.accepts(0, "ada@example.com", "third password").await);
        unmerge(&d, 0, &linked).await.ok(200);
        assert!(d.accepts(0, "ada@example.com", "third password").await, "it was changed in place");
        let login = json!({ "username": "primary", "password": "third password" });
        assert_eq!(d.call(0, "authenticate", login).await.ok(200).body["authenticated"], false);
    });
}

#[test]
fn a_link_to_any_account_counts_for_the_person() {
    story(724, async |d| {
        let (ada, countess) = two(&d).await;
        let nickname = |id: &str| json!({ "id": id, "set": { "profile": { "nickname": "A" } } });
        d.call_as(&d.food, 0, "update", nickname(&ada)).await.rejected(403, "not_linked");
        merge(&d, 0, &ada, &countess).await.ok(200);
        d.call_as(&d.food, 0, "update", nickname(&ada)).await.ok(200);
        let login = json!({ "username": "countess", "password": "correct horse" });
        let version = lookup(&d, 0, json!({ "id": ada })).await.version();
        d.call_as(&d.food, 0, "authenticate", login.clone()).await.ok(200);
        assert_eq!(lookup(&d, 0, json!({ "id": ada })).await.version(), version, "linked already");
        let reply = d.call_as(&d.blog, 0, "authenticate", login).await;
        assert!(reply.ok(200).body["user"]["accounts"]["blog"].is_object());
        unmerge(&d, 0, &countess).await.ok(200);
        let accounts = async |id: &str| lookup(&d, 0, json!({ "id": id })).await.body["user"]["accounts"].clone();
        assert!(accounts(&ada).await["blog"].is_object());
        assert!(accounts(&countess).await.get("blog").is_none());
    });
}
