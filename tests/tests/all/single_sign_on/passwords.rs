//! The end of everything that began by a password that was replaced, in every region.

use std::pin::pin;

use serde_json::json;
use umoja_accounts::access::Standing;
use umoja_schema::{Part, UserId};
use umoja_tests::world::{killed_after, polled};

use super::authorize::sign_in_story;
use super::browser::{self, Browser, EMAIL, PASSWORD};
use super::people::{SignedUp, VERIFIER, redeeming};
use super::{Got, Sso, story};

const NEW: &str = "a second long password";

/// Changes the password of the person of a browser in a region.
async fn change(sso: &Sso, at: usize, id: UserId) {
    let body = json!({ "id": id, "current_password": PASSWORD, "new_password": NEW });
    assert_eq!(sso.d.call(at, "password/change", body).await.ok(200).body["changed"], true);
}

/// Whether a region finds the person of a browser signed in.
async fn is_signed_in(sso: &Sso, browser: &Browser, at: usize) -> bool {
    browser.clone().authorize(sso, at, &[("prompt", "none")]).await.error().is_none()
}

/// The answer to a code of a browser.
async fn redeem(sso: &Sso, at: usize, code: &str) -> Got {
    sso.ask(at, "web", &[], &redeeming(code, browser::CALLBACK, VERIFIER)).await
}

// ASVS 5.0 requirement 7.4.3
#[test]
fn a_password_that_was_changed_or_reset_ends_the_sessions_and_the_tokens_of_before() {
    story(1803, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        for is_reset in [false, true] {
            let (session, version) = (sso.sign_in(0, ada.id).await, sso.version(0, ada.id).await);
            let now = SignedUp { id: ada.id, email: ada.email.clone(), session, version };
            let got = sso.redeem(0, "web", &sso.code(0, "web", &now, "openid offline_access")).await;
            let unused = sso.code(0, "web", &now, "openid");
            sso.d.world.deliver().await;
            assert!(sso.accepts(0, "web", &got).await);
            if is_reset {
                let started = sso.d.call(0, "password/reset/start", json!({ "email": ada.email })).await;
                let body = json!({ "token": started.ok(200).body["token"], "new_password": "a third long password" });
                sso.d.call(0, "password/reset/finish", body).await.ok(200);
            } else {
                let passwords = ("correct horse battery staple", "a second long password");
                let body = json!({ "id": ada.id, "current_password": passwords.0, "new_password": passwords.1 });
                assert_eq!(sso.d.call(0, "password/change", body).await.ok(200).body["changed"], true);
            }
            assert!(!sso.accepts(0, "web", &got).await);
            assert_eq!(sso.redeem(0, "web", &unused).await.error(), (400, "invalid_grant"));
            sso.d.world.deliver().await;
            assert!(!sso.accepts(1, "web", &got).await);
        }
    });
}

// ASVS 5.0 requirement 7.4.3
#[test]
fn who_signs_in_by_the_former_password_where_the_change_has_not_arrived_is_out_once_it_has() {
    for is_reset in [false, true] {
        sign_in_story(1804 + u64::from(is_reset), json!({}), async |sso| {
            let offline = [("scope", "openid email offline_access")];
            let mut thief = Browser::default();
            let user = thief.whole(&sso, 0, &[]).await.code(&sso).user;
            sso.d.world.settle().await;
            if is_reset {
                let started = sso.d.call(0, "password/reset/start", json!({ "email": EMAIL })).await;
                let body = json!({ "token": started.ok(200).body["token"], "new_password": NEW });
                sso.d.call(0, "password/reset/finish", body).await.ok(200);
            } else {
                change(&sso, 0, user).await;
            }
            let mut owner = Browser::default();
            let page = owner.authorize(&sso, 0, &offline).await;
            let answer = owner.sign_in(&sso, 0, &page, NEW).await.answer("code").unwrap();
            // Both are signed in where the change is not known, and the owner where it is.
            let mut thief = Browser::default();
            let stolen = thief.whole(&sso, 1, &offline).await.answer("code").unwrap();
            let stolen = redeem(&sso, 1, &stolen).await;
            let own = redeem(&sso, 0, &answer).await;
            assert!(sso.accepts(1, "web", &stolen).await && sso.accepts(0, "web", &own).await);
            assert!(is_signed_in(&sso, &thief, 1).await && !is_signed_in(&sso, &thief, 0).await);
            assert!(is_signed_in(&sso, &owner, 0).await && is_signed_in(&sso, &owner, 1).await);
            let unused = thief.authorize(&sso, 1, &offline).await.answer("code").unwrap();
            sso.d.world.deliver().await;
            for at in [0, 1] {
                assert!(!sso.accepts(at, "web", &stolen).await && sso.accepts(at, "web", &own).await);
                assert!(!is_signed_in(&sso, &thief, at).await && is_signed_in(&sso, &owner, at).await);
                assert_eq!(redeem(&sso, at, &unused).await.error(), (400, "invalid_grant"));
            }
        });
    }
}

