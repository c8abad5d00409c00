//! Codes, redeemed in the region that issued them and in another one.

use serde_json::json;
use umoja_crypto::jws::{Jwk, half_hash, parse_jwt, verify_jwt};
use umoja_oidc::pkce;

use super::people::{CALLBACK, CHALLENGE, VERIFIER, redeeming, web};
use super::{ISSUER, Sso, basic, story};

const REJECTED: (u16, &str) = (400, "invalid_grant");
const LATER: (u16, &str) = (503, "temporarily_unavailable");

/// The verified claims of an id token.
async fn id_token(sso: &Sso, at: usize, token: &str) -> serde_json::Map<String, serde_json::Value> {
    let jwks = axum::http::Request::get("/oauth2/jwks").body(axum::body::Body::empty()).unwrap();
    let jwks = sso.send(at, jwks).await.body;
    let kid = parse_jwt(token).unwrap().header("kid").unwrap().to_owned();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap();
    verify_jwt(token, "JWT", Jwk::parse(jwk).unwrap().key()).unwrap().claims
}

// oidcc-server, oidcc-userinfo-get, oidcc-idtoken-signature, oidcc-nonce-unless-code-flow
#[test]
fn a_code_of_one_region_gives_the_tokens_of_the_person_in_another() {
    story(1731, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        let code = sso.code(0, "web", &ada, "openid email orders offline_access");
        let got = sso.redeem(1, "web", &code).await;
        assert_eq!((got.status, &got.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
        assert_eq!(
            (&got.body["token_type"], &got.body["scope"]),
            (&json!("Bearer"), &json!("email offline_access openid orders"))
        );
        let (access, id) = (got.text("access_token"), id_token(&sso, 0, got.text("id_token")).await);
        assert_eq!((&id["iss"], &id["aud"], &id["nonce"]), (&json!(ISSUER), &json!("web"), &json!("a-nonce")));
        let sid = sso.d.world.regions[0].secrets().session_name(&ada.session.id, "web");
        assert_eq!((&id["sid"], &id["at_hash"]), (&json!(sid), &json!(half_hash(access))));
        assert_eq!((&id["auth_time"], &id["amr"]), (&json!(ada.session.auth_time.secs()), &json!(["pwd"])));
        assert_eq!((&id["acr"], id.get("email")), (&json!("1"), None));
        assert_eq!(sso.userinfo(0, access).await.status, 200, "the family has not arrived, and is young");
        sso.d.world.clock.advance(60_000);
        assert_eq!(sso.userinfo(0, access).await.error(), LATER, "neither has its end");
        sso.d.world.deliver().await;
        assert_eq!(sso.userinfo(0, access).await.status, 200);
    });
}

#[test]
fn a_sign_on_with_a_session_writes_nothing_that_is_replicated() {
    story(1730, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let redeemed = async |sso: &Sso, scopes| {
            sso.redeem(0, "web", &sso.code(0, "web", &ada, scopes)).await;
            sso.d.world.changes(0).len()
        };
        // The client's name for the person, and that it is to learn of the end of the session.
        let first = redeemed(&sso, "openid").await;
        assert_eq!(redeemed(&sso, "openid email").await, first);
        // The family, and how many the client has.
        assert_eq!(redeemed(&sso, "openid offline_access").await, first + 2);
    });
}

#[test]
fn userinfo_has_the_claims_of_the_scopes_and_the_name_of_the_person() {
    story(1732, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let got = sso.redeem(0, "web", &sso.code(0, "web", &ada, "openid email")).await;
        let id = id_token(&sso, 0, got.text("id_token")).await;
        let userinfo = sso.userinfo(0, got.text("access_token")).await;
        assert_eq!(userinfo.body, json!({ "sub": id["sub"], "email": "ada@example.com", "email_verified": true }));
        assert_eq!(userinfo.headers["cache-control"], "no-store");
        // A token without the scope, and one of a client by itself.
        let plain = sso.redeem(0, "web", &sso.code(0, "web", &ada, "orders")).await;
        assert!(plain.body.get("id_token").is_none());
        let by_itself = sso.token(0, "till", "").await;
        for token in [plain.text("access_token"), by_itself.text("access_token")] {
            assert_eq!(sso.userinfo(0, token).await.error(), (403, "insufficient_scope"));
        }
        for token in ["x", got.text("id_token"), got.text("refresh_token")] {
            let answer = sso.userinfo(0, token).await;
            assert_eq!(answer.error(), (401, "invalid_token"));
            assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
        }
    });
}

