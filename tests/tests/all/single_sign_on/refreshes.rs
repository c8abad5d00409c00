//! Refresh tokens, at two regions.

use serde_json::json;
use umoja_accounts::access::Standing;
use umoja_crypto::jws::parse_jwt;
use umoja_oidc::code::Code;

use super::people::{SignedUp, web};
use super::{Got, Sso, story};

const REJECTED: (u16, &str) = (400, "invalid_grant");
const LATER: (u16, &str) = (503, "temporarily_unavailable");

/// A person whose client has redeemed a code in the first region, and nothing of it has arrived elsewhere but the person.
async fn begun(sso: &mut Sso, id: &str, scopes: &str) -> (SignedUp, Got) {
    sso.with_clients().await;
    let ada = sso.person(0, "ada@example.com").await;
    sso.d.world.settle().await;
    let ada = SignedUp { session: sso.sign_in(0, ada.id).await, ..ada };
    let got = sso.redeem(0, id, &sso.code(0, id, &ada, scopes)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    (ada, got)
}

/// What the client calls the person.
fn sub(got: &Got) -> String {
    parse_jwt(got.text("id_token")).unwrap().claimed("sub").unwrap().to_owned()
}

// oidcc-refresh-token
#[test]
fn a_confidential_client_keeps_its_refresh_token_and_its_name_of_the_person() {
    story(1751, async |mut sso| {
        let (_, got) = begun(&mut sso, "web", "openid email offline_access").await;
        let token = got.text("refresh_token");
        for at in [0, 1, 0] {
            let refreshed = sso.refresh(at, "web", token).await;
            assert_eq!((refreshed.status, refreshed.body.get("refresh_token")), (200, None), "{}", refreshed.body);
            assert_eq!((sub(&refreshed), refreshed.text("scope")), (sub(&got), "email offline_access openid"));
            assert!(parse_jwt(refreshed.text("id_token")).unwrap().claimed("nonce").is_none());
            assert_eq!(sso.userinfo(at, refreshed.text("access_token")).await.status, 200);
        }
        let fewer =
            sso.ask(1, "web", &[], &format!("grant_type=refresh_token&refresh_token={token}&scope=email")).await;
        assert_eq!((fewer.text("scope"), fewer.body.get("id_token")), ("email", None));
        let more =
            sso.ask(1, "web", &[], &format!("grant_type=refresh_token&refresh_token={token}&scope=orders")).await;
        assert_eq!(more.error(), (400, "invalid_scope"));
        for id in ["other", "app"] {
            assert_eq!(sso.refresh(0, id, token).await.error(), REJECTED);
        }
        assert_eq!(sso.refresh(0, "web", got.text("access_token")).await.error(), REJECTED);
    });
}

#[test]
fn a_scope_that_an_operator_takes_from_a_client_is_in_no_later_token_and_shows_no_claim() {
    story(1761, async |mut sso| {
        let (ada, got) = begun(&mut sso, "web", "openid email offline_access").await;
        let email = async |sso: &Sso, token: &str| sso.userinfo(0, token).await.body.get("email").cloned();
        assert_eq!(email(&sso, got.text("access_token")).await, Some(json!(ada.email)));
        let mut without = web("web");
        without["scopes"] = json!(["openid", "offline_access"]);
        without["revision"] = json!(2);
        sso.put(without).await;
        sso.restart();
        assert_eq!(email(&sso, got.text("access_token")).await, None, "a token of before");
        let refreshed = sso.refresh(0, "web", got.text("refresh_token")).await;
        assert_eq!(refreshed.text("scope"), "offline_access openid");
        assert_eq!(email(&sso, refreshed.text("access_token")).await, None);
        let state = sso.state(0, "web", refreshed.text("access_token")).await;
        assert_eq!(state["scope"], "offline_access openid");
    });
}

#[test]
fn a_public_client_gets_the_same_next_token_in_every_region_within_the_grace() {
    story(1752, async |mut sso| {
        let (_, got) = begun(&mut sso, "app", "openid").await;
        let zero = got.text("refresh_token");
        // The family has not arrived in the second region. The answers of the first two were lost.
        let one: Vec<_> =
            [sso.refresh(0, "app", zero).await, sso.refresh(1, "app", zero).await, sso.refresh(0, "app", zero).await]
                .into();
        let next = one[0].text("refresh_token");
        assert!(next != zero && one.iter().all(|got| got.text("refresh_token") == next));
        sso.d.world.deliver().await;
        sso.d.world.clock.advance(30_000);
        assert_eq!(sso.refresh(1, "app", zero).await.text("refresh_token"), next);
        let two = sso.refresh(1, "app", next).await;
        assert!(sso.accepts(0, "app", &two).await);
    });
}

// oidcc-refresh-token (rotation), RFC 9700 section 4.14.2
#[test]
fn a_refresh_token_that_two_holders_use_ends_the_family_everywhere() {
    story(1753, async |mut sso| {
        let (_, got) = begun(&mut sso, "app", "openid offline_access").await;
        let zero = got.text("refresh_token").to_owned();
        let next = sso.refresh(0, "app", &zero).await;
        sso.d.world.deliver().await;
        sso.d.world.clock.advance(40_001);
        assert_eq!(sso.refresh(1, "app", &zero).await.error(), REJECTED, "the thief");
        assert_eq!(sso.refresh(1, "app", next.text("refresh_token")).await.error(), REJECTED);
        sso.d.world.deliver().await;
        for at in 0..2 {
            assert!(!sso.accepts(at, "app", &next).await);
        }
    });
}

#[test]
fn the_uses_of_a_token_in_two_regions_end_the_family_once_they_have_met() {
    story(1754, async |mut sso| {
        let (_, got) = begun(&mut sso, "app", "openid").await;
        sso.d.world.deliver().await;
        let zero = got.text("refresh_token").to_owned();
        let victim = sso.refresh(0, "app", &zero).await;
        sso.d.world.clock.advance(41_000);
        let thief = sso.refresh(1, "app", &zero).await;
        assert_eq!((victim.status, thief.status), (200, 200), "the regions have not met");
        sso.d.world.deliver().await;
        for (at, got) in [(0, &victim), (1, &thief), (0, &thief), (1, &victim)] {
            assert!(!sso.accepts(at, "app", got).await);
        }
    });
}

#[test]
fn an_honest_client_is_asked_to_come_again_while_a_region_does_not_know_its_family() {
    for (seed, id) in [(1755, "web"), (1756, "app")] {
        story(seed, async |mut sso| {
            let (_, got) = begun(&mut sso, id, "openid").await;
            let token = got.text("refresh_token");
            sso.d.world.clock.advance(60_000);
            assert_eq!(sso.refresh(1, id, token).await.error(), LATER);
            assert_eq!(sso.userinfo(1, got.text("access_token")).await.error(), LATER);
            sso.d.world.deliver().await;
            assert_eq!(sso.refresh(1, id, token).await.status, 200);
        });
    }
}

#[test]
fn a_person_who_has_not_arrived_is_not_rejected_and_an_erased_one_is() {
    story(1757, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let got = sso.redeem(0, "web", &sso.code(0, "web", &ada, "openid")).await;
        for id in ["web", "app"] {
            let got = sso.redeem(0, id, &sso.code(0, id, &ada, "openid")).await;
            assert_eq!(sso.refresh(1, id, got.text("refresh_token")).await.error(), LATER);
        }
        sso.d.world.deliver().await;
        assert!(sso.accepts(1, "web", &got).await);
        sso.d.world.erase(0, ada.id).await.unwrap();
        assert!(!sso.accepts(0, "web", &got).await);
        sso.d.world.deliver().await;
        assert!(!sso.accepts(1, "web", &got).await);
    });
}

