//! Whether an id token is an issuer's, for Umoja, and for this sign-in (OpenID Connect Core section 3.1.3.7).

use serde_json::{Map, Value};
use umoja_accounts::Login;
use umoja_crypto::jws::{Algorithm, Jwk, Jwt, half_hash, parse_jwt};

use super::Fault;

/// Seconds by which two clocks may differ.
pub(super) const SKEW_SECS: u64 = 60;
/// The oldest that a token may be, in seconds.
const MAX_AGE_SECS: u64 = 600;
/// The most characters of a subject: as many as an external id has.
const MAX_SUBJECT: usize = 128;
/// The claims that become names of a profile.
const NAMES: [&str; 3] = ["name", "given_name", "family_name"];

/// What a token has to have.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// What the issuer calls Umoja.
    pub client_id: &'a str,
    /// The nonce of the sign-in.
    pub nonce: &'a str,
    /// The access token beside it.
    pub access_token: Option<&'a str>,
    /// How many seconds ago the person may have signed in there.
    pub max_age: Option<u64>,
    /// The time.
    pub now_secs: u64,
}

/// What a token says.
#[derive(Clone)]
pub struct Said {
    /// The person.
    pub login: Login,
    /// When the person signed in there, in Unix seconds, if the provider says it.
    pub auth_time: Option<u64>,
}

/// Reads an id token that one of the issuer's keys has signed.
///
/// # Errors
/// [`Fault::UnknownKey`] if the token names a key that is none of these, and [`Fault::Token`].
pub fn read(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Said, Fault> {
    let (jwt, algorithm) = verified(token, keys)?;
    if jwt.header.get("typ").is_some_and(|typ| !typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("jwt"))) {
        return Err(Fault::Token("typ"));
    }
    let claims = &jwt.claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| claims.get(name).and_then(Value::as_u64);
    let now = expected.now_secs;
    // A token for others too could be sent on by one of them.
    let audience = match claims.get("aud") {
        Some(Value::Array(list)) if list.len() == 1 => list[0].as_str(),
        other => other.and_then(Value::as_str),
    };
    let is_past = |at: u64| at <= now.saturating_add(SKEW_SECS);
    let auth_time = number("auth_time").filter(|at| is_past(*at)).map(|at| at.min(now));
    let is_recent = |most: u64| auth_time.is_some_and(|at| now <= at.saturating_add(most).saturating_add(SKEW_SECS));
    let subject = text("sub").filter(|sub| is_subject(sub));
    for (holds, name) in [
        (text("iss") == Some(expected.issuer), "iss"),
        (audience == Some(expected.client_id), "aud"),
        (claims.get("azp").is_none_or(|azp| azp.as_str() == Some(expected.client_id)), "azp"),
        (number("exp").is_some_and(|at| now < at.saturating_add(SKEW_SECS)), "exp"),
        (number("iat").is_some_and(|at| is_past(at) && now <= at.saturating_add(MAX_AGE_SECS)), "iat"),
        (claims.get("nbf").is_none_or(|at| at.as_u64().is_some_and(is_past)), "nbf"),
        (text("nonce") == Some(expected.nonce), "nonce"),
        (has_hash(claims, algorithm, expected.access_token), "at_hash"),
        (expected.max_age.is_none_or(is_recent), "auth_time"),
    ] {
        if !holds {
            return Err(Fault::Token(name));
        }
    }
    let subject = subject.ok_or(Fault::Token("sub"))?.to_owned();
    Ok(Said { login: login(subject, claims), auth_time })
}

/// What claims say of a person.
fn login(subject: String, claims: &Map<String, Value>) -> Login {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // Cognito and Apple write it as a text.
    let email_verified = claims.get("email_verified").is_some_and(|said| *said == true || *said == "true");
    let names = NAMES.iter().filter_map(|name| Some(((*name).to_owned(), Value::from(text(name)?)))).collect();
    Login { subject, email: text("email").map(str::to_owned), email_verified, names }
}

