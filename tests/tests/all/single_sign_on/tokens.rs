//! Tokens of clients without a person.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use umoja_crypto::jws::{Jwk, verify_jwt};

use super::{ISSUER, SECRET, basic, client, story};

#[test]
fn a_token_of_one_region_verifies_by_the_keys_of_another_and_is_live_there() {
    story(1701, async |sso| {
        let got = sso.token(0, "till", "&scope=orders").await;
        assert_eq!((got.status, &got.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
        assert_eq!((&got.body["token_type"], &got.body["expires_in"]), (&json!("Bearer"), &json!(300)));
        let token = got.body["access_token"].as_str().unwrap();
        let jwks = sso.send(1, Request::get("/oauth2/jwks").body(Body::empty()).unwrap()).await.body;
        let kid = umoja_crypto::jws::parse_jwt(token).unwrap().header("kid").unwrap().to_owned();
        let jwk = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap();
        let claims = verify_jwt(token, "at+jwt", Jwk::parse(jwk).unwrap().key()).unwrap().claims;
        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["scope"]),
            (&json!(ISSUER), &json!("till"), &json!("orders"))
        );
        for at in [0, 1] {
            let state = sso.state(at, "till", token).await;
            assert_eq!((&state["active"], &state["client_id"]), (&json!(true), &json!("till")));
        }
        sso.d.world.clock.advance(300_000);
        assert_eq!(sso.state(1, "till", token).await, json!({ "active": false }));
    });
}

#[test]
fn the_keys_are_sent_once_and_have_the_next_ones() {
    story(1702, async |sso| {
        let keys = |at: usize, tag: Option<String>| {
            let request = Request::get("/oauth2/jwks");
            let request = tag.iter().fold(request, |request, tag| request.header("if-none-match", tag));
            sso.send(at, request.body(Body::empty()).unwrap())
        };
        let first = keys(0, None).await;
        assert_eq!(first.body["keys"].as_array().unwrap().len(), 4);
        assert!(!first.body.to_string().contains("\"d\""));
        let tag = first.headers["etag"].to_str().unwrap().to_owned();
        assert_eq!(keys(1, Some(tag)).await.status, 304);
    });
}

#[test]
fn a_client_with_another_secret_method_or_state_gets_nothing() {
    story(1703, async |mut sso| {
        let form = "grant_type=client_credentials";
        let rejected = (401, "invalid_client");
        for (id, secret) in [("till", "another"), ("unknown", SECRET), ("../till", SECRET)] {
            let got = sso.post(0, "/oauth2/token", &[("authorization", &basic(id, secret))], form).await;
            assert_eq!(got.error(), rejected, "{id}");
            assert!(got.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
        }
        // The right secret by another method, and none.
        for more in [format!("&client_id=till&client_secret={SECRET}"), "&client_id=till".to_owned()] {
            assert_eq!(sso.post(0, "/oauth2/token", &[], &format!("{form}{more}")).await.error(), rejected);
        }
        let now = sso.now();
        let mut ended = client("till");
        ended["secrets"][0]["ends_at"] = json!(now);
        let mut disabled = client("till");
        disabled["enabled"] = json!(false);
        let mut of_no_company = client("till");
        of_no_company["company"] = json!("unknown");
        for document in [ended, disabled, of_no_company] {
            assert_eq!(sso.token(0, "till", "").await.status, 200);
            sso.put(document).await;
            sso.restart();
            assert_eq!(sso.token(0, "till", "").await.error(), rejected);
            sso.put(client("till")).await;
            sso.restart();
        }
    });
}

#[test]
fn a_client_gets_its_own_scopes_and_none_of_a_person() {
    story(1704, async |sso| {
        assert_eq!(sso.token(0, "till", "").await.body["scope"], "orders stock");
        for scope in ["openid", "admin", "orders+admin"] {
            assert_eq!(sso.token(0, "till", &format!("&scope={scope}")).await.error(), (400, "invalid_scope"));
        }
        sso.put(json!({ "id": "app", "grant_types": ["authorization_code"], "kind": "public", "revision": 1, "name": "App",
            "company": "shop", "token_endpoint_auth_method": "none", "scopes": [], "subject_type": "public", "enabled": true }))
            .await;
        let by_itself = sso.post(0, "/oauth2/token", &[], "grant_type=client_credentials&client_id=app").await;
        assert_eq!(by_itself.error(), (400, "unauthorized_client"));
        let asks = sso.post(0, "/oauth2/introspect", &[], "token=x&client_id=app").await;
        assert_eq!(asks.error(), (401, "invalid_client"));
    });
}

#[test]
fn a_request_that_can_be_read_in_two_ways_is_rejected() {
    story(1705, async |sso| {
        assert_eq!(sso.token(0, "till", "&scope=orders&scope=stock").await.error(), (400, "invalid_request"));
        let header = [("authorization", &*basic("till", SECRET))];
        for grant in ["password", "implicit", "Client_Credentials", "refresh-token"] {
            let got = sso.post(0, "/oauth2/token", &header, &format!("grant_type={grant}")).await;
            assert_eq!(got.error(), (400, "unsupported_grant_type"), "{grant}");
        }
        let json = Request::post("/oauth2/token").header("content-type", "application/json");
        let got = sso.send(0, json.body(Body::from("{}")).unwrap()).await;
        assert_eq!(got.error(), (400, "invalid_request"));
    });
}

#[test]
fn a_token_is_shown_to_its_client_and_its_audience_only() {
    story(1706, async |mut sso| {
        let mut bound = client("till");
        bound["audience"] = json!("https://stock.example");
        let mut stock = client("stock");
        stock["audience"] = json!("https://stock.example");
        for document in [bound.clone(), stock, client("other")] {
            sso.put(document).await;
        }
        sso.restart();
        let token = sso.token(0, "till", "").await.body["access_token"].as_str().unwrap().to_owned();
        for id in ["till", "stock"] {
            assert_eq!(sso.state(1, id, &token).await["aud"], "https://stock.example");
        }
        let changed = format!("{}A", &token[..token.len() - 1]);
        for (id, token) in [("other", token.as_str()), ("till", "x"), ("till", &changed[..changed.len() - 3])] {
            assert_eq!(sso.state(1, id, token).await, json!({ "active": false }));
        }
        // A client that has the issuer or another company's audience as its own is not of the audience.
        let of_issuer = sso.token(0, "other", "").await.body["access_token"].as_str().unwrap().to_owned();
        let mut greedy = client("greedy");
        greedy["audience"] = json!(super::ISSUER);
        let mut food = client("food-api");
        food["company"] = json!("food");
        food["audience"] = json!("https://stock.example");
        for document in [greedy, food] {
            sso.put(document).await;
        }
        sso.restart();
        assert_eq!(sso.state(1, "other", &of_issuer).await["active"], true);
        assert_eq!(sso.state(1, "greedy", &of_issuer).await, json!({ "active": false }));
        assert_eq!(sso.state(1, "food-api", &token).await, json!({ "active": false }));
        // The end of a client is the end of its tokens.
        bound["enabled"] = json!(false);
        sso.put(bound).await;
        sso.restart();
        assert_eq!(sso.state(1, "stock", &token).await, json!({ "active": false }));
    });
}