#[test]
fn a_family_ends_with_its_session_and_offline_access_does_not() {
    story(1758, async |mut sso| {
        let (ada, with) = begun(&mut sso, "web", "openid").await;
        let offline = sso.redeem(0, "web", &sso.code(0, "web", &ada, "openid offline_access")).await;
        sso.d.world.deliver().await;
        sso.d.world.regions[0].people().end_session(ada.id, &ada.session.id).await.unwrap();
        for _ in 0..2 {
            assert!(!sso.accepts(0, "web", &with).await && sso.accepts(0, "web", &offline).await);
            sso.d.world.deliver().await;
            assert!(!sso.accepts(1, "web", &with).await && sso.accepts(1, "web", &offline).await);
        }
        // Nor does a session that ends by itself.
        let session = sso.sign_in(0, ada.id).await;
        let ada = SignedUp { session, ..ada };
        let with = sso.redeem(0, "web", &sso.code(0, "web", &ada, "openid")).await;
        sso.d.world.clock.advance(super::people::DAY);
        assert_eq!(sso.refresh(0, "web", with.text("refresh_token")).await.error(), REJECTED);
        assert_eq!(sso.refresh(0, "web", offline.text("refresh_token")).await.status, 200);
        sso.d.world.clock.advance(30 * super::people::DAY);
        assert_eq!(sso.refresh(0, "web", offline.text("refresh_token")).await.error(), REJECTED);
    });
}

