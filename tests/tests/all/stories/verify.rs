//! Proof of an address: a code goes to it by mail, and comes back in any region.

use serde_json::{Value, json};
use umoja_store::ports::MailError;
use umoja_tests::caller::Reply;
use umoja_tests::deployment::Deployment;

use super::story;

const ADA: &str = "ada@example.com";

/// Ada, whose address the company `blog` knows and is not trusted to verify.
async fn ada(d: &Deployment) -> String {
    let body = json!({ "email": ADA, "email_verified": true, "password": "correct horse" });
    let ada = d.call_as(&d.blog, 0, "register", body).await;
    assert_eq!(ada.ok(201).body["user"]["email_verified"], false);
    ada.id()
}

async fn start(d: &Deployment, at: usize, id: &str) -> Reply {
    d.call_as(&d.blog, at, "verify/start", json!({ "id": id })).await
}

/// A challenge of Ada's, whose code is in the mailbox.
async fn challenge(d: &Deployment, at: usize, id: &str) -> Value {
    start(d, at, id).await.ok(200).body["challenge"].clone()
}

async fn finish(d: &Deployment, at: usize, challenge: &Value, code: &str) -> Reply {
    d.call_as(&d.blog, at, "verify/finish", json!({ "challenge": challenge, "code": code })).await
}

async fn is_verified(d: &Deployment, at: usize, id: &str) -> bool {
    let reply = d.call_as(&d.blog, at, "lookup", json!({ "id": id })).await;
    reply.ok(200).body["user"]["email_verified"] == true
}

#[test]
fn a_code_of_one_region_verifies_the_address_in_another_for_any_company() {
    story(1100, async |d| {
        let id = ada(&d).await;
        d.world.settle().await;
        let started = start(&d, 0, &id).await;
        assert_eq!((&started.ok(200).body["id"], &started.body["expires_at"]), (&json!(id), &json!(d.now() + 600)));
        let mail = d.mail.last(ADA).unwrap();
        let code = mail.code();
        assert_eq!(code.len(), 8);
        let text = started.body.to_string();
        assert!(!text.contains(&code) && !text.contains("ada@"), "the answer has neither the code nor the address");
        let verified = finish(&d, 1, &started.body["challenge"], &code).await;
        assert_eq!(verified.ok(200).body["user"]["email_verified"], true);
        d.world.settle().await;
        for at in 0..2 {
            assert!(is_verified(&d, at, &id).await);
        }
        d.world.check_invariants().await;
    });
}