impl Said {
    /// The same, with what the provider says of the person at its userinfo endpoint (section 5.3.2).
    ///
    /// # Errors
    /// [`Fault::Provider`] if that is another person.
    pub fn with_userinfo(self, info: &Value) -> Result<Self, Fault> {
        let subject = self.login.subject;
        match info.as_object() {
            Some(claims) if claims.get("sub").and_then(Value::as_str) == Some(&*subject) => {
                Ok(Self { login: login(subject, claims), auth_time: self.auth_time })
            }
            _ => Err(Fault::Provider("the userinfo endpoint speaks of another person")),
        }
    }
}

/// The token, if one of the keys has signed it, with that key's algorithm. A key has one algorithm, so `none` and a key of another kind
/// verify nothing (RFC 8725 section 3.1).
pub(super) fn verified(token: &str, keys: &[Jwk]) -> Result<(Jwt, Algorithm), Fault> {
    let parse = || parse_jwt(token).map_err(|_| Fault::Token("form"));
    let parsed = parse()?;
    let kid = parsed.header("kid");
    let named: Vec<&Jwk> = keys.iter().filter(|key| kid.is_none_or(|kid| key.kid() == Some(kid))).collect();
    if named.is_empty() {
        return Err(Fault::UnknownKey);
    }
    for key in named {
        if let Ok(jwt) = parse()?.verify(key.key()) {
            return Ok((jwt, key.key().algorithm()));
        }
    }
    Err(Fault::Token("signature"))
}

/// Whether a token that names an access token names this one. The hash of EdDSA is another one, and is left out.
fn has_hash(claims: &Map<String, Value>, algorithm: Algorithm, access_token: Option<&str>) -> bool {
    match (claims.get("at_hash"), access_token) {
        (None, _) | (_, None) => true,
        (Some(_), Some(_)) if algorithm == Algorithm::EdDsa => true,
        (Some(hash), Some(token)) => hash.as_str() == Some(&*half_hash(token)),
    }
}

