//! Properties of the parsers of single sign-on.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use umoja_crypto::SigningKey;
use umoja_crypto::jws::{Jwk, parse_jwt};
use umoja_oidc::assertion::Assertion;
use umoja_oidc::code::Code;
use umoja_oidc::cookie::Cookie;
use umoja_oidc::dpop::{Expected, prove};
use umoja_oidc::form::Form;
use umoja_oidc::logout::logout;
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
