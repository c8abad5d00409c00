//! Too many failed logins lock the attempts out, and no other caller has to wait.

use futures_util::future::join_all;
use serde_json::{Value, json};
use umoja_schema::names::metric;
use umoja_store::faulty::Fault;
use umoja_tests::caller::Reply;
use umoja_tests::deployment::Deployment;
use umoja_tests::recorder::Recorded;

use super::story;

mod shared;

const EMAIL: &str = "ada@example.com";
const RIGHT: &str = "correct horse";
const HOUR_MS: u64 = 60 * 60 * 1000;

async fn login(d: &Deployment, email: &str, password: &str, client: Value) -> Reply {
    d.call(0, "authenticate", json!({ "email": email, "password": password, "client": client })).await
}

fn stranger() -> Value {
    json!({})
}

fn device(id: &str) -> Value {
    json!({ "device_id": id })
}

fn address(ip: &str) -> Value {
    json!({ "ip": ip })
}

async fn fail(d: &Deployment, email: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(login(d, email, "wrong horse", stranger()).await.ok(200).body["authenticated"], json!(false));
    }
}

fn locked(reply: &Reply) -> u32 {
    reply.rejected(429, "too_many_attempts").retry_after.expect("Retry-After")
}

#[test]
fn the_wait_doubles_and_blocks_password_checks() {
    story(400, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        fail(&d, EMAIL, 5).await;
        for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            d.hasher.take();
            assert_eq!(locked(&login(&d, EMAIL, RIGHT, stranger()).await), wait);
            d.world.clock.advance(u64::from(wait) * 1000 - 1);
            assert_eq!(locked(&login(&d, EMAIL, RIGHT, stranger()).await), 1);
            assert_eq!(d.hasher.take(), (0, 0));
            d.world.clock.advance(1);
            fail(&d, EMAIL, 1).await;
        }
        d.world.clock.advance(HOUR_MS);
        fail(&d, EMAIL, 5).await;
        assert_eq!(locked(&login(&d, EMAIL, RIGHT, stranger()).await), 2, "all was forgotten");
    });
}

#[test]
fn a_successful_login_resets_the_failure_count() {
    story(401, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        for _ in 0..3 {
            fail(&d, EMAIL, 4).await;
            assert!(d.accepts(0, EMAIL, RIGHT).await);
        }
        // As many failures as with a name that no one has used: they do not show that someone has logged in lately.
        fail(&d, EMAIL, 5).await;
        fail(&d, "absent@example.com", 5).await;
        locked(&login(&d, EMAIL, RIGHT, stranger()).await);
        locked(&login(&d, "absent@example.com", RIGHT, stranger()).await);
        d.world.clock.advance(2_000);
        // Successful logins never cause a wait.
        for _ in 0..20 {
            assert!(d.accepts(0, EMAIL, RIGHT).await);
        }
        fail(&d, EMAIL, 4).await;
    });
}

#[test]
fn absent_disabled_and_merged_users_are_locked_out_alike() {
    story(402, async |d| {
        let ada = d.register(0, EMAIL, RIGHT).await.id();
        d.register(0, "bob@example.com", RIGHT).await.ok(201);
        let survivor = d.register(0, "primary@example.com", RIGHT).await.id();
        let duplicate = d.register(0, "merged@example.com", RIGHT).await.id();
        d.call(0, "merge", json!({ "survivor": survivor, "duplicate": duplicate })).await.ok(200);
        d.call(0, "status", json!({ "id": ada, "status": "disabled" })).await.ok(200);
        let mut seen = Vec::new();
        for email in [EMAIL, "bob@example.com", "merged@example.com", "absent@example.com"] {
            let mut replies = Vec::new();
            for _ in 0..7 {
                d.hasher.take();
                let reply = login(&d, email, "wrong horse", stranger()).await;
                replies.push((reply.status, reply.body, reply.retry_after, d.hasher.take()));
            }
            seen.push(replies);
        }
        assert!(seen.iter().all(|replies| *replies == seen[0]), "{seen:?}");
        assert_eq!(seen[0][5].0, 429);
    });
}