/// Whether a text can be a subject. ASCII without spaces, so that two subjects are never one external id.
pub(super) fn is_subject(text: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use umoja_crypto::SigningKey;

    use super::*;
    use crate::once::signed;

    const NOW: u64 = 1_800_000_000;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("k1", [seed; 32])
    }

    fn jwk(seed: u8, kid: &str) -> Jwk {
        let mut jwk = key(seed).jwk();
        jwk["kid"] = kid.into();
        Jwk::parse(&jwk).unwrap()
    }

    fn expected() -> Expected<'static> {
        Expected {
            issuer: "https://a.example",
            client_id: "umoja",
            nonce: "n1",
            access_token: None,
            max_age: None,
            now_secs: NOW,
        }
    }

    fn token(header: &Value, name: &str, value: Value) -> String {
        let mut claims = json!({
            "iss": "https://a.example", "aud": "umoja", "sub": "s|1", "nonce": "n1", "iat": NOW, "exp": NOW + 300,
            "email": "amina@example.com", "email_verified": true, "given_name": "Amina", "picture": "x",
        });
        claims[name] = value;
        signed(&key(1), header, &claims.to_string())
    }

    fn header() -> Value {
        json!({ "alg": "EdDSA", "kid": "k1", "typ": "JWT" })
    }

    fn fault(name: &str, value: Value) -> Option<Fault> {
        read(&token(&header(), name, value), &[jwk(1, "k1")], &expected()).err()
    }

    #[test]
    fn a_token_for_this_sign_in_says_who_the_person_is() {
        let said = read(&token(&header(), "auth_time", json!(NOW - 9)), &[jwk(2, "k0"), jwk(1, "k1")], &expected());
        let Said { login, auth_time } = said.ok().unwrap();
        assert_eq!((login.subject.as_str(), login.email.as_deref()), ("s|1", Some("amina@example.com")));
        assert!(login.email_verified && auth_time == Some(NOW - 9));
        assert_eq!(Value::Object(login.names), json!({ "given_name": "Amina" }));
    }

    #[test]
    fn a_token_for_another_sign_in_client_or_time_is_rejected() {
        for (name, value) in [
            ("iss", json!("https://a.example/")),
            ("aud", json!("other")),
            ("aud", json!(["umoja", "other"])),
            ("azp", json!("other")),
            ("exp", json!(NOW - 60)),
            ("exp", json!(null)),
            ("iat", json!(NOW + 61)),
            ("iat", json!(NOW - 601)),
            ("nbf", json!(NOW + 61)),
            ("nonce", json!("n2")),
            ("nonce", json!(null)),
            ("sub", json!("")),
            ("sub", json!("a b")),
            ("sub", json!("x".repeat(129))),
        ] {
            assert_eq!(fault(name, value.clone()), Some(Fault::Token(name)), "{value}");
        }
        for (name, value) in
            [("aud", json!(["umoja"])), ("azp", json!("umoja")), ("exp", json!(NOW - 59)), ("iat", json!(NOW + 60))]
        {
            assert_eq!(fault(name, value.clone()), None, "{name} {value}");
        }
    }

    #[test]
    fn a_token_that_no_key_of_the_issuer_signed_is_rejected() {
        let good = token(&header(), "x", json!(1));
        assert_eq!(read(&good, &[jwk(2, "k1")], &expected()).err(), Some(Fault::Token("signature")));
        assert_eq!(read(&good, &[jwk(1, "k2")], &expected()).err(), Some(Fault::UnknownKey));
        for header in [
            json!({ "alg": "none", "kid": "k1" }),
            json!({ "alg": "HS256", "kid": "k1" }),
            json!({ "alg": "RS256", "kid": "k1" }),
        ] {
            let token = token(&header, "x", json!(1));
            assert_eq!(read(&token, &[jwk(1, "k1")], &expected()).err(), Some(Fault::Token("signature")), "{header}");
        }
        let bare = format!("{}.", good.rsplit_once('.').unwrap().0);
        assert_eq!(read(&bare, &[jwk(1, "k1")], &expected()).err(), Some(Fault::Token("signature")));
        let access = token(&json!({ "alg": "EdDSA", "kid": "k1", "typ": "at+jwt" }), "x", json!(1));
        assert_eq!(read(&access, &[jwk(1, "k1")], &expected()).err(), Some(Fault::Token("typ")));
    }

    #[test]
    fn who_signed_in_too_long_ago_there_is_rejected_where_the_client_wants_it() {
        let at = |auth_time| {
            let expected = Expected { max_age: Some(60), ..expected() };
            read(&token(&header(), "auth_time", auth_time), &[jwk(1, "k1")], &expected).err()
        };
        assert_eq!(at(json!(NOW - 120)), None);
        for long_ago in [json!(NOW - 121), json!(null), json!(NOW + 61)] {
            assert_eq!(at(long_ago), Some(Fault::Token("auth_time")));
        }
    }

    #[test]
    fn the_hash_of_another_access_token_is_rejected() {
        let claims = |hash: &str| json!({ "at_hash": hash }).as_object().unwrap().clone();
        assert!(has_hash(&claims(&half_hash("a")), Algorithm::Es256, Some("a")));
        assert!(!has_hash(&claims(&half_hash("b")), Algorithm::Es256, Some("a")));
        assert!(has_hash(&Map::new(), Algorithm::Es256, Some("a")));
    }

    #[test]
    fn what_is_said_of_another_person_is_rejected() {
        let said = read(&token(&header(), "email", json!(null)), &[jwk(1, "k1")], &expected()).ok().unwrap();
        let info = json!({ "sub": "s|1", "email": "amina@example.com", "email_verified": true });
        let both = said.clone().with_userinfo(&info).ok().unwrap();
        assert!(both.login.email.is_some() && both.login.email_verified && said.login.email.is_none());
        for other in [json!({ "sub": "s|2", "email": "amina@example.com" }), json!({}), json!("s|1")] {
            assert!(said.clone().with_userinfo(&other).is_err());
        }
    }

    #[test]
    fn an_address_that_is_not_said_to_be_verified_is_not() {
        for (said, is_verified) in
            [(json!(true), true), (json!("true"), true), (json!(false), false), (json!("yes"), false)]
        {
            let said = read(&token(&header(), "email_verified", said), &[jwk(1, "k1")], &expected()).ok().unwrap();
            assert_eq!(said.login.email_verified, is_verified);
        }
    }
}
