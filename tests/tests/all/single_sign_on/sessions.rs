//! How long a session counts.

use serde_json::json;
use umoja_accounts::access::Standing;

use super::Sso;
use super::authorize::sign_in_story;
use super::browser::{Browser, PASSWORD};

const MINUTE: u64 = 60_000;

/// Whether the person of a browser is signed in, in a region.
async fn is_signed_in(sso: &Sso, browser: &Browser, at: usize) -> bool {
    let page = browser.clone().authorize(sso, at, &[("prompt", "none")]).await;
    match page.error().as_deref() {
        None => true,
        Some("login_required") => false,
        Some(other) => panic!("{other}"),
    }
}

#[test]
fn a_session_counts_for_a_minute_where_its_row_has_not_arrived() {
    sign_in_story(1751, json!({}), async |sso| {
        let mut browser = Browser::default();
        browser.whole(&sso, 0, &[]).await.code(&sso);
        assert!(is_signed_in(&sso, &browser, 1).await);
        sso.d.world.clock.advance(MINUTE);
        assert!(!is_signed_in(&sso, &browser, 1).await);
        assert!(is_signed_in(&sso, &browser, 0).await);
        sso.d.world.settle().await;
        assert!(is_signed_in(&sso, &browser, 1).await);
    });
}

#[test]
fn a_session_ends_after_twelve_hours_and_after_four_without_use() {
    sign_in_story(1752, json!({}), async |sso| {
        let mut browser = Browser::default();
        browser.whole(&sso, 0, &[]).await.code(&sso);
        let first = browser.session().unwrap().to_owned();
        let clock = &sso.d.world.clock;
        clock.advance(MINUTE);
        browser.authorize(&sso, 0, &[]).await.code(&sso);
        assert_eq!(browser.session(), Some(first.as_str()), "a use is noted each five minutes");
        let unused = browser.clone();
        for _ in 0..3 {
            clock.advance(4 * 60 * MINUTE - 2 * MINUTE);
            assert!(is_signed_in(&sso, &browser, 0).await);
            browser.authorize(&sso, 0, &[]).await.code(&sso);
            assert_ne!(browser.session(), Some(first.as_str()));
            assert!(!is_signed_in(&sso, &unused, 0).await || sso.now() < 4 * 3600 + 1_800_000_000);
        }
        assert!(!is_signed_in(&sso, &unused, 0).await);
        clock.advance(6 * MINUTE);
        assert!(!is_signed_in(&sso, &browser, 0).await);
    });
}

#[test]
fn a_person_sees_the_device_of_a_session_and_who_reads_the_table_does_not() {
    sign_in_story(1759, json!({}), async |sso| {
        let code = Browser::default().whole(&sso, 0, &[]).await.code(&sso);
        sso.d.world.settle().await;
        let people = sso.d.world.regions[1].people();
        let standing = Standing::read(&people, code.user).await.unwrap().unwrap();
        let session = standing.sessions().next().unwrap();
        let label = people.label(session).unwrap();
        assert_eq!((label.browser.as_deref(), label.system.as_deref()), (Some("Firefox"), Some("Linux")));
        assert!(!String::from_utf8_lossy(session.label.as_ref().unwrap()).contains("Firefox"));
    });
}

/// Something that ends what a person may do.
type Ends = (&'static str, serde_json::Value);

#[test]
fn who_is_disabled_or_erased_has_to_sign_in_and_cannot() {
    let ends: [Ends; 2] = [("status", json!({ "status": "disabled" })), ("erase", json!({}))];
    for (n, (operation, body)) in ends.into_iter().enumerate() {
        sign_in_story(1753 + n as u64, json!({}), async |sso| {
            let mut browser = Browser::default();
            let user = browser.whole(&sso, 0, &[]).await.code(&sso).user;
            sso.d.world.settle().await;
            assert!(is_signed_in(&sso, &browser, 1).await);
            let mut body = body.clone();
            body["id"] = json!(user);
            let reply = sso.d.call(0, operation, body).await;
            assert!(reply.status < 300, "{operation}: {} {}", reply.status, reply.body);
            assert!(!is_signed_in(&sso, &browser, 0).await, "{operation}");
            sso.d.world.settle().await;
            assert!(!is_signed_in(&sso, &browser, 1).await, "{operation}");
            let page = browser.authorize(&sso, 1, &[]).await;
            let page = browser.sign_in(&sso, 1, &page, PASSWORD).await;
            assert!(page.html.contains("The name or the password is wrong."), "{operation}");
        });
    }
}

#[test]
fn a_session_that_has_ended_does_not_come_back() {
    sign_in_story(1757, json!({}), async |sso| {
        let mut browser = Browser::default();
        let code = browser.whole(&sso, 0, &[]).await.code(&sso);
        // The end arrives in the other region before the session does.
        sso.d.world.regions[1].people().end_session(code.user, &code.session).await.unwrap();
        assert!(!is_signed_in(&sso, &browser, 1).await);
        assert!(is_signed_in(&sso, &browser, 0).await);
        sso.d.world.settle().await;
        for at in [0, 1] {
            assert!(!is_signed_in(&sso, &browser, at).await);
        }
    });
}

#[test]
fn a_sign_in_by_password_costs_two_calls_of_the_kms_and_a_session_one() {
    sign_in_story(1758, json!({ "first_party": false }), async |mut sso| {
        sso.forget_keys();
        let mut browser = Browser::default();
        let page = browser.authorize(&sso, 0, &[]).await;
        sso.d.world.reset_calls();
        assert_eq!(browser.sign_in(&sso, 0, &page, PASSWORD).await.title(), "Allow access");
        assert!(sso.d.world.kms_calls() <= 2, "{}", sso.d.world.kms_calls());
        sso.forget_keys();
        sso.d.world.reset_calls();
        let faults = &sso.d.world.regions[0].faults.tables;
        assert_eq!(browser.authorize(&sso, 0, &[]).await.title(), "Allow access");
        assert!(sso.d.world.kms_calls() <= 1, "{}", sso.d.world.kms_calls());
        // The rows of a person are read once in a request.
        assert_eq!(faults.calls().get("items").copied(), Some(1), "{:?}", faults.calls());
    });
}
