//! The first login of a user whose password only the company's old system knows.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use umoja_crypto::jws::sign_request;
use umoja_schema::{Log, OldSystem, Scope, UserId};
use umoja_store::ports::{KnownAs, LegacyAnswer, LegacyError, LegacyLogin, Question};
use umoja_tests::caller::Reply;
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{killed_after, run};

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "battery staple";

/// An old system in memory. It notes what it is asked.
#[derive(Default)]
struct Old {
    asked: Mutex<Vec<(KnownAs, String)>>,
    is_out: Mutex<bool>,
}

impl Old {
    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn set_out(&self, is_out: bool) {
        *self.is_out.lock().unwrap() = is_out;
    }
}

#[async_trait]
impl LegacyLogin for Old {
    async fn verify(&self, question: &Question<'_>) -> Result<LegacyAnswer, LegacyError> {
        self.asked.lock().unwrap().push((question.user.clone(), question.password.as_typed().to_owned()));
        tokio::task::yield_now().await;
        if *self.is_out.lock().unwrap() {
            return Err(LegacyError::Unavailable("a test"));
        }
        let is_right = question.password.as_typed() == PASSWORD;
        Ok(if is_right { LegacyAnswer::Right } else { LegacyAnswer::Wrong })
    }
}

/// Two regions, and a shop with an old system. The other companies have none.
fn story(seed: u64, story: impl AsyncFnOnce(Deployment, Arc<Old>)) {
    run(async {
        let old = Arc::new(Old::default());
        let d = Deployment::new(seed).await.asking(Arc::clone(&old) as _);
        let system: OldSystem = "https://login.shop.example/verify".parse().unwrap();
        let shop = umoja_schema::Company { old_system: Some(system), ..d.shop.company(&Scope::ALL, true) };
        d.put_company(&shop).await;
        story(d, old).await;
    });
}

/// A user without a password.
async fn ada(d: &Deployment) -> UserId {
    let body = json!({ "email": ADA, "email_verified": true, "external_id": "s7" });
    let id = d.call(0, "register", body).await.ok(201).id();
    d.world.settle().await;
    id.parse().unwrap()
}

async fn login(d: &Deployment, at: usize, email: &str, password: &str) -> Reply {
    d.call(at, "authenticate", json!({ "email": email, "password": password })).await
}

async fn is_accepted(d: &Deployment, at: usize, password: &str) -> bool {
    login(d, at, ADA, password).await.ok(200).body["authenticated"] == json!(true)
}

async fn events(d: &Deployment, id: UserId) -> Vec<String> {
    let rows = d.world.regions[0].tables.logs.rows(Log::Audit, id).await.unwrap();
    rows.iter().map(|row| row.kind.clone()).collect()
}

