//! Assertions by which a client authenticates (`private_key_jwt`: RFC 7523 section 3, OIDC Core 1.0 section 9).

use serde_json::Value;
use umoja_crypto::jws::{UnverifiedJwt, parse_jwt};
use umoja_crypto::{JwsError, VerifyingKey};

use crate::once::{AHEAD_SECS, Once};

/// The value of `client_assertion_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The most seconds for which an assertion is valid. Its id is remembered for as long.
const MAX_LIFETIME_SECS: u64 = 600;

/// An assertion of which nothing is trusted yet.
pub struct Assertion(UnverifiedJwt);

impl Assertion {
    /// Reads the form of an assertion. It may say of itself that it is a JWT or an assertion of a client, and nothing else.
    ///
    /// # Errors
    /// [`JwsError`], for the log.
    pub fn read(text: &str) -> Result<Self, JwsError> {
        let message = parse_jwt(text)?;
        let is_one = |typ: &str| ["jwt", "client-authentication+jwt"].iter().any(|one| typ.eq_ignore_ascii_case(one));
        if message.header("typ").is_some_and(|typ| !is_one(typ)) {
            return Err(JwsError::Rejected("typ"));
        }
        Ok(Self(message))
    }

    /// The client that it names. It only serves to find the client's keys.
    pub fn client_id(&self) -> Option<&str> {
        self.0.claimed("sub")
    }

    /// The id of the key that is said to have signed it. It only chooses among the keys of one client.
    pub fn kid(&self) -> Option<&str> {
        self.0.header("kid")
    }

    /// Checks that the client made the assertion for this provider. `audiences` are the issuer and the URL of the endpoint: an assertion
    /// for both a provider and another party is rejected, because the other party could send it on.
    ///
    /// # Errors
    /// [`JwsError`], for the log. A client learns `invalid_client` and no more.
    pub fn verify(
        self,
        key: &VerifyingKey,
        client_id: &str,
        audiences: &[&str],
        now_secs: u64,
    ) -> Result<Once, JwsError> {
        let claims = self.0.verify(key)?.claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let audience = match claims.get("aud") {
            Some(Value::Array(list)) if list.len() == 1 => list[0].as_str(),
            other => other.and_then(Value::as_str),
        };
        let latest = now_secs.saturating_add(AHEAD_SECS);
        let is_past = |name: &str| match claims.get(name) {
            None => true,
            Some(at) => at.as_u64().is_some_and(|at| at <= latest),
        };
        let ends_at = claims.get("exp").and_then(Value::as_u64);
        let ends_at = ends_at.filter(|at| now_secs < *at && *at <= latest.saturating_add(MAX_LIFETIME_SECS));
        for (holds, name) in [
            (text("iss") == Some(client_id), "iss"),
            (text("sub") == Some(client_id), "sub"),
            (audience.is_some_and(|audience| audiences.contains(&audience)), "aud"),
            (is_past("iat"), "iat"),
            (is_past("nbf"), "nbf"),
        ] {
            if !holds {
                return Err(JwsError::Rejected(name));
            }
        }
        let ends_at = ends_at.ok_or(JwsError::Rejected("exp"))?;
        let jti = text("jti").unwrap_or_default();
        Once::new("assertion", client_id, jti, ends_at).ok_or(JwsError::Rejected("jti"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use umoja_crypto::SigningKey;

    use super::*;
    use crate::once::signed;

    const NOW: u64 = 1_800_000_000;
    const AUDIENCES: [&str; 2] = ["https://login.example", "https://login.example/oauth2/token"];

    fn key() -> SigningKey {
        SigningKey::from_seed("k1", [7; 32])
    }

    fn claims() -> Value {
        json!({ "iss": "shop", "sub": "shop", "aud": AUDIENCES[0], "exp": NOW + 60, "jti": "one" })
    }

    fn verified(header: &Value, claims: &Value) -> Result<Once, JwsError> {
        let text = signed(&key(), header, &claims.to_string());
        Assertion::read(&text)?.verify(&key().verifying_key(), "shop", &AUDIENCES, NOW)
    }

    fn with(name: &str, value: Value) -> Result<Once, JwsError> {
        let mut claims = claims();
        claims[name] = value;
        verified(&json!({ "alg": "EdDSA", "kid": "k1" }), &claims)
    }

    #[test]
    fn an_assertion_of_the_client_for_this_provider_is_accepted() {
        let once = verified(&json!({ "alg": "EdDSA", "typ": "JWT" }), &claims()).unwrap();
        assert_eq!(once.until().secs(), NOW + 60);
        for audience in [json!(AUDIENCES[1]), json!([AUDIENCES[0]])] {
            assert_eq!(with("aud", audience), Ok(once.clone()));
        }
        let text = signed(&key(), &json!({ "alg": "EdDSA", "kid": "k1" }), "{}");
        assert_eq!(Assertion::read(&text).unwrap().kid(), Some("k1"));
    }

    #[test]
    fn an_assertion_for_another_audience_is_rejected() {
        let other = "https://other.example";
        for audience in [json!(other), json!([AUDIENCES[0], other]), json!([]), json!("https://login.example/")] {
            assert_eq!(with("aud", audience), Err(JwsError::Rejected("aud")));
        }
    }

    #[test]
    fn an_assertion_of_another_client_or_time_is_rejected() {
        for (name, value) in [
            ("iss", json!("other")),
            ("sub", json!("other")),
            ("exp", json!(NOW)),
            ("exp", json!(NOW + 661)),
            ("iat", json!(NOW + 61)),
            ("nbf", json!(NOW + 61)),
            ("jti", json!("")),
            ("jti", json!("x".repeat(257))),
        ] {
            assert_eq!(with(name, value), Err(JwsError::Rejected(name)));
        }
        assert!(with("iat", json!(NOW + 60)).is_ok() && with("exp", json!(NOW + 660)).is_ok());
    }

    #[test]
    fn an_assertion_has_the_algorithm_of_its_key() {
        for alg in ["none", "HS256", "ES256"] {
            assert_eq!(verified(&json!({ "alg": alg }), &claims()), Err(JwsError::Rejected("alg")));
        }
        assert_eq!(verified(&json!({ "alg": "EdDSA", "typ": "dpop+jwt" }), &claims()), Err(JwsError::Rejected("typ")));
        assert_eq!(verified(&json!({ "alg": "EdDSA", "crit": [] }), &claims()), Err(JwsError::Rejected("crit")));
        let other = SigningKey::from_seed("k1", [8; 32]).verifying_key();
        let text = signed(&key(), &json!({ "alg": "EdDSA" }), &claims().to_string());
        let result = Assertion::read(&text).unwrap().verify(&other, "shop", &AUDIENCES, NOW);
        assert_eq!(result, Err(JwsError::Rejected("signature")));
    }
}
