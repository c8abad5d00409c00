//! Properties of the parsers of single sign-on.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use umoja_crypto::SigningKey;
use umoja_crypto::jws::{Jwk, parse_jwt};
use umoja_crypto::webauthn::{self, PublicKey};
use umoja_oidc::assertion::Assertion;
use umoja_oidc::code::Code;
use umoja_oidc::cookie::Cookie;
use umoja_oidc::dpop::{Expected, prove};
use umoja_oidc::form::Form;
use umoja_oidc::logout::logout;
use umoja_oidc::passkey::{Sent, Site, challenge};
use umoja_oidc::presented::Presented;
use umoja_oidc::request::{AuthorizationRequest, Rejected};
use umoja_oidc::steps::{OnPage, Pushed, SessionCookie};
use umoja_oidc::upstream::id_token;
use umoja_oidc::upstream::metadata::Metadata;
use umoja_oidc::upstream::step::AtProvider;
use umoja_oidc::user_code;
use umoja_schema::Client;
use umoja_schema::foreign_url::location;

const ISSUER: &str = "https://id.example";
const NOW_SECS: u64 = 1_795_000_000;

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let client = json!({
        "id": "shop", "revision": 1, "company": "soko", "name": "Soko", "kind": "public",
        "redirect_uris": ["https://shop.example/callback", "http://127.0.0.1:*/callback"],
        "post_logout_redirect_uris": ["https://shop.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
        "scopes": ["openid", "email", "offline_access"], "subject_type": "public", "enabled": true,
    });
    serde_json::from_value(client).expect("a client")
});

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed("k1", [7; 32]));

/// A browser is sent only to a URI of the client, and a client gets only scopes of its own.
pub fn form(bytes: &[u8]) {
    let Ok(form) = Form::parse(bytes) else { return };
    for is_pushed in [false, true] {
        match AuthorizationRequest::read(&form, Some(&CLIENT), is_pushed) {
            Ok(request) => {
                assert!(CLIENT.redirect_matches(&request.return_to.redirect_uri));
                assert!(request.scopes.iter().all(|scope| CLIENT.scopes.contains(scope)));
                assert!(form.get("code_challenge_method") == Some("S256") && request.challenge.len() >= 43);
            }
            Err(Rejected::Answer(to, _)) => assert!(CLIENT.redirect_matches(&to.redirect_uri)),
            Err(Rejected::Page(_)) => {}
        }
    }
    let answer = logout(&form, None, Some(&CLIENT), Some("s1"));
    assert!(answer.asks, "a link without a token ends no session");
    assert!(answer.to.is_none_or(|to| to.starts_with("https://shop.example/bye")));
    let _ = Presented::read(&HeaderMap::new(), &form);
}

/// The genuine answer of the one key: what its authenticator and its browser say, and its signature.
static ANSWER: LazyLock<Vec<String>> = LazyLock::new(|| {
    let answer = include_str!("../seeds/oidc_passkey.txt").lines().nth(1).expect("an answer");
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    ["client_data", "authenticator_data", "signature"]
        .map(|name| answer[name].as_str().expect("a text").to_owned())
        .to_vec()
});

/// A key that is read can be stored and read again, and belongs to the challenge and the site of the page. Nothing but the genuine answer of a
/// key is accepted as one.
pub fn passkey(text: &str) {
    let (site, challenge) = (Site::of(ISSUER), challenge("step"));
    let expected = site.expects(&challenge, false);
    let Some(sent) = Sent::read(text) else { return };
    let (client_data, attestation) = sent.made();
    if let Ok(made) = webauthn::registered(&expected, client_data, attestation) {
        assert!(PublicKey::read(&made.public_key).is_ok() && made.credential_id.len() <= 1023);
        let said: Value = serde_json::from_slice(client_data).expect("what was read is JSON");
        assert!(said["origin"] == ISSUER && said["type"] == "webauthn.create");
        assert_eq!(said["challenge"], URL_SAFE_NO_PAD.encode(challenge));
    }
    let Some(answer) = sent.answer() else { return };
    let x = URL_SAFE_NO_PAD.decode(KEY.jwk()["x"].as_str().expect("a public key")).expect("base64url");
    let key = PublicKey::read(&[&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20][..], &x].concat()).expect("a key");
    let (data, signature) = (answer.authenticator_data, answer.signature);
    if webauthn::asserted(&expected, &key, answer.client_data, data, signature).is_ok() {
        let parts = [answer.client_data, data, signature].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(parts.to_vec(), *ANSWER, "a signature that the key never made");
    }
}