#[test]
fn who_signs_in_while_the_password_changes_is_out_wherever_the_two_meet() {
    sign_in_story(1806, json!({}), async |sso| {
        let user = Browser::default().whole(&sso, 0, &[]).await.code(&sso).user;
        let (mut was_signed_in, mut was_rejected, mut passwords) = (0, 0, [PASSWORD, NEW]);
        for polls in 0..40 {
            let [current, new] = passwords;
            let mut browser = Browser::default();
            let page = browser.authorize(&sso, 0, &[]).await;
            let answer = {
                let mut signing_in = pin!(browser.sign_in(&sso, 0, &page, current));
                let early = polled(polls, signing_in.as_mut()).await;
                let body = json!({ "id": user, "current_password": current, "new_password": new });
                assert_eq!(sso.d.call(0, "password/change", body).await.ok(200).body["changed"], true);
                match early {
                    Some(page) => page,
                    None => signing_in.await,
                }
            };
            passwords.swap(0, 1);
            if answer.status == 303 {
                was_signed_in += 1;
                let code = answer.answer("code").unwrap();
                assert_eq!(redeem(&sso, 0, &code).await.error(), (400, "invalid_grant"), "{polls}");
            } else {
                was_rejected += 1;
            }
            assert!(browser.session().is_none() || !is_signed_in(&sso, &browser, 0).await, "{polls}");
        }
        assert!(was_signed_in > 0 && was_rejected > 0, "{was_signed_in} {was_rejected}");
    });
}

#[test]
fn access_that_outlives_its_session_begins_in_no_moment_in_which_everything_ends() {
    story(1807, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let people = sso.d.world.regions[0].people();
        let (mut had_tokens, mut had_none) = (0, 0);
        for polls in 0..60 {
            let now = SignedUp { session: sso.sign_in(0, ada.id).await, email: ada.email.clone(), ..ada_of(&ada) };
            let code = sso.code(0, "web", &now, "openid offline_access");
            let got = {
                let mut redeeming = pin!(sso.redeem(0, "web", &code));
                let early = polled(polls, redeeming.as_mut()).await;
                people.end_all_sessions(ada.id).await.unwrap();
                match early {
                    Some(got) => got,
                    None => redeeming.await,
                }
            };
            if got.status == 200 {
                had_tokens += 1;
                assert!(!sso.accepts(0, "web", &got).await, "{polls}");
            } else {
                had_none += 1;
                assert_eq!(got.error(), (400, "invalid_grant"), "{polls}");
            }
        }
        assert!(had_tokens > 0 && had_none > 0, "{had_tokens} {had_none}");
    });
}

fn ada_of(ada: &SignedUp) -> SignedUp {
    let SignedUp { id, email, session, version } = ada;
    SignedUp { id: *id, email: email.clone(), session: session.clone(), version: version.clone() }
}

#[test]
fn a_password_that_is_changed_ends_the_sessions_wherever_its_process_is_killed() {
    sign_in_story(1808, json!({}), async |sso| {
        let user = Browser::default().whole(&sso, 0, &[]).await.code(&sso).user;
        let (mut kept, mut ended, mut passwords) = (0, 0, [PASSWORD, NEW]);
        for polls in 0..60 {
            let [current, new] = passwords;
            let mut browser = Browser::default();
            let page = browser.authorize(&sso, 0, &[]).await;
            browser.sign_in(&sso, 0, &page, current).await.code(&sso);
            let body = json!({ "id": user, "current_password": current, "new_password": new });
            let credentials = async || {
                let stored = sso.d.world.regions[0].home.own.users.part(user, Part::Credentials).await.unwrap();
                stored.unwrap().version
            };
            let before = credentials().await;
            killed_after(polls, sso.d.call(0, "password/change", body)).await;
            let is_changed = credentials().await != before;
            assert_eq!(is_signed_in(&sso, &browser, 0).await, !is_changed, "{polls}");
            if is_changed {
                passwords.swap(0, 1);
                ended += 1;
            } else {
                kept += 1;
            }
        }
        assert!(kept > 0 && ended > 0, "{kept} {ended}");
        let people = sso.d.world.regions[0].people();
        people.end_what_has_ended(user).await.unwrap();
        let standing = Standing::read(&people, user).await.unwrap().unwrap();
        assert!(standing.sessions().count() <= kept);
    });
}