#[test]
fn fifty_concurrent_wrong_passwords_get_five_checks() {
    story(403, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        d.world.set_pausing(true);
        d.hasher.take();
        for email in [EMAIL, "absent@example.com"] {
            let replies = join_all((0..50).map(|_| login(&d, email, "wrong horse", stranger()))).await;
            assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 5);
            assert!(replies.iter().filter(|reply| reply.status != 200).all(|reply| locked(reply) == 2));
            assert_eq!(d.hasher.take(), (0, 5));
        }
    });
}

#[test]
fn attempts_by_all_identifiers_of_a_person_are_limited() {
    story(404, async |d| {
        let many = json!({ "email": EMAIL, "phone_number": "+254712345678", "username": "ada", "external_id": "7",
            "email_verified": true, "phone_number_verified": true, "password": RIGHT });
        let id = d.call(0, "register", many).await.id();
        let by = [
            json!({ "email": EMAIL }),
            json!({ "phone_number": "0712 345678" }),
            json!({ "username": "ADA" }),
            json!({ "external_id": "7" }),
            json!({ "id": id }),
        ];
        let mut looked_at = 0;
        for selector in &by {
            for _ in 0..6 {
                let mut body = selector.clone();
                body["password"] = json!("wrong horse");
                looked_at += usize::from(d.call(0, "authenticate", body).await.status == 200);
            }
        }
        assert_eq!(looked_at, 20);
        let mut last = by[4].clone();
        last["password"] = json!(RIGHT);
        assert_eq!(locked(&d.call(0, "authenticate", last.clone()).await), 2);
        d.world.clock.advance(2_000);
        assert_eq!(d.call(0, "authenticate", last).await.ok(200).body["authenticated"], json!(true));
    });
}

#[test]
fn a_known_device_is_not_locked_out_by_others() {
    story(405, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        login(&d, EMAIL, RIGHT, device("phone")).await.ok(200);
        fail(&d, EMAIL, 5).await;
        locked(&login(&d, EMAIL, RIGHT, stranger()).await);
        locked(&login(&d, EMAIL, RIGHT, device("another")).await);
        for _ in 0..10 {
            let reply = login(&d, EMAIL, RIGHT, device("phone")).await;
            assert_eq!(reply.ok(200).body["authenticated"], json!(true));
        }
        // The owner's login gives other devices no further attempts.
        locked(&login(&d, EMAIL, "wrong horse", stranger()).await);
        // A device is known for one person at one company.
        let elsewhere = json!({ "email": EMAIL, "password": RIGHT, "client": { "device_id": "phone" } });
        locked(&d.call_as(&d.food, 0, "authenticate", elsewhere).await);
    });
}

#[test]
fn a_known_device_has_five_separate_attempts() {
    story(406, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        login(&d, EMAIL, RIGHT, device("phone")).await.ok(200);
        let mut answers = Vec::new();
        for _ in 0..11 {
            answers.push(login(&d, EMAIL, "wrong horse", device("phone")).await.status);
        }
        // The device's own five attempts, and the five of all devices.
        assert_eq!(answers, [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 429]);
        locked(&login(&d, EMAIL, RIGHT, stranger()).await);
    });
}

#[test]
fn a_device_is_forgotten_after_thirty_days_without_a_login() {
    story(407, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        login(&d, EMAIL, RIGHT, device("phone")).await.ok(200);
        for (days, known) in [(29, true), (29, true), (31, false)] {
            d.world.clock.advance(days * 24 * HOUR_MS);
            fail(&d, EMAIL, 5).await;
            let reply = login(&d, EMAIL, RIGHT, device("phone")).await;
            assert_eq!(reply.status == 200, known, "{reply:?}");
        }
    });
}