/// Nothing that others sign is taken for what the one key has signed, and a proof is of the key that it names.
pub fn signed(text: &str) {
    if let Ok(jwt) = parse_jwt(text) {
        let _ = (jwt.header("kid").map(str::len), jwt.claimed("iss").map(str::len));
        assert!(jwt.verify(&KEY.verifying_key()).is_err(), "a signature of a key that no client has");
    }
    if let Ok(assertion) = Assertion::read(text) {
        let _ = (assertion.client_id().map(str::len), assertion.kid().map(str::len));
        assert!(assertion.verify(&KEY.verifying_key(), "shop", &[ISSUER], NOW_SECS).is_err());
    }
    let expected =
        Expected { method: "POST", url: "https://id.example/oauth2/token", access_token: None, bound_to: None };
    if let Ok(proven) = prove(text, &expected, NOW_SECS) {
        assert_eq!(proven.thumbprint.len(), 43);
    }
    let keys: Vec<Jwk> = Jwk::parse(&KEY.jwk()).into_iter().collect();
    let expected = id_token::Expected {
        issuer: ISSUER,
        client_id: "umoja",
        nonce: "n",
        access_token: None,
        max_age: None,
        now_secs: NOW_SECS,
    };
    assert!(id_token::read(text, &keys, &expected).is_err());
    if let Ok(metadata) = Metadata::read(ISSUER, text.as_bytes()) {
        assert!([&metadata.token, &metadata.jwks].iter().all(|url| location(url).is_some()));
    }
    if let Ok(value) = serde_json::from_str::<Value>(text)
        && let Ok(jwk) = Jwk::parse(&value)
    {
        assert_eq!(jwk.thumbprint().len(), 43);
        assert!(value.get("d").is_none(), "a private key is no public one");
    }
}

/// What was read is written and read again.
pub fn opened(bytes: &[u8]) {
    again::<Code>(bytes);
    again::<Pushed>(bytes);
    again::<OnPage>(bytes);
    again::<SessionCookie>(bytes);
    again::<AtProvider>(bytes);
    if let Ok(code) = serde_json::from_slice::<Code>(bytes) {
        let _ = code.once().map(|once| once.until());
    }
}

fn again<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_value(&read).expect("it is JSON");
    let read: T = serde_json::from_value(written.clone()).expect("what was written is read");
    assert_eq!(serde_json::to_value(read).ok(), Some(written));
}

/// One value of a cookie, credentials of one client, or a code of eight characters.
pub fn typed(text: &str) {
    if let Some(code) = user_code::typed(text) {
        assert_eq!(user_code::typed(&user_code::shown(&code)), Some(code));
    }
    let Ok(value) = HeaderValue::from_str(text) else { return };
    let headers = HeaderMap::from_iter([(header::COOKIE, value.clone()), (header::AUTHORIZATION, value)]);
    for cookie in [Cookie::Session, Cookie::Browser] {
        if let Some(value) = cookie.value(ISSUER, &headers) {
            assert!(!value.is_empty() && !value.contains(';') && text.contains(&value));
        }
    }
    let form = Form::parse(b"").expect("an empty form");
    if let Ok(presented) = Presented::read(&headers, &form) {
        assert!(presented.client_id.is_some_and(|id| !id.is_empty()));
    }
}
