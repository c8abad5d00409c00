//! Whether a token of a provider says who its user is: an access token (RFC 9068) or an id token for an audience that the operator named.

use serde_json::Value;
use umoja_crypto::jws::Jwk;
use umoja_schema::api::SubjectTokenType;
use umoja_schema::ingest::SourceTokens;

use super::Fault;
use super::id_token::{SKEW_SECS, is_subject, verified};

/// The subject of a live token that one of the issuer's keys has signed.
///
/// # Errors
/// [`Fault::UnknownKey`] if the token names a key that is none of these, and [`Fault::Token`] with the member that is wrong: with `exp` only
/// if all others are right.
pub fn read(
    token: &str,
    keys: &[Jwk],
    tokens: &SourceTokens,
    token_type: SubjectTokenType,
    now_secs: u64,
) -> Result<String, Fault> {
    let (jwt, _) = verified(token, keys)?;
    // Many providers write no type, or `JWT`, also for access tokens. A logout token, a proof of possession or an event is neither.
    let typ = jwt.header.get("typ").map(|typ| typ.as_str().unwrap_or_default().to_ascii_lowercase());
    let is_type = match typ.as_deref() {
        None | Some("jwt") => true,
        Some("at+jwt" | "application/at+jwt") => token_type != SubjectTokenType::IdToken,
        Some(_) => false,
    };
    let claims = &jwt.claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_past = |at: &Value| at.as_u64().is_some_and(|at| at <= now_secs.saturating_add(SKEW_SECS));
    let is_for =
        |audience: &Value| audience.as_str().is_some_and(|one| tokens.audiences.iter().any(|known| known == one));
    // An access token of Amazon Cognito has no audience, and names its client.
    let is_for_us = match claims.get("aud").or_else(|| claims.get("client_id")) {
        Some(Value::Array(all)) => all.iter().any(is_for),
        Some(one) => is_for(one),
        None => false,
    };
    for (holds, name) in [
        (is_type, "typ"),
        // A logout token has no type of its own at every provider.
        (!claims.contains_key("events"), "events"),
        (text("iss") == Some(&*tokens.issuer), "iss"),
        (is_for_us, "aud"),
        (claims.get("iat").is_none_or(is_past), "iat"),
        (claims.get("nbf").is_none_or(is_past), "nbf"),
        (text("sub").is_some_and(is_subject), "sub"),
        (claims.get("exp").and_then(Value::as_u64).is_some_and(|at| now_secs < at.saturating_add(SKEW_SECS)), "exp"),
    ] {
        if !holds {
            return Err(Fault::Token(name));
        }
    }
    text("sub").map(str::to_owned).ok_or(Fault::Token("sub"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use umoja_crypto::SigningKey;

    use super::*;
    use crate::once::signed;

    const NOW: u64 = 1_800_000_000;

    fn tokens() -> SourceTokens {
        SourceTokens::new("https://a.example/", vec!["shop".to_owned(), "https://api.example".to_owned()]).unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::from_seed("k1", [1; 32])
    }

    fn jwk(seed: u8) -> Jwk {
        Jwk::parse(&SigningKey::from_seed("k1", [seed; 32]).jwk()).unwrap()
    }

    fn read_as(token_type: SubjectTokenType, typ: &Value, changes: &Value) -> Result<String, Fault> {
        let mut header = json!({ "alg": "EdDSA", "kid": "k1", "typ": typ });
        if typ.is_null() {
            header.as_object_mut().unwrap().remove("typ");
        }
        let mut claims =
            json!({ "iss": "https://a.example/", "aud": "shop", "sub": "auth0|1", "iat": NOW, "exp": NOW + 300 });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        read(&signed(&key(), &header, &claims.to_string()), &[jwk(1)], &tokens(), token_type, NOW)
    }

    fn read_with(changes: &Value) -> Result<String, Fault> {
        read_as(SubjectTokenType::AccessToken, &json!("JWT"), changes)
    }

    #[test]
    fn the_subject_of_a_token_for_an_audience_of_the_source_is_read() {
        for changes in [
            json!({}),
            json!({ "aud": ["https://elsewhere.example", "https://api.example"] }),
            json!({ "aud": null, "client_id": "shop" }),
            json!({ "iat": null }),
            json!({ "iat": NOW + 60, "nbf": NOW + 60, "exp": NOW - 59 }),
        ] {
            assert_eq!(read_with(&changes), Ok("auth0|1".to_owned()), "{changes}");
        }
    }

    #[test]
    fn a_token_of_another_issuer_audience_or_time_is_rejected() {
        for (name, changes) in [
            ("iss", json!({ "iss": "https://a.example" })),
            ("iss", json!({ "iss": null })),
            ("aud", json!({ "aud": "other" })),
            ("aud", json!({ "aud": ["other"] })),
            ("aud", json!({ "aud": [] })),
            ("aud", json!({ "aud": "other", "client_id": "shop" })),
            ("aud", json!({ "aud": null })),
            ("iat", json!({ "iat": NOW + 61 })),
            ("nbf", json!({ "nbf": NOW + 61 })),
            ("nbf", json!({ "nbf": "soon" })),
            ("events", json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } })),
            ("sub", json!({ "sub": null })),
            ("sub", json!({ "sub": "a b" })),
            ("exp", json!({ "exp": NOW - 60 })),
            ("exp", json!({ "exp": null })),
            // That it has expired is said of no token that would not have counted before.
            ("aud", json!({ "aud": "other", "exp": NOW - 60 })),
        ] {
            assert_eq!(read_with(&changes), Err(Fault::Token(name)), "{changes}");
        }
    }

    #[test]
    fn a_token_of_another_kind_or_key_is_rejected() {
        use SubjectTokenType::{AccessToken, IdToken, Jwt};
        let none = json!({});
        for (token_type, typ, is_taken) in [
            (AccessToken, json!("at+jwt"), true),
            (AccessToken, json!("application/at+JWT"), true),
            (Jwt, json!("at+jwt"), true),
            (IdToken, json!("at+jwt"), false),
            (IdToken, json!(null), true),
            (Jwt, json!("logout+jwt"), false),
            (Jwt, json!("dpop+jwt"), false),
            (Jwt, json!(1), false),
        ] {
            assert_eq!(read_as(token_type, &typ, &none).is_ok(), is_taken, "{token_type:?} {typ}");
        }
        let claims = json!({ "iss": "https://a.example/", "aud": "shop", "sub": "s", "exp": NOW + 300 }).to_string();
        for (header, keys, fault) in [
            (json!({ "alg": "EdDSA", "kid": "k1" }), [jwk(2)], Fault::Token("signature")),
            (json!({ "alg": "EdDSA", "kid": "k2" }), [jwk(1)], Fault::UnknownKey),
            (json!({ "alg": "none", "kid": "k1" }), [jwk(1)], Fault::Token("signature")),
            (json!({ "alg": "HS256", "kid": "k1" }), [jwk(1)], Fault::Token("signature")),
        ] {
            let token = signed(&key(), &header, &claims);
            assert_eq!(read(&token, &keys, &tokens(), Jwt, NOW), Err(fault), "{header}");
        }
    }
}