#[test]
fn a_verified_address_is_the_persons_and_another_company_meets_the_person() {
    story(1101, async |d| {
        let id = ada(&d).await;
        let challenge = challenge(&d, 0, &id).await;
        finish(&d, 0, &challenge, &d.mail.code(ADA)).await.ok(200);
        let met = d.register(0, ADA, "another password").await;
        assert_eq!(met.ok(200).id(), id);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn the_fifth_wrong_code_ends_a_challenge() {
    story(1102, async |d| {
        let id = ada(&d).await;
        let (first, code) = (challenge(&d, 0, &id).await, d.mail.code(ADA));
        for _ in 0..5 {
            finish(&d, 0, &first, "no code").await.rejected(409, "code_invalid");
        }
        finish(&d, 0, &first, &code).await.rejected(409, "code_invalid");
        let (second, code) = (challenge(&d, 0, &id).await, d.mail.code(ADA));
        for _ in 0..4 {
            finish(&d, 0, &second, "00000000").await.rejected(409, "code_invalid");
        }
        finish(&d, 0, &first, &code).await.rejected(409, "code_invalid");
        finish(&d, 0, &second, &format!(" {}-{} ", &code[..4], &code[4..])).await.ok(200);
    });
}

#[test]
fn a_code_works_once_and_its_retry_meets_its_effect() {
    story(1103, async |d| {
        let id = d.call(0, "register", json!({ "email": ADA })).await.ok(201).id();
        let started = d.call(0, "verify/start", json!({ "id": id })).await;
        let body = json!({ "challenge": started.ok(200).body["challenge"], "code": d.mail.code(ADA) });
        for _ in 0..2 {
            let reply = d.call_idk(0, "verify/finish", "verify-1", body.clone()).await;
            assert_eq!(reply.ok(200).body["user"]["email_verified"], true);
        }
        d.call(0, "verify/finish", body.clone()).await.ok(200);
        // The company, which is trusted, says that it is not verified. The code does not verify it a second time.
        d.call(0, "update", json!({ "id": id, "set": { "email_verified": false } })).await.ok(200);
        d.call(0, "verify/finish", body).await.rejected(409, "code_invalid");
    });
}

#[test]
fn a_code_ends_after_ten_minutes_and_when_the_address_changes() {
    story(1104, async |d| {
        let id = ada(&d).await;
        let (late, code) = (challenge(&d, 0, &id).await, d.mail.code(ADA));
        d.world.clock.advance(600_000);
        finish(&d, 0, &late, &code).await.rejected(409, "code_invalid");
        let (old, code) = (challenge(&d, 0, &id).await, d.mail.code(ADA));
        let set = json!({ "id": id, "set": { "email": "ada@example.org" } });
        d.call_as(&d.blog, 0, "update", set).await.ok(200);
        finish(&d, 0, &old, &code).await.rejected(409, "code_invalid");
        assert!(!is_verified(&d, 0, &id).await);
    });
}

#[test]
fn a_challenge_is_its_companys() {
    story(1105, async |d| {
        let id = ada(&d).await;
        let (challenge, code) = (challenge(&d, 0, &id).await, d.mail.code(ADA));
        let body = json!({ "challenge": challenge, "code": code });
        d.call(0, "verify/finish", body.clone()).await.rejected(409, "code_invalid");
        d.call(0, "verify/finish", json!({ "challenge": "AAAA", "code": code })).await.rejected(409, "code_invalid");
        d.call(0, "verify/start", json!({ "id": id })).await.rejected(403, "not_linked");
        d.call_as(&d.blog, 0, "verify/finish", body).await.ok(200);
    });
}

#[test]
fn an_address_gets_five_mails_in_an_hour() {
    story(1106, async |d| {
        let id = ada(&d).await;
        for _ in 0..5 {
            start(&d, 0, &id).await.ok(200);
        }
        let wait = start(&d, 0, &id).await.rejected(429, "too_many_mails").retry_after.unwrap();
        assert!((1..=3600).contains(&wait), "{wait}");
        assert_eq!(d.mail.all().len(), 5);
        d.world.clock.advance(u64::from(wait) * 1000);
        start(&d, 0, &id).await.ok(200);
    });
}

#[test]
fn a_mail_has_the_companys_name_and_the_language_that_is_asked_for() {
    story(1107, async |d| {
        let id = ada(&d).await;
        let mut subjects = std::collections::BTreeSet::new();
        for language in ["en", "fr-CM", "pt", "ar", "sw"] {
            let body = json!({ "id": id, "language": language });
            d.call_as(&d.blog, 0, "verify/start", body).await.ok(200);
            let mail = d.mail.last(ADA).unwrap();
            assert!(mail.subject.contains(&mail.from_name) && mail.text.contains(&mail.from_name), "{language}");
            assert!(!mail.text.contains("http") && !mail.text.contains(ADA), "{language}: no link and no person");
            subjects.insert(mail.subject);
        }
        assert_eq!(subjects.len(), 5);
        d.world.clock.advance(3_600_000);
        let set = json!({ "id": id, "set": { "profile": { "locale": "sw-KE" } } });
        d.call_as(&d.blog, 0, "update", set).await.ok(200);
        start(&d, 0, &id).await.ok(200);
        assert!(d.mail.last(ADA).unwrap().subject.starts_with("Msimbo"));
    });
}

#[test]
fn what_cannot_be_mailed_is_said() {
    story(1108, async |d| {
        let id = ada(&d).await;
        let nameless = d.call_as(&d.blog, 0, "register", json!({ "username": "bea" })).await.ok(201).id();
        let rejected = start(&d, 0, &nameless).await;
        assert_eq!(rejected.rejected(422, "invalid_body").body["field"], "email");
        start(&d, 0, "0190a5c4-7c00-7000-8000-000000000000").await.rejected(404, "user_not_found");
        for fault in [MailError::Unavailable("no connection"), MailError::Rejected("the server does not take it")] {
            d.mail.set_fault(Some(fault));
            start(&d, 0, &id).await.rejected(503, "mail_unavailable");
        }
        d.mail.set_fault(None);
        start(&d, 0, &id).await.ok(200);
    });
}
