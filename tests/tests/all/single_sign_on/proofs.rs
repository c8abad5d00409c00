//! Tokens that are bound to a key.

use serde_json::json;
use umoja_crypto::SigningKey;

use super::{Sso, TOKEN, basic, client, signed, story};

/// A proof for the token endpoint.
pub(super) fn proof(sso: &Sso, jti: &str, htu: &str) -> String {
    let key = SigningKey::from_seed("", [7; 32]);
    let jwk = key.jwk();
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": jwk["x"] } });
    signed(&key, &header, &json!({ "jti": jti, "htm": "POST", "htu": htu, "iat": sso.now() }))
}

async fn with(sso: &Sso, proofs: &[&str]) -> super::Got {
    let authorization = basic("till", super::SECRET);
    let proofs = proofs.iter().map(|proof| ("dpop", *proof));
    let headers = std::iter::once(("authorization", authorization.as_str())).chain(proofs).collect::<Vec<_>>();
    sso.post(0, "/oauth2/token", &headers, "grant_type=client_credentials").await
}

#[test]
fn a_token_is_bound_to_the_key_of_the_proof() {
    story(1711, async |sso| {
        let got = with(&sso, &[&proof(&sso, "one", TOKEN)]).await;
        assert_eq!((got.status, &got.body["token_type"]), (200, &json!("DPoP")));
        let state = sso.state(1, "till", got.body["access_token"].as_str().unwrap()).await;
        assert_eq!(state["token_type"], "DPoP");
        assert_eq!(state["cnf"]["jkt"].as_str().unwrap().len(), 43);
    });
}

#[test]
fn a_proof_that_is_replayed_or_for_another_url_is_rejected() {
    story(1712, async |sso| {
        let rejected = (400, "invalid_dpop_proof");
        let one = proof(&sso, "one", TOKEN);
        let same = [one.as_str()];
        let answers = futures_util::future::join_all((0..50).map(|_| with(&sso, &same))).await;
        assert_eq!(answers.iter().filter(|got| got.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|got| got.error() == rejected).count(), 49);
        assert_eq!(with(&sso, &[&proof(&sso, "two", "https://login.example/oauth2/userinfo")]).await.error(), rejected);
        let (three, four) = (proof(&sso, "three", TOKEN), proof(&sso, "four", TOKEN));
        assert_eq!(with(&sso, &[&three, &four]).await.error(), rejected);
        assert_eq!(with(&sso, &["x"]).await.error(), rejected);
    });
}

#[test]
fn a_client_whose_tokens_are_bound_gets_none_without_a_proof() {
    story(1713, async |mut sso| {
        let mut bound = client("till");
        bound["dpop_bound_access_tokens"] = json!(true);
        sso.put(bound).await;
        sso.restart();
        assert_eq!(sso.token(0, "till", "").await.error(), (400, "invalid_dpop_proof"));
        assert_eq!(with(&sso, &[&proof(&sso, "one", TOKEN)]).await.status, 200);
    });
}

#[test]
fn a_region_that_cannot_remember_a_proof_asks_to_come_again() {
    story(1714, async |sso| {
        sso.d.world.regions[0].faults.requests.set_down(true);
        let got = with(&sso, &[&proof(&sso, "one", TOKEN)]).await;
        assert_eq!(got.error(), (503, "temporarily_unavailable"));
        assert_eq!(got.headers["retry-after"], "1");
        sso.d.world.regions[0].faults.requests.set_down(false);
        assert_eq!(with(&sso, &[&proof(&sso, "two", TOKEN)]).await.status, 200);
    });
}
