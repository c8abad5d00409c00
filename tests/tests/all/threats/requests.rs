//! Attacks on requests and answers.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use umoja_crypto::jws::{RequestClaims, ResponseExpected, request_hash, sign_request, verify_response};
use umoja_schema::Scope;
use umoja_tests::caller::{Caller, RawReply, send};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

fn attack(seed: u64, attack: impl AsyncFnOnce(Deployment)) {
    run(async { attack(Deployment::new(seed).await).await });
}

fn claims(d: &Deployment, at: usize) -> RequestClaims {
    d.shop.claims(&d.endpoints[at], "lookup", d.now(), None, json!({ "username": "ada" }))
}

async fn post(d: &Deployment, token: &str) -> RawReply {
    d.shop.send(&d.endpoints[0], "/v1/users/lookup", token).await
}

fn assert_unauthorized(raw: &RawReply) {
    let problem = raw.problem();
    assert_eq!((raw.status, &problem["code"]), (401, &json!("unauthorized")));
    // The problem does not reveal the reason.
    assert_eq!(
        problem["detail"],
        json!(
            "Check the API key, the signature and its key, the clock, and that `aud`, `htu`, `htm` and `akh` match this request and this region."
        )
    );
}

#[test]
fn a_request_replayed_in_its_region_is_409_and_in_another_401() {
    attack(200, async |d| {
        let claims = claims(&d, 0);
        let token = sign_request(&d.shop.key, &claims);
        let first = post(&d, &token).await;
        d.shop.verify(&d.endpoints[0], &claims, &token, &first, d.now()).rejected(404, "user_not_found");
        let second = post(&d, &token).await;
        d.shop.verify(&d.endpoints[0], &claims, &token, &second, d.now()).rejected(409, "replayed");
        assert_unauthorized(&d.shop.send(&d.endpoints[1], "/v1/users/lookup", &token).await);
    });
}

#[test]
fn one_of_fifty_parallel_replays_wins() {
    attack(201, async |d| {
        let token = sign_request(&d.shop.key, &claims(&d, 0));
        let replies = futures_util::future::join_all((0..50).map(|_| post(&d, &token))).await;
        let won = replies.iter().filter(|reply| reply.status == 404).count();
        let lost = replies.iter().filter(|reply| reply.status == 409).count();
        assert_eq!((won, lost), (1, 49));
    });
}

#[test]
fn a_replay_stays_rejected_until_the_request_has_expired() {
    attack(202, async |d| {
        let token = sign_request(&d.shop.key, &claims(&d, 0));
        post(&d, &token).await;
        for _ in 0..64 {
            d.world.clock.advance(1000);
            assert_ne!(post(&d, &token).await.status, 404);
        }
        d.world.clock.advance(2000);
        assert_unauthorized(&post(&d, &token).await);
    });
}

#[test]
fn requests_for_another_region_time_or_key_are_401() {
    attack(203, async |d| {
        let sign = |change: &dyn Fn(&mut RequestClaims)| {
            let mut claims = claims(&d, 0);
            change(&mut claims);
            sign_request(&d.shop.key, &claims)
        };
        for token in [
            sign(&|c| c.aud = "https://eu-west-1.example.com".into()),
            sign(&|c| c.path = "/v1/users/erase".into()),
            sign(&|c| c.iat -= 3600),
            sign(&|c| (c.iat, c.exp) = (c.iat - 120, c.iat - 60)),
            sign(&|c| (c.iat, c.exp) = (c.iat + 60, c.iat + 120)),
            sign(&|c| c.exp += 3600),
            sign(&|c| c.iss = "food".into()),
            sign(&|c| c.iss = "absent".into()),
            sign(&|c| c.akh = d.food.api_key.akh()),
            sign(&|c| c.jti = String::new()),
            sign(&|c| c.jti = "x".repeat(65)),
            sign_request(&d.food.key, &claims(&d, 0)),
            sign_request(&Caller::new("shop", 99).key, &claims(&d, 0)),
        ] {
            assert_unauthorized(&post(&d, &token).await);
        }
    });
}

#[test]
fn an_api_key_with_another_companys_signature_is_401() {
    attack(204, async |d| {
        let token = sign_request(&d.shop.key, &claims(&d, 0));
        assert_unauthorized(&d.food.send(&d.endpoints[0], "/v1/users/lookup", &token).await);
        // Also if the signer is consistent with it.
        let mut agreed = claims(&d, 0);
        agreed.akh = d.food.api_key.akh();
        let token = sign_request(&d.shop.key, &agreed);
        assert_unauthorized(&d.food.send(&d.endpoints[0], "/v1/users/lookup", &token).await);
        // Also without any API key.
        let request = Request::post("/v1/users/lookup")
            .header("content-type", "application/jwt")
            .body(Body::from(token))
            .unwrap();
        assert_unauthorized(&send(&d.endpoints[0], request).await);
    });
}

#[test]
fn a_token_with_a_changed_header_or_payload_is_rejected() {
    attack(205, async |d| {
        let token = sign_request(&d.shop.key, &claims(&d, 0));
        let segments: Vec<&str> = token.split('.').collect();
        let other = sign_request(&d.shop.key, &claims(&d, 0));
        let spliced = other.split('.').nth(1).unwrap();
        assert_unauthorized(&post(&d, &[segments[0], spliced, segments[2]].join(".")).await);
        let unsigned = [segments[0], segments[1], ""].join(".");
        assert!([400, 401].contains(&post(&d, &unsigned).await.status));
    });
}

