//! Clients that authenticate by what they sign.

use serde_json::{Value, json};
use umoja_crypto::SigningKey;
use umoja_store::ports::{Answered, OutboundError};

use super::{Got, ISSUER, Sso, client, signed, story};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed("k1", [seed; 32])
}

/// The client with a place for its keys.
fn signing(place: &str, value: Value) -> Value {
    let mut client = client("till");
    client["token_endpoint_auth_method"] = json!("private_key_jwt");
    client["secrets"] = json!([]);
    client[place] = value;
    client
}

async fn asserted(sso: &Sso, at: usize, key: &SigningKey, jti: &str, aud: &str) -> Got {
    let claims = json!({ "iss": "till", "sub": "till", "aud": aud, "exp": sso.now() + 60, "jti": jti });
    let assertion = signed(key, &json!({ "alg": "EdDSA", "kid": "k1" }), &claims);
    let form = format!(
        "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer\
         &client_assertion={assertion}",
    );
    sso.post(at, "/oauth2/token", &[], &form).await
}

#[test]
fn an_assertion_is_accepted_once_and_for_this_issuer() {
    story(1721, async |mut sso| {
        sso.put(signing("jwks", json!({ "keys": [key(7).jwk()] }))).await;
        sso.restart();
        let rejected = (401, "invalid_client");
        assert_eq!(asserted(&sso, 0, &key(7), "one", ISSUER).await.status, 200);
        assert_eq!(asserted(&sso, 0, &key(7), "one", ISSUER).await.error(), rejected);
        assert_eq!(asserted(&sso, 0, &key(7), "two", super::TOKEN).await.status, 200);
        assert_eq!(asserted(&sso, 0, &key(7), "three", "https://other.example").await.error(), rejected);
        assert_eq!(asserted(&sso, 0, &key(8), "four", ISSUER).await.error(), rejected);
    });
}

#[test]
fn keys_that_a_client_publishes_are_read_and_replaced() {
    story(1722, async |mut sso| {
        let url = "https://till.example/jwks";
        sso.put(signing("jwks_uri", json!(url))).await;
        sso.restart();
        let publish = |seed: u8| {
            let body = json!({ "keys": [key(seed).jwk()] }).to_string().into_bytes();
            sso.hook.answer(move |call| {
                assert_eq!(call.url, url);
                Ok(Answered { status: 200, headers: Vec::new(), body: body.clone() })
            });
        };
        publish(7);
        assert_eq!(asserted(&sso, 0, &key(7), "one", ISSUER).await.status, 200);
        publish(8);
        sso.d.world.clock.advance(6_000);
        assert_eq!(asserted(&sso, 0, &key(7), "two", ISSUER).await.error(), (401, "invalid_client"));
        assert_eq!(asserted(&sso, 0, &key(8), "three", ISSUER).await.status, 200);
        sso.hook.answer(|_| Err(OutboundError::Unavailable("down")));
        sso.d.world.clock.advance(6_000);
        assert_eq!(asserted(&sso, 0, &key(8), "four", ISSUER).await.error(), (503, "temporarily_unavailable"));
    });
}