#[test]
fn many_failures_from_one_address_block_only_that_address() {
    story(408, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        for number in 0..100 {
            let reply = login(&d, &format!("p{number}@example.com"), "wrong horse", address("192.0.2.7")).await;
            reply.ok(200);
        }
        assert_eq!(locked(&login(&d, EMAIL, RIGHT, address("192.0.2.7")).await), 2);
        assert_eq!(locked(&login(&d, "absent@example.com", RIGHT, address("::ffff:192.0.2.7")).await), 2);
        login(&d, EMAIL, RIGHT, address("192.0.2.8")).await.ok(200);
        login(&d, EMAIL, RIGHT, stranger()).await.ok(200);
        // Attempts rejected because of the address do not count against the identifier.
        for _ in 0..20 {
            locked(&login(&d, EMAIL, "wrong horse", address("192.0.2.7")).await);
        }
        fail(&d, EMAIL, 4).await;
        d.world.clock.advance(HOUR_MS);
        login(&d, EMAIL, RIGHT, address("192.0.2.7")).await.ok(200);
    });
}

#[test]
fn an_impossible_client_is_an_invalid_body() {
    story(409, async |d| {
        for (client, field) in [
            (json!({ "ip": "localhost" }), "client.ip"),
            (json!({ "device_id": "" }), "client.device_id"),
            (json!({ "device_id": "x".repeat(257) }), "client.device_id"),
        ] {
            let reply = login(&d, EMAIL, RIGHT, client).await;
            assert_eq!(reply.rejected(422, "invalid_body").body["field"], field);
        }
    });
}

#[test]
fn guesses_of_the_current_password_are_limited_too() {
    story(410, async |d| {
        let id = d.register(0, EMAIL, RIGHT).await.id();
        let change = async |current: &str| {
            let body = json!({ "id": id, "current_password": current, "new_password": "another good horse 71" });
            d.call(0, "password/change", body).await
        };
        for _ in 0..5 {
            assert_eq!(change("wrong horse").await.ok(200).body["changed"], json!(false));
        }
        d.hasher.take();
        assert_eq!(locked(&change(RIGHT).await), 2);
        assert_eq!(d.hasher.take(), (0, 0));
        d.world.clock.advance(2_000);
        assert_eq!(change(RIGHT).await.ok(200).body["changed"], json!(true));
        let unknown =
            json!({ "id": "01890000-0000-7000-8000-000000000000", "current_password": "a", "new_password": RIGHT });
        d.call(0, "password/change", unknown).await.rejected(404, "user_not_found");
    });
}

#[test]
fn a_password_reset_ends_the_lock_out() {
    story(411, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        fail(&d, EMAIL, 5).await;
        locked(&login(&d, EMAIL, RIGHT, stranger()).await);
        let start = d.call(0, "password/reset/start", json!({ "email": EMAIL })).await;
        let token = start.ok(200).body["token"].clone();
        let new = "another good horse 71";
        d.call(0, "password/reset/finish", json!({ "token": token, "new_password": new })).await.ok(200);
        assert!(d.accepts(0, EMAIL, new).await);
    });
}

#[test]
fn every_region_counts_attempts_separately() {
    story(412, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        d.world.settle().await;
        fail(&d, EMAIL, 5).await;
        locked(&login(&d, EMAIL, RIGHT, stranger()).await);
        assert!(d.accepts(1, EMAIL, RIGHT).await);
    });
}

#[test]
fn unchecked_attempts_are_not_counted() {
    story(413, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        d.hasher.set_busy(Some(umoja_store::ports::Busy { retry_after_secs: 3 }));
        for _ in 0..20 {
            login(&d, EMAIL, RIGHT, stranger()).await.rejected(503, "busy");
        }
        d.hasher.set_busy(None);
        fail(&d, EMAIL, 4).await;
        assert!(d.accepts(0, EMAIL, RIGHT).await);
    });
}