#[test]
fn a_disabled_company_or_missing_scope_is_403() {
    attack(206, async |d| {
        d.put_company(&d.food.company(&[Scope::Lookup], true)).await;
        d.call_as(&d.food, 0, "erase", json!({ "id": "00000000-0000-7000-8000-000000000000" }))
            .await
            .rejected(403, "scope_missing");
        let mut company = d.food.company(&Scope::ALL, true);
        company.enabled = false;
        d.put_company(&company).await;
        d.world.clock.advance(5_000);
        d.call_as(&d.food, 0, "lookup", json!({ "username": "ada" })).await.rejected(403, "company_disabled");
    });
}

#[test]
fn oversized_mistyped_and_malformed_bodies_are_4xx() {
    attack(207, async |d| {
        for (token, status) in [
            (String::new(), 400),
            ("x".into(), 400),
            ("a.b.c".into(), 400),
            ("\u{fffd}.x.y".into(), 400),
            ("x".repeat(256 * 1024), 400),
            ("x".repeat(256 * 1024 + 1), 413),
            ("x".repeat(1024 * 1024), 413),
            ("x".repeat(4 * 1024 * 1024), 413),
        ] {
            assert_eq!(post(&d, &token).await.status, status, "{}", token.len());
        }
        let token = sign_request(&d.shop.key, &claims(&d, 0));
        for media_type in ["application/json", "text/plain", ""] {
            let request = Request::post("/v1/users/lookup")
                .header("content-type", media_type)
                .header("x-api-key", d.shop.api_key.expose());
            let raw = send(&d.endpoints[0], request.body(Body::from(token.clone())).unwrap()).await;
            assert_eq!(raw.status, 415, "{media_type}");
        }
    });
}

#[test]
fn a_too_deeply_nested_body_is_400() {
    attack(208, async |d| {
        let mut deep = json!("x");
        for _ in 0..60 {
            deep = json!({ "custom": deep });
        }
        let mut request = claims(&d, 0);
        request.body = json!({ "username": "ada", "profile": deep });
        assert_eq!(post(&d, &sign_request(&d.shop.key, &request)).await.status, 400);
    });
}

#[test]
fn other_paths_and_methods_are_answered_unsigned() {
    attack(209, async |d| {
        let get = Request::get("/v1/users/lookup").body(Body::empty()).unwrap();
        assert_eq!(send(&d.endpoints[0], get).await.status, 405);
        let raw = d.shop.send(&d.endpoints[0], "/v1/users/guess", "x").await;
        assert_eq!((raw.status, &raw.problem()["code"]), (404, &json!("no_such_operation")));
    });
}

#[test]
fn a_client_rejects_answers_to_other_requests() {
    attack(210, async |d| {
        let (one, two) = (claims(&d, 0), claims(&d, 0));
        let (first, second) = (sign_request(&d.shop.key, &one), sign_request(&d.shop.key, &two));
        let answer = post(&d, &first).await;
        let to = &d.endpoints[0];
        let expect = |claims: &RequestClaims, token: &str, body: &[u8]| {
            let rqh = request_hash(token.as_bytes());
            let expect = ResponseExpected { iss: &to.base_url, aud: &d.shop.id, rjti: &claims.jti, rqh: &rqh };
            verify_response(body, &to.jwks, &expect, d.now())
        };
        assert!(expect(&one, &first, &answer.body).is_ok());
        assert!(expect(&two, &second, &answer.body).is_err());
        assert!(expect(&one, &first, second.as_bytes()).is_err());
    });
}

#[test]
fn every_region_publishes_its_keys_peers_and_description() {
    attack(211, async |d| {
        for (path, pointer) in [
            ("/healthz", "/status"),
            ("/readyz", "/region"),
            ("/.well-known/jwks.json", "/keys/0/kid"),
            ("/.well-known/umoja.json", "/regions/1/url"),
            ("/openapi.json", "/paths/~1v1~1users~1register/post"),
        ] {
            let raw = send(&d.endpoints[0], Request::get(path).body(Body::empty()).unwrap()).await;
            let body: Value = serde_json::from_slice(&raw.body).unwrap();
            assert_eq!(raw.status, 200);
            assert!(body.pointer(pointer).is_some(), "{path}");
        }
    });
}

#[test]
fn only_companies_with_valid_signatures_are_cached() {
    attack(212, async |d| {
        let lookup = async || d.call(0, "lookup", json!({ "username": "ada" })).await;
        let enable = async |enabled| {
            let shop = d.shop.company(&Scope::ALL, true);
            d.put_company(&umoja_schema::Company { enabled, ..shop }).await;
        };
        let forge = async |name: String| {
            let mut forger = Caller::new("shop", 9);
            forger.id = name;
            let claims = forger.claims(&d.endpoints[0], "lookup", d.now(), None, json!({ "username": "ada" }));
            let token = sign_request(&forger.key, &claims);
            assert_unauthorized(&forger.send(&d.endpoints[0], "/v1/users/lookup", &token).await);
        };
        lookup().await.rejected(404, "user_not_found");
        enable(false).await;
        for n in 0..1_100 {
            forge(format!("invented-{n}")).await;
        }
        lookup().await.rejected(404, "user_not_found");
        d.world.clock.advance(6_000);
        // The company is read and not cached, because another company made the signature.
        forge("shop".into()).await;
        enable(true).await;
        lookup().await.rejected(404, "user_not_found");
        enable(false).await;
        d.world.clock.advance(6_000);
        lookup().await.rejected(403, "company_disabled");
    });
}