#[test]
fn the_first_login_asks_the_old_system_and_later_ones_do_not() {
    story(1300, async |d, old| {
        let id = ada(&d).await;
        assert!(!is_accepted(&d, 0, "wrong").await);
        assert!(is_accepted(&d, 0, PASSWORD).await);
        let known = KnownAs {
            external_id: Some("s7".into()),
            email: Some(ADA.into()),
            email_verified: true,
            ..KnownAs::default()
        };
        let asked = [(known.clone(), "wrong".into()), (known, PASSWORD.into())];
        assert!(*old.asked.lock().unwrap() == asked, "it is asked once for each attempt, by what the company knows");
        d.world.settle().await;
        for at in 0..2 {
            assert!(is_accepted(&d, at, PASSWORD).await);
            assert!(!is_accepted(&d, at, "wrong").await);
        }
        assert_eq!(old.count(), 2);
        assert_eq!(events(&d, id).await.last().map(String::as_str), Some("password_learnt"));
        // It is a password as any other: it can be changed, and counts at every company.
        let body = json!({ "id": id, "current_password": PASSWORD, "new_password": "correct horse stable" });
        d.call(0, "password/change", body).await.ok(200);
        let food = json!({ "email": ADA, "password": "correct horse stable" });
        assert_eq!(d.call_as(&d.food, 0, "authenticate", food).await.ok(200).body["authenticated"], true);
        assert_eq!(old.count(), 2);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn only_a_user_of_the_company_without_a_password_is_asked_about() {
    story(1301, async |d, old| {
        // Unknown, of another company, with a password, disabled, suspended, and at a company without an old system.
        assert_eq!(login(&d, 0, "unknown@example.com", PASSWORD).await.ok(200).body["authenticated"], false);
        d.call_as(&d.food, 0, "register", json!({ "email": "f@example.com" })).await.ok(201);
        assert_eq!(login(&d, 0, "f@example.com", PASSWORD).await.ok(200).body["authenticated"], false);
        d.register(0, "p@example.com", "correct horse").await.ok(201);
        assert_eq!(login(&d, 0, "p@example.com", PASSWORD).await.ok(200).body["authenticated"], false);
        let id = ada(&d).await;
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        assert!(!is_accepted(&d, 0, PASSWORD).await);
        d.call(0, "status", json!({ "id": id, "status": "active" })).await.ok(200);
        let food = json!({ "email": ADA, "password": PASSWORD });
        assert_eq!(d.call_as(&d.food, 0, "authenticate", food).await.ok(200).body["authenticated"], false);
        assert!(!is_accepted(&d, 0, "").await);
        assert!(!is_accepted(&d, 0, &"x".repeat(5_000)).await);
        assert_eq!(old.count(), 0);
    });
}

#[test]
fn an_attempt_is_counted_before_the_old_system_is_asked() {
    story(1302, async |d, old| {
        ada(&d).await;
        let mut answers = Vec::new();
        for _ in 0..8 {
            answers.push(login(&d, 0, ADA, "wrong").await.status);
        }
        assert_eq!(answers, [200, 200, 200, 200, 200, 429, 429, 429]);
        assert_eq!(old.count(), 5);
        assert_eq!(login(&d, 0, ADA, PASSWORD).await.status, 429, "the right password is not asked about either");
        assert_eq!(old.count(), 5);
        d.world.clock.advance(2_000);
        assert!(is_accepted(&d, 0, PASSWORD).await);
    });
}

#[test]
fn a_request_that_is_replayed_asks_nothing() {
    story(1303, async |d, old| {
        ada(&d).await;
        let body = json!({ "email": ADA, "password": "wrong" });
        let claims = d.shop.claims(&d.endpoints[0], "authenticate", d.now(), None, body);
        let token = sign_request(&d.shop.key, &claims);
        for status in [200, 409] {
            let raw = d.shop.send(&d.endpoints[0], &claims.path, &token).await;
            assert_eq!(d.shop.verify(&d.endpoints[0], &claims, &token, &raw, d.now()).status, status);
        }
        assert_eq!(old.count(), 1);
    });
}

/// Failure: a company's old system is out
#[test]
fn an_old_system_that_is_out_is_503_and_no_failure_of_the_user() {
    story(1304, async |d, old| {
        ada(&d).await;
        old.set_out(true);
        for _ in 0..12 {
            login(&d, 0, ADA, PASSWORD).await.rejected(503, "old_system_unavailable");
            d.world.clock.advance(5_000);
        }
        // Every attempt was given back, and asked once.
        assert_eq!(old.count(), 12);
        old.set_out(false);
        assert!(is_accepted(&d, 0, PASSWORD).await);
    });
}

/// Failure: a company's old system is out
#[test]
fn a_dead_old_system_holds_no_requests_and_one_user_does_not_make_it_dead() {
    story(1305, async |d, old| {
        let emails = ["a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@example.com"];
        for email in emails {
            d.call(0, "register", json!({ "email": email })).await.ok(201);
        }
        old.set_out(true);
        for _ in 0..20 {
            login(&d, 0, emails[0], PASSWORD).await.rejected(503, "old_system_unavailable");
        }
        assert_eq!(old.count(), 1, "a user is not asked about again at once");
        for email in &emails[1..3] {
            login(&d, 0, email, PASSWORD).await.rejected(503, "old_system_unavailable");
        }
        assert_eq!(old.count(), 3);
        // Three users have met it: it is not asked now, also not about others.
        login(&d, 0, emails[3], PASSWORD).await.rejected(503, "old_system_unavailable");
        assert_eq!(old.count(), 3);
        // Who has a password of Umoja notices nothing.
        d.register(0, "p@example.com", "correct horse").await.ok(201);
        assert!(d.accepts(0, "p@example.com", "correct horse").await);
        old.set_out(false);
        d.world.clock.advance(5_000);
        assert_eq!(login(&d, 0, emails[3], PASSWORD).await.ok(200).body["authenticated"], true);
        assert_eq!(login(&d, 0, emails[4], PASSWORD).await.ok(200).body["authenticated"], true);
    });
}

/// Failure: any function killed at any await
#[test]
fn a_killed_first_login_leaves_a_password_or_none() {
    for polls in 1..300 {
        let mut ended = false;
        story(1306, async |d, old| {
            ada(&d).await;
            d.world.set_pausing(true);
            ended = killed_after(polls, login(&d, 0, ADA, PASSWORD)).await.is_some();
            d.world.set_pausing(false);
            assert!(old.count() <= 1);
            assert!(is_accepted(&d, 0, PASSWORD).await, "{polls}");
            assert!(!is_accepted(&d, 0, "wrong").await);
            d.world.settle().await;
            d.world.check_invariants().await;
        });
        if ended {
            assert!(polls > 10);
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn a_first_login_that_another_write_overtakes_asks_once() {
    story(1307, async |d, old| {
        let id = ada(&d).await;
        // The write of the password is lost to another one, and the attempt is repeated.
        let status = json!({ "id": id, "status": "active" });
        let (reply, _) = tokio::join!(login(&d, 0, ADA, PASSWORD), d.call(0, "status", status));
        assert_eq!(reply.ok(200).body["authenticated"], true);
        assert_eq!(old.count(), 1);
        assert!(is_accepted(&d, 0, PASSWORD).await);
        assert_eq!(old.count(), 1);
    });
}

#[test]
fn a_password_is_kept_by_the_user_whom_the_company_knows() {
    story(1309, async |d, old| {
        let primary = d.call_as(&d.food, 0, "register", json!({ "username": "countess" })).await.ok(201).id();
        let known = ada(&d).await;
        d.call(0, "merge", json!({ "survivor": primary, "duplicate": known })).await.ok(200);
        assert!(is_accepted(&d, 0, PASSWORD).await);
        assert_eq!(old.count(), 1);
        assert!(events(&d, known).await.contains(&"password_learnt".to_owned()));
        assert!(!events(&d, primary.parse().unwrap()).await.contains(&"password_learnt".to_owned()));
        // After an unmerge the other user has no password.
        d.call(0, "unmerge", json!({ "id": known })).await.ok(200);
        assert!(is_accepted(&d, 0, PASSWORD).await);
        let other = json!({ "username": "countess", "password": PASSWORD });
        assert_eq!(d.call_as(&d.food, 0, "authenticate", other).await.ok(200).body["authenticated"], false);
    });
}
