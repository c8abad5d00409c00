//! Companies that share users, and clocks that are set.

use umoja_schema::Scope;

use super::*;

#[test]
fn the_failures_of_one_company_block_no_address_at_another() {
    story(416, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        d.put_company(&d.food.company(&[Scope::Authenticate], false)).await;
        let at_food = async |email: &str| {
            let body = json!({ "email": email, "password": "wrong horse", "client": address("192.0.2.7") });
            d.call_as(&d.food, 0, "authenticate", body).await
        };
        for number in 0..100 {
            at_food(&format!("p{number}@example.com")).await.ok(200);
        }
        assert_eq!(locked(&at_food("absent@example.com").await), 2);
        let reply = login(&d, EMAIL, RIGHT, address("192.0.2.7")).await;
        assert_eq!(reply.ok(200).body["authenticated"], json!(true));
    });
}

#[test]
fn one_company_makes_a_user_wait_at_another_for_at_most_fifteen_minutes() {
    story(417, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        let known = || device("phone");
        login(&d, EMAIL, RIGHT, known()).await.ok(200);
        let at_food = async || d.call_as(&d.food, 0, "authenticate", json!({ "email": EMAIL, "password": "x" })).await;
        for _ in 0..40 {
            let reply = at_food().await;
            assert!(reply.retry_after.unwrap_or_default() <= 900);
            d.world.clock.advance(u64::from(reply.retry_after.unwrap_or_default()) * 1000);
        }
        at_food().await;
        let wait = locked(&login(&d, EMAIL, RIGHT, stranger()).await);
        assert!((1..=900).contains(&wait), "{wait}");
        assert_eq!(login(&d, EMAIL, RIGHT, known()).await.ok(200).body["authenticated"], json!(true));
        d.world.clock.advance(u64::from(wait) * 1000);
        assert!(d.accepts(0, EMAIL, RIGHT).await);
    });
}

#[test]
fn a_lock_out_ends_when_the_clock_goes_back() {
    story(418, async |d| {
        d.register(0, EMAIL, RIGHT).await.ok(201);
        let clock = &d.world.regions[0].clock;
        let ahead: u32 = 7 * 24 * 3600;
        let login = async |email: &str, password: &str, client: Value, ahead: u32| {
            let body = json!({ "email": email, "password": password, "client": client });
            d.shop.call(&d.endpoints[0], "authenticate", d.now() + u64::from(ahead), body).await
        };
        clock.set_skew(i64::from(ahead) * 1000);
        for number in 0..100 {
            login(&format!("p{number}@example.com"), "wrong horse", address("192.0.2.7"), ahead).await.ok(200);
        }
        locked(&login("absent@example.com", "x", address("192.0.2.7"), ahead).await);
        for _ in 0..5 {
            login(EMAIL, "wrong horse", stranger(), ahead).await.ok(200);
        }
        locked(&login(EMAIL, RIGHT, stranger(), ahead).await);
        clock.set_skew(0);
        // The failures still count, but the locks have ended. The next failure sets one by the right clock.
        assert_eq!(login(EMAIL, "wrong horse", stranger(), 0).await.ok(200).body["authenticated"], json!(false));
        assert_eq!(locked(&login(EMAIL, RIGHT, stranger(), 0).await), 4);
        d.world.clock.advance(4_000);
        assert_eq!(login(EMAIL, RIGHT, address("192.0.2.7"), 0).await.ok(200).body["authenticated"], json!(true));
    });
}