#[test]
fn what_a_person_had_that_was_disabled_does_not_come_back_with_the_person() {
    story(1759, async |mut sso| {
        let (ada, got) = begun(&mut sso, "web", "openid offline_access").await;
        sso.d.world.deliver().await;
        sso.d.world.disable(0, ada.id).await.unwrap();
        assert!(!sso.accepts(0, "web", &got).await && sso.accepts(1, "web", &got).await);
        sso.d.world.deliver().await;
        assert!(!sso.accepts(1, "web", &got).await);
        sso.d.call(1, "status", json!({ "id": ada.id, "status": "active" })).await.ok(200);
        sso.d.world.deliver().await;
        for at in [0, 1] {
            assert!(!sso.accepts(at, "web", &got).await);
        }
        let now = SignedUp { session: sso.sign_in(1, ada.id).await, version: sso.version(1, ada.id).await, ..ada };
        let got = sso.redeem(0, "web", &sso.code(1, "web", &now, "openid offline_access")).await;
        assert!(sso.accepts(1, "web", &got).await);
    });
}

#[test]
fn a_consent_that_was_withdrawn_and_given_again_keeps_the_name_and_not_the_tokens() {
    story(1760, async |mut sso| {
        let (ada, got) = begun(&mut sso, "web", "openid offline_access").await;
        let scopes = ["openid", "offline_access"].map(str::to_owned).into();
        let at = |at: usize| sso.d.world.regions[at].people();
        at(0).consent(ada.id, "web", &scopes).await.unwrap();
        sso.d.world.deliver().await;
        assert!(sso.accepts(1, "web", &got).await);
        sso.d.world.clock.advance(1_000);
        at(1).withdraw(ada.id, "web").await.unwrap();
        assert!(!sso.accepts(1, "web", &got).await && sso.accepts(0, "web", &got).await);
        sso.d.world.deliver().await;
        assert!(!sso.accepts(0, "web", &got).await);
        // Given again in one region, and redeemed in the other before the word has arrived there.
        sso.d.world.clock.advance(1_000);
        at(0).consent(ada.id, "web", &scopes).await.unwrap();
        let withdrawal = Standing::read(&at(0), ada.id).await.unwrap().unwrap().withdrawal(ada.id, "web");
        let code = sso.sealed(&Code { withdrawal, ..sso.issued(0, "web", &ada, "openid offline_access") });
        assert_eq!(sso.redeem(1, "web", &code).await.error(), LATER);
        sso.d.world.deliver().await;
        let again = sso.redeem(1, "web", &code).await;
        assert!(sso.accepts(1, "web", &again).await && !sso.accepts(1, "web", &got).await);
        assert_eq!(sub(&got), sub(&again));
    });
}

#[test]
fn a_merge_changes_the_name_of_no_person_whom_a_client_knows() {
    story(1761, async |mut sso| {
        let (ada, of_ada) = begun(&mut sso, "web", "openid offline_access").await;
        sso.d.world.clock.advance(1_000);
        let other = sso.person(0, "countess@example.com").await;
        let of_other = sso.redeem(0, "web", &sso.code(0, "web", &other, "openid offline_access")).await;
        assert_ne!(sub(&of_ada), sub(&of_other));
        sso.d.world.settle().await;
        sso.d.world.merge(0, other.id, Some(ada.id)).await.unwrap();
        sso.d.world.settle().await;
        for got in [&of_ada, &of_other] {
            let refreshed = sso.refresh(1, "web", got.text("refresh_token")).await;
            assert_eq!(sub(&refreshed), sub(got));
            let userinfo = sso.userinfo(1, refreshed.text("access_token")).await;
            assert_eq!(userinfo.text("sub"), sub(got));
        }
        // Who signs in again, as whichever of the two, has the name that is older.
        for user in [ada.id, other.id] {
            let (session, version) = (sso.sign_in(1, user).await, sso.version(1, user).await);
            let again = SignedUp { id: user, email: String::new(), session, version };
            let got = sso.redeem(1, "web", &sso.code(1, "web", &again, "openid")).await;
            assert_eq!(sub(&got), sub(&of_ada));
        }
    });
}

// oidcc-subject-type pairwise: OpenID Connect Core section 8.1
#[test]
fn clients_of_two_sectors_have_two_names_for_a_person() {
    story(1762, async |mut sso| {
        let (ada, got) = begun(&mut sso, "web", "openid").await;
        for (id, host) in [("one", "one.example"), ("same", "one.example"), ("two", "two.example")] {
            let mut pairwise = web(id);
            pairwise["subject_type"] = json!("pairwise");
            pairwise["sector_identifier"] = json!(host);
            sso.put(pairwise).await;
        }
        sso.restart();
        let mut subs = vec![sub(&got)];
        for id in ["one", "same", "two"] {
            let got = sso.redeem(0, id, &sso.code(0, id, &ada, "openid")).await;
            assert_eq!(sso.userinfo(0, got.text("access_token")).await.text("sub"), sub(&got));
            subs.push(sub(&got));
        }
        assert_eq!(subs[1], subs[2]);
        assert!(subs[0] != subs[1] && subs[1] != subs[3] && subs[0] != subs[3]);
    });
}
