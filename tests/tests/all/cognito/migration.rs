//! Users who come into a pool by their first login.

use serde_json::{Value, json};
use umoja_ingest::cognito::TriggerError;
use umoja_schema::Scope;
use umoja_schema::ingest::PoolDirection;
use umoja_tests::deployment::Deployment;
use umoja_tests::pool::{POOL, Pool};

use super::{feeding, finish, stored};

const ANN: &str = "ann@example.com";
const RIGHT: &str = "correct horse";

/// A story of a pool whose users come from Umoja.
fn story(seed: u64, of: impl AsyncFnOnce(Deployment, Pool)) {
    super::story(seed, PoolDirection::ToPool, of);
}

#[test]
fn the_right_password_brings_a_user_into_the_pool_with_the_id_in_its_tokens() {
    story(1540, async |d, pool| {
        let id = d.register(0, ANN, RIGHT).await.id();
        let before = stored(&d).await;
        let answer = pool.migrate(&d, ANN, Some(RIGHT)).await.unwrap();
        assert_eq!((&answer["finalUserStatus"], &answer["messageAction"]), (&json!("CONFIRMED"), &json!("SUPPRESS")));
        let user = json!({ "email": ANN, "email_verified": "true", "custom:umoja_id": id });
        assert_eq!(answer["userAttributes"], user);
        assert_eq!(pool.token(ANN).await, Ok(id.clone()));
        assert_eq!(stored(&d).await, before, "nothing is written");
        d.call(0, "erase", json!({ "id": id })).await.ok(202);
        assert_eq!(pool.token(ANN).await, Err(TriggerError::NoUser));
        finish(&d).await;
    });
}

#[test]
fn every_other_attempt_gets_one_answer_after_the_same_work() {
    story(1541, async |d, pool| {
        d.register(0, ANN, RIGHT).await.ok(201);
        d.call(0, "register", json!({ "email": "none@example.com", "email_verified": true })).await.ok(201);
        let id = d.register(0, "off@example.com", RIGHT).await.id();
        d.call(0, "status", json!({ "id": id, "status": "disabled" })).await.ok(200);
        d.hasher.take();
        for (name, password) in [
            (ANN, "wrong horse"),
            ("none@example.com", RIGHT),
            ("unknown@example.com", RIGHT),
            ("off@example.com", RIGHT),
            ("unknown", RIGHT),
        ] {
            assert_eq!(pool.migrate(&d, name, Some(password)).await, Err(TriggerError::WrongPassword), "{name}");
            assert_eq!(d.hasher.take(), (0, 1), "{name}");
        }
        for text in ["no address@", "+1", ""] {
            assert!(pool.migrate(&d, text, Some(RIGHT)).await.is_err(), "{text}");
        }
        assert!(pool.all().is_empty());
    });
}

#[test]
fn too_many_wrong_passwords_lock_the_right_one_out() {
    story(1542, async |d, pool| {
        d.register(0, ANN, RIGHT).await.ok(201);
        for _ in 0..200 {
            assert_eq!(pool.migrate(&d, ANN, Some("wrong horse")).await, Err(TriggerError::WrongPassword));
        }
        d.hasher.take();
        assert_eq!(pool.migrate(&d, ANN, Some(RIGHT)).await, Err(TriggerError::WrongPassword));
        assert_eq!(d.hasher.take(), (0, 0), "no password is compared while the account is locked");
    });
}

#[test]
fn who_has_forgotten_the_password_needs_a_verified_address_and_no_password() {
    story(1543, async |d, pool| {
        d.register(0, ANN, RIGHT).await.ok(201);
        d.call(0, "register", json!({ "email": "none@example.com", "email_verified": true })).await.ok(201);
        d.call(0, "register", json!({ "email": "unverified@example.com", "password": RIGHT })).await.ok(201);
        for name in [ANN, "none@example.com"] {
            let answer = pool.migrate(&d, name, None).await.unwrap();
            assert_eq!((&answer["finalUserStatus"], &answer["userAttributes"]["email"]), (&Value::Null, &json!(name)));
        }
        d.call_as(&d.food, 0, "register", json!({ "email": "food@example.com", "email_verified": true })).await.ok(201);
        for name in ["unverified@example.com", "unknown@example.com", "food@example.com"] {
            assert_eq!(pool.migrate(&d, name, None).await, Err(TriggerError::WrongPassword), "{name}");
        }
    });
}

#[test]
fn a_pool_has_one_direction() {
    story(1544, async |d, pool| {
        let rejected = Err(TriggerError::NotAllowed("the users of the pool come from Umoja"));
        assert_eq!(pool.sign_up(&d, "ann", ANN, false).await, rejected);
        assert_eq!(pool.create(&d, "ann", ANN).await, rejected);
        assert_eq!(stored(&d).await, (0, 0));
    });
    feeding(1545, async |d, pool| {
        d.register(0, ANN, RIGHT).await.ok(201);
        let rejected = Err(TriggerError::NotAllowed("the users of the pool do not come from Umoja"));
        assert_eq!(pool.migrate(&d, ANN, Some(RIGHT)).await, rejected);
        assert_eq!(pool.migrate(&d, ANN, None).await, rejected);
    });
}

#[test]
fn an_id_of_a_user_whom_the_company_does_not_know_gives_no_token() {
    story(1546, async |d, pool| {
        d.register(0, ANN, RIGHT).await.ok(201);
        pool.migrate(&d, ANN, Some(RIGHT)).await.unwrap();
        let other = d.call_as(&d.food, 0, "register", json!({ "username": "stranger" })).await.id();
        for id in [other.as_str(), "", "no id"] {
            let attributes = json!({ "sub": "1", "custom:umoja_id": id });
            let event = pool.event("TokenGeneration_Authentication", ANN, attributes);
            assert_eq!(pool.call(event).await, Err(TriggerError::NoUser), "{id}");
        }
    });
}

#[test]
fn a_pool_that_umoja_asks_for_passwords_gets_none_of_umoja() {
    story(1549, async |d, pool| {
        d.register(0, ANN, RIGHT).await.ok(201);
        let mut shop = d.shop.company(&Scope::ALL, true);
        for (system, is_answered) in
            [("cognito:af-south-1_Other/client", true), (&*format!("cognito:{POOL}/client"), false)]
        {
            shop.old_system = Some(system.parse().unwrap());
            d.put_company(&shop).await;
            let answer = pool.migrate(&d, ANN, Some(RIGHT)).await;
            assert_eq!(answer.is_ok(), is_answered, "{system}: {answer:?}");
            let rejected = matches!(answer, Err(TriggerError::NotAllowed(why)) if why.contains("old system"));
            assert_eq!(rejected, !is_answered, "{system}");
        }
    });
}
