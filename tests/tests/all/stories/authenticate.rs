use serde_json::json;
use umoja_crypto::{Password, legacy};
use umoja_schema::{AccountStatus, Attributes, Credentials, Facts, LegacyHash, Part, UserId};
use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
use umoja_tests::deployment::Deployment;

use super::story;

#[test]
fn only_the_right_password_is_accepted() {
    story(30, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        assert!(d.accepts(0, "ada@example.com", "correct horse").await);
        for wrong in ["correct horsf", "", "correct hors", "CORRECT HORSE", &"x".repeat(10_000)] {
            d.world.clock.advance(60 * 60 * 1000);
            assert!(!d.accepts(0, "ada@example.com", wrong).await);
        }
    });
}

#[test]
fn every_rejected_login_gets_the_same_answer_and_work() {
    story(31, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        d.call(0, "register", json!({ "email": "no-password@example.com" })).await.ok(201);
        d.register(0, "bob@example.com", "correct horse").await.ok(201);
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        d.hasher.take();
        for (email, password) in [
            ("absent@example.com", "correct horse"),
            ("bob@example.com", "wrong horse"),
            ("ada@example.com", "correct horse"),
            ("no-password@example.com", "correct horse"),
        ] {
            let reply = d.call(0, "authenticate", json!({ "email": email, "password": password })).await;
            assert_eq!(reply.ok(200).body, json!({ "authenticated": false }), "{email}");
            assert_eq!(d.hasher.take(), (0, 1), "{email}");
        }
    });
}

#[test]
fn authenticating_links_the_user_and_allows_updates() {
    story(32, async |d| {
        let id = d.register(0, "ada@example.com", "correct horse").await.id();
        let update = json!({ "id": id, "set": { "profile": { "nickname": "A" } } });
        d.call_as(&d.food, 0, "update", update.clone()).await.rejected(403, "not_linked");
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        let reply = d.call_as(&d.food, 0, "authenticate", login.clone()).await;
        assert!(reply.body["user"]["accounts"]["food"].is_object());
        d.call_as(&d.food, 0, "update", update).await.ok(200);
        // The second login makes no write.
        let version = d.call(0, "lookup", json!({ "id": id })).await.version();
        d.call_as(&d.food, 0, "authenticate", login).await.ok(200);
        assert_eq!(d.call(0, "lookup", json!({ "id": id })).await.version(), version);
    });
}

#[test]
fn a_busy_hasher_is_a_503_with_retry_after() {
    story(33, async |d| {
        d.register(0, "ada@example.com", "correct horse").await.ok(201);
        d.hasher.set_busy(Some(umoja_store::ports::Busy { retry_after_secs: 3 }));
        let reply = d.call(0, "authenticate", json!({ "email": "ada@example.com", "password": "correct horse" })).await;
        assert_eq!(reply.rejected(503, "busy").retry_after, Some(3));
        assert_eq!(d.hasher.take(), (1, 0), "a rejected login costs no hash");
    });
}

/// Gives a user a legacy hash, as an import does.
pub(super) async fn bring_hash(d: &Deployment, id: UserId, hash: String) {
    let region = &d.world.regions[0];
    let stored = region.tables.users.part(id, Part::Credentials).await.unwrap().unwrap();
    let mut version = stored.version.clone();
    version.hlc = umoja_schema::Hlc::next(umoja_schema::Millis(d.now() * 1000), Some(version.hlc)).unwrap();
    let credentials = Credentials {
        legacy_hashes: vec![LegacyHash { company: "shop".parse().unwrap(), hash }],
        ..Credentials::default()
    };
    let facts = Facts::Credentials { status: AccountStatus::Active };
    let record = region.sealer.seal(id, version, facts, &credentials, Attributes::new()).await.unwrap();
    let parts = vec![PartWrite { record, condition: Condition::Older }];
    assert_eq!(region.tables.users.commit(&Writes { parts, ..Writes::default() }).await.unwrap(), Commit::Done);
}

pub(super) async fn credentials(d: &Deployment, id: UserId) -> Credentials {
    let stored = d.world.regions[0].tables.users.part(id, Part::Credentials).await.unwrap().unwrap();
    d.world.regions[0].sealer.open(&stored).await.unwrap()
}

#[test]
fn a_legacy_hash_is_replaced_at_the_first_login() {
    // bcrypt of "U*U" at cost 5, from Openwall's test vectors; and hashcat's examples of salted SHA, phpass, md5-crypt
    // and Drupal 7, as an import stores them.
    let old = [
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
        (
            "{SSHA512}ALtwKGBdRgD+U0fPAy31C28RyKYx7+a8kmfksccsOeLknLHv2DBXYI7TDnTolQMBuPkWDISgZr2cHfnNPFjGZTEyNDU4OTkw",
            "hashcat",
        ),
        ("$P$946647711V1klyitUYhtB8Yw5DMA/w.", "hashcat"),
        ("$1$38652870$DUjsu4TTlTsOe/xxZ05uf/", "hashcat"),
        ("$S$C20340258nzjDWpoQthrdNTR02f0pmev0K/5/Nx80WSkOQcPEQRh", "hashcat"),
    ];
    story(34, async |d| {
        let email = "ada@example.com";
        let id: UserId = d.call(0, "register", json!({ "email": email })).await.id().parse().unwrap();
        for (native, password) in old {
            let hash = legacy::import(d.hasher.passwords(), native, [7; 16]).unwrap();
            bring_hash(&d, id, hash).await;
            assert!(!d.accepts(0, email, "wrong").await);
            assert_eq!(credentials(&d, id).await.legacy_hashes.len(), 1);
            assert!(d.accepts(0, email, password).await, "{password}");
            let after = credentials(&d, id).await;
            assert!(after.legacy_hashes.is_empty());
            assert!(after.secret.is_some_and(|secret| secret.starts_with("$argon2id$")));
            assert!(d.accepts(0, email, password).await);
        }
    });
}

#[test]
fn a_hash_with_outdated_parameters_is_replaced_at_the_next_login() {
    use umoja_crypto::{EngineChoice, Params, Passwords};
    story(35, async |d| {
        let email = "ada@example.com";
        let id: UserId = d.call(0, "register", json!({ "email": email })).await.id().parse().unwrap();
        let outdated = Passwords::new(Params { m_kib: 16, t: 1, p: 1 }, EngineChoice::Reference, None).unwrap();
        let secret = outdated.hash(&Password::new("correct horse", 8).unwrap(), [9; 16]);
        let region = &d.world.regions[0];
        let stored = region.tables.users.part(id, Part::Credentials).await.unwrap().unwrap();
        let mut version = stored.version.clone();
        version.hlc = umoja_schema::Hlc::next(umoja_schema::Millis(d.now() * 1000), Some(version.hlc)).unwrap();
        let plain = Credentials { secret: Some(secret.clone()), ..Credentials::default() };
        let facts = Facts::Credentials { status: AccountStatus::Active };
        let record = region.sealer.seal(id, version, facts, &plain, Attributes::new()).await.unwrap();
        let parts = vec![PartWrite { record, condition: Condition::Older }];
        region.tables.users.commit(&Writes { parts, ..Writes::default() }).await.unwrap();
        assert!(d.accepts(0, email, "correct horse").await);
        assert_ne!(credentials(&d, id).await.secret, Some(secret));
        assert!(d.accepts(0, email, "correct horse").await);
    });
}