/// Failure: attempts cannot be counted
#[test]
fn without_the_table_logins_continue_uncounted() {
    story(414, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        login(&d, EMAIL, RIGHT, device("phone")).await.ok(200);
        let attempts = &d.world.regions[0].faults.attempts;
        attempts.set_down(true);
        let client = || json!({ "ip": "192.0.2.7", "device_id": "phone" });
        for _ in 0..10 {
            assert_eq!(login(&d, EMAIL, "wrong horse", client()).await.ok(200).body["authenticated"], json!(false));
            assert_eq!(login(&d, EMAIL, RIGHT, client()).await.ok(200).body["authenticated"], json!(true));
        }
        attempts.heal();
        // A flood must not bypass the count: the caller has to retry attempts that were rejected as too many.
        attempts.then([Fault::Throttled]);
        assert_eq!(login(&d, EMAIL, RIGHT, stranger()).await.rejected(503, "busy").retry_after, Some(1));
        assert!(d.accepts(0, EMAIL, RIGHT).await);
    });
}

#[test]
fn every_failure_and_rejection_is_counted_once_by_reason() {
    story(415, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        let recorded = Recorded::start();
        let counted = || {
            [
                metric::LOGIN_FAILURES,
                metric::LOCKED_IDENTIFIERS,
                metric::LOCKED_PERSONS,
                metric::LOCKED_CLIENTS,
                metric::STUFFING_CLIENTS,
                metric::UNCOUNTED_LOGINS,
            ]
            .map(|name| recorded.take(name))
        };
        assert!(d.accepts(0, EMAIL, RIGHT).await);
        assert_eq!(counted(), [0; 6], "a successful login is not among them");
        fail(&d, EMAIL, 5).await;
        assert_eq!(counted(), [5, 0, 0, 0, 0, 0]);
        locked(&login(&d, EMAIL, RIGHT, stranger()).await);
        assert_eq!(counted(), [0, 1, 0, 0, 0, 0]);
        // Fifteen more failures with an identifier that is still open lock the person out.
        d.world.clock.advance(HOUR_MS);
        let id = d.call(0, "lookup", json!({ "email": EMAIL })).await.id();
        let by_id = async || {
            let body = json!({ "id": id, "password": "wrong horse" });
            d.call(0, "authenticate", body).await.status
        };
        for wait in [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 0] {
            fail(&d, EMAIL, 1).await;
            d.world.clock.advance(wait * 1000);
        }
        for status in [200, 200, 200, 200, 200, 429] {
            assert_eq!(by_id().await, status);
        }
        assert_eq!(counted(), [19, 1, 0, 0, 0, 0]);
        d.world.clock.advance(2_000);
        assert_eq!((by_id().await, by_id().await), (200, 429));
        assert_eq!(counted(), [1, 1, 0, 0, 0, 0]);
        d.world.clock.advance(4_000);
        d.call(0, "update", json!({ "id": id, "set": { "username": "ada" } })).await.ok(200);
        let by_name = json!({ "username": "ada", "password": "wrong horse" });
        d.call(0, "authenticate", by_name.clone()).await.ok(200);
        locked(&d.call(0, "authenticate", by_name).await);
        assert_eq!(counted(), [1, 0, 1, 0, 0, 0]);
        // The twentieth identifier that fails from one address is reported, and no further one.
        for number in 0..100 {
            let email = format!("p{number}@example.com");
            login(&d, &email, "wrong horse", address("192.0.2.7")).await.ok(200);
            assert_eq!(counted(), [1, 0, 0, 0, u64::from(number == 19), 0]);
        }
        locked(&login(&d, "absent@example.com", RIGHT, address("192.0.2.7")).await);
        assert_eq!(counted(), [0, 0, 0, 1, 0, 0]);
        d.world.regions[0].faults.attempts.set_down(true);
        fail(&d, "other@example.com", 1).await;
        assert_eq!(counted(), [1, 0, 0, 0, 0, 3], "the identifier, the person before, and the person after");
        d.call(0, "password/reset/finish", json!({ "token": "1.2.forged", "new_password": "another good horse 71" }))
            .await
            .rejected(409, "reset_token_invalid");
        assert_eq!(recorded.take(metric::FORGED_RESET_TOKENS), 1);
    });
}