// oidcc-codereuse, oidcc-codereuse-30seconds
#[test]
fn a_code_that_is_used_again_ends_what_it_gave_in_every_region() {
    for (seed, again_at) in [(1733, 0), (1734, 1)] {
        story(seed, async |mut sso| {
            sso.with_clients().await;
            let ada = sso.person(0, "ada@example.com").await;
            sso.d.world.settle().await;
            let session = sso.sign_in(0, ada.id).await;
            let ada = super::people::SignedUp { session, ..ada };
            sso.d.world.deliver().await;
            for scopes in ["openid", "openid offline_access"] {
                let code = sso.code(0, "web", &ada, scopes);
                let got = sso.redeem(0, "web", &code).await;
                assert_eq!(got.status, 200, "{}", got.body);
                assert!(sso.accepts(0, "web", &got).await);
                assert_eq!(sso.redeem(again_at, "web", &code).await.error(), REJECTED);
                assert!(!sso.accepts(again_at, "web", &got).await);
                sso.d.world.deliver().await;
                for at in 0..2 {
                    assert!(!sso.accepts(at, "web", &got).await);
                    assert_eq!(sso.redeem(at, "web", &code).await.error(), REJECTED);
                }
            }
        });
    }
}

#[test]
fn of_fifty_uses_at_once_one_wins_at_most_and_nothing_of_it_stays() {
    story(1735, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.settle().await;
        let session = sso.sign_in(0, ada.id).await;
        let ada = super::people::SignedUp { session, ..ada };
        sso.d.world.deliver().await;
        for is_pausing in [false, true] {
            let code = sso.code(0, "web", &ada, "openid");
            let at_once = |n: usize| sso.redeem(n % 2, "web", &code);
            sso.d.world.set_pausing(is_pausing);
            let answers = futures_util::future::join_all((0..50).map(at_once)).await;
            sso.d.world.set_pausing(false);
            let won: Vec<_> = answers.iter().filter(|got| got.status == 200).collect();
            assert!(won.len() <= 1 && (is_pausing || won.len() == 1));
            assert!(answers.iter().all(|got| got.status == 200 || got.error() == REJECTED));
            sso.d.world.deliver().await;
            for (got, at) in won.iter().flat_map(|got| [(got, 0), (got, 1)]) {
                assert!(!sso.accepts(at, "web", got).await);
            }
        }
    });
}

// oidcc-ensure-redirect-uri-in-authorization-request, oidcc-redirect-uri-query-mismatch; RFC 7636 section 4.6
#[test]
fn a_code_with_another_client_redirect_or_verifier_gives_no_token_and_is_not_used_up() {
    story(1736, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let code = sso.code(0, "web", &ada, "openid");
        let other_verifier = VERIFIER.replace('d', "e");
        assert!(!pkce::verifies(CHALLENGE, CHALLENGE));
        for (id, uri, verifier) in [
            ("other", CALLBACK, VERIFIER),
            ("app", CALLBACK, VERIFIER),
            ("web", "https://web.example/callback/", VERIFIER),
            ("web", "https://web.example/callback?x", VERIFIER),
            ("web", CALLBACK, other_verifier.as_str()),
            // The downgrade to `plain`: the challenge itself.
            ("web", CALLBACK, CHALLENGE),
        ] {
            let got = sso.ask(0, id, &[], &redeeming(&code, uri, verifier)).await;
            assert_eq!(got.error(), REJECTED, "{id} {uri} {verifier}");
        }
        for missing in ["code", "redirect_uri", "code_verifier"] {
            let form = redeeming(&code, CALLBACK, VERIFIER);
            let form: Vec<_> = form.split('&').filter(|one| !one.starts_with(&format!("{missing}="))).collect();
            assert_eq!(sso.ask(0, "web", &[], &form.join("&")).await.error(), (400, "invalid_request"), "{missing}");
        }
        assert_eq!(sso.redeem(0, "web", &code).await.status, 200);
        let late = sso.code(0, "web", &ada, "openid");
        sso.d.world.clock.advance(60_000);
        assert_eq!(sso.redeem(0, "web", &late).await.error(), REJECTED);
    });
}

