//! Assertions by which a client authenticates (`private_key_jwt`: RFC 7523 section 3, OIDC Core 1.0 section 9).

use serde::Deserialize;
use umoja_crypto::VerifyingKey;

use crate::Once;
use crate::compact::{AHEAD_SECS, Compact, Fault, is_jti};

/// The value of `client_assertion_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The most seconds for which an assertion is valid. Its id is remembered for as long.
const MAX_LIFETIME_SECS: u64 = 600;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    jti: String,
    iat: Option<u64>,
    nbf: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    List(Vec<String>),
}

/// An assertion of which nothing is trusted yet.
pub struct Assertion<'a>(Compact<'a, Header>);

impl<'a> Assertion<'a> {
    /// Reads the form of an assertion.
    ///
    /// # Errors
    /// [`Fault`], for the log.
    pub fn read(text: &'a str) -> Result<Self, Fault> {
        let message = Compact::<Header>::read(text)?;
        if message.header.crit.is_some() {
            return Err(Fault::Rejected("crit"));
        }
        let typ = message.header.typ.as_deref();
        if typ.is_some_and(|typ| !["jwt", "client-authentication+jwt"].contains(&&*typ.to_ascii_lowercase())) {
            return Err(Fault::Rejected("typ"));
        }
        Ok(Self(message))
    }

    /// The id of the key that is said to have signed it. It only chooses among the keys of one client.
    pub fn kid(&self) -> Option<&str> {
        self.0.header.kid.as_deref()
    }

    /// Checks that the client made the assertion for this provider. `audiences` are the issuer and the URL of the endpoint: an assertion
    /// for both a provider and another party is refused, because the other party could send it on.
    ///
    /// # Errors
    /// [`Fault`], for the log. A client learns `invalid_client` and no more.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        client_id: &str,
        audiences: &[&str],
        now_secs: u64,
    ) -> Result<Once, Fault> {
        let claims: Claims = self.0.verify(&self.0.header.alg, key)?;
        let audience = match &claims.aud {
            Audience::One(one) => Some(one),
            Audience::List(list) => list.first().filter(|_| list.len() == 1),
        };
        let latest = now_secs.saturating_add(AHEAD_SECS);
        let is_current = now_secs < claims.exp && claims.exp <= latest.saturating_add(MAX_LIFETIME_SECS);
        for (holds, name) in [
            (claims.iss == client_id, "iss"),
            (claims.sub == client_id, "sub"),
            (audience.is_some_and(|audience| audiences.contains(&audience.as_str())), "aud"),
            (is_current, "exp"),
            (claims.iat.is_none_or(|at| at <= latest), "iat"),
            (claims.nbf.is_none_or(|at| at <= latest), "nbf"),
            (is_jti(&claims.jti), "jti"),
        ] {
            if !holds {
                return Err(Fault::Rejected(name));
            }
        }
        Ok(Once::new("assertion", client_id, &claims.jti, claims.exp))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use umoja_crypto::SigningKey;

    use super::*;
    use crate::compact::signed;

    const NOW: u64 = 1_800_000_000;
    const AUDIENCES: [&str; 2] = ["https://login.example", "https://login.example/oauth2/token"];

    fn key() -> SigningKey {
        SigningKey::from_seed("k1", [7; 32])
    }

    fn claims() -> Value {
        json!({ "iss": "shop", "sub": "shop", "aud": AUDIENCES[0], "exp": NOW + 60, "jti": "one" })
    }

    fn verified(header: &Value, claims: &Value) -> Result<Once, Fault> {
        let text = signed(&key(), header, &claims.to_string());
        Assertion::read(&text)?.verify(&key().verifying_key(), "shop", &AUDIENCES, NOW)
    }

    fn with(name: &str, value: Value) -> Result<Once, Fault> {
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
    fn an_assertion_for_another_audience_is_refused() {
        let other = "https://other.example";
        for audience in [json!(other), json!([AUDIENCES[0], other]), json!([]), json!("https://login.example/")] {
            assert_eq!(with("aud", audience), Err(Fault::Rejected("aud")));
        }
    }

    #[test]
    fn an_assertion_of_another_client_or_time_is_refused() {
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
            assert_eq!(with(name, value), Err(Fault::Rejected(name)));
        }
        assert!(with("iat", json!(NOW + 60)).is_ok() && with("exp", json!(NOW + 660)).is_ok());
    }

    #[test]
    fn an_assertion_has_the_algorithm_of_its_key() {
        for alg in ["none", "HS256", "ES256"] {
            assert_eq!(verified(&json!({ "alg": alg }), &claims()), Err(Fault::Rejected("alg")));
        }
        assert_eq!(verified(&json!({ "alg": "EdDSA", "typ": "dpop+jwt" }), &claims()), Err(Fault::Rejected("typ")));
        assert_eq!(verified(&json!({ "alg": "EdDSA", "crit": [] }), &claims()), Err(Fault::Rejected("crit")));
        let other = SigningKey::from_seed("k1", [8; 32]).verifying_key();
        let text = signed(&key(), &json!({ "alg": "EdDSA" }), &claims().to_string());
        let result = Assertion::read(&text).unwrap().verify(&other, "shop", &AUDIENCES, NOW);
        assert_eq!(result, Err(Fault::Rejected("signature")));
    }
}