#[test]
fn a_code_is_redeemed_before_its_session_arrives_and_not_before_its_person() {
    story(1737, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let code = sso.code(0, "web", &ada, "openid email");
        tokio::time::pause();
        assert_eq!(sso.redeem(1, "web", &code).await.error(), LATER);
        sso.d.world.deliver().await;
        // The person and the session are here, and a later session is not.
        let session = sso.sign_in(0, ada.id).await;
        let ada = super::people::SignedUp { session, ..ada };
        let got = sso.redeem(1, "web", &sso.code(0, "web", &ada, "openid email")).await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert!(sso.accepts(1, "web", &got).await);
        assert_eq!(sso.redeem(1, "web", &code).await.status, 200, "the first code was not used up");
        // The other region has neither the session nor the family.
        assert!(sso.accepts(0, "web", &got).await);
        sso.d.world.clock.advance(60_000);
        let old = sso.code(0, "web", &ada, "openid");
        assert_eq!(
            sso.redeem(1, "web", &old).await.error(),
            REJECTED,
            "a session without a row is over after a minute"
        );
    });
}

#[test]
fn a_code_waits_for_the_person_that_arrives_meanwhile() {
    story(1738, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let code = sso.code(0, "web", &ada, "openid");
        tokio::time::pause();
        let arriving = async {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            sso.d.world.deliver().await;
        };
        let (got, ()) = tokio::join!(sso.redeem(1, "web", &code), arriving);
        assert_eq!(got.status, 200, "{}", got.body);
    });
}

#[test]
fn a_code_whose_region_is_out_is_not_used_up() {
    story(1739, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        sso.d.world.deliver().await;
        let code = sso.code(0, "web", &ada, "openid");
        sso.d.world.set_cut(1, 0, true);
        let got = sso.redeem(1, "web", &code).await;
        assert_eq!((got.error(), &got.headers["retry-after"]), (LATER, &"1".parse().unwrap()));
        sso.d.world.set_cut(1, 0, false);
        assert_eq!(sso.redeem(1, "web", &code).await.status, 200);
        assert_eq!(sso.redeem(0, "web", &code).await.error(), REJECTED);
    });
}

#[test]
fn a_code_of_a_person_who_left_is_rejected() {
    story(1740, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let one = sso.code(0, "web", &ada, "openid");
        let people = sso.d.world.regions[0].people();
        people.end_session(ada.id, &ada.session.id).await.unwrap();
        assert_eq!(sso.redeem(0, "web", &one).await.error(), REJECTED);
        let baraka = sso.person(0, "baraka@example.com").await;
        let two = sso.code(0, "web", &baraka, "openid");
        people.consent(baraka.id, "web", &["openid".to_owned()].into()).await.unwrap();
        people.withdraw(baraka.id, "web").await.unwrap();
        assert_eq!(sso.redeem(0, "web", &two).await.error(), REJECTED);
        let chidi = sso.person(0, "chidi@example.com").await;
        let three = sso.code(0, "web", &chidi, "openid");
        sso.d.world.disable(0, chidi.id).await.unwrap();
        assert_eq!(sso.redeem(0, "web", &three).await.error(), REJECTED);
        sso.d.world.erase(0, chidi.id).await.unwrap();
        assert_eq!(sso.redeem(0, "web", &three).await.error(), REJECTED);
    });
}

#[test]
fn a_client_gets_only_what_it_is_registered_for() {
    story(1741, async |mut sso| {
        sso.with_clients().await;
        let ada = sso.person(0, "ada@example.com").await;
        let mut once = web("once");
        once["grant_types"] = json!(["authorization_code"]);
        once["id_token_signed_response_alg"] = json!("RS256");
        sso.put(once).await;
        sso.restart();
        let got = sso.redeem(0, "once", &sso.code(0, "once", &ada, "openid offline_access")).await;
        assert_eq!((got.status, got.body.get("refresh_token")), (200, None));
        assert_eq!(parse_jwt(got.text("id_token")).unwrap().header("alg"), Some("RS256"));
        let header = [("authorization", &*basic("till", super::SECRET))];
        let by_code = sso.post(0, "/oauth2/token", &header, &redeeming("x", CALLBACK, VERIFIER)).await;
        assert_eq!(by_code.error(), (400, "unauthorized_client"));
        assert_eq!(sso.refresh(0, "once", "x").await.error(), (400, "unauthorized_client"));
        // The end of the session is that of the token too.
        let people = sso.d.world.regions[0].people();
        assert_eq!(people.end_session(ada.id, &ada.session.id).await.unwrap(), ["once".to_owned()].into());
        assert_eq!(sso.userinfo(0, got.text("access_token")).await.error(), (401, "invalid_token"));
        assert_eq!(sso.state(0, "once", got.text("access_token")).await, json!({ "active": false }));
    });
}
