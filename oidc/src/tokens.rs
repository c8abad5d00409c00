//! The claims of id tokens (OIDC Core 1.0 section 2) and of access tokens (RFC 9068), and the answer that has them.

use std::collections::BTreeSet;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::problem::never_stored;

/// How many seconds an access token and an id token are valid. So long may a server that does not ask for the state of a token accept it
/// after its end.
pub const LIFETIME_SECS: u64 = 300;
/// `typ` of an access token (RFC 9068 section 2.1), so that no id token is one.
pub const TYP_ACCESS: &str = "at+jwt";
/// `typ` of an id token, so that no other token of the same keys is taken as a hint.
pub const TYP_ID: &str = "JWT";

/// A scope as one text, in one order.
pub fn scope(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The scopes of one text.
pub fn scopes(text: &str) -> BTreeSet<String> {
    text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

/// How a person signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// When, in seconds since 1970. 0 if that is not known: then it was longer ago than any limit allows, and no token says when.
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub auth_time: u64,
    /// The class of the authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The methods of the authentication (RFC 8176). Every sign-in has one, so a token without them is that of no person.
    pub amr: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_unknown(auth_time: &u64) -> bool {
    *auth_time == 0
}

/// The claims of an access token. It names no person: `sub` is the client's name for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The issuer.
    pub iss: String,
    /// Who accepts it.
    pub aud: String,
    /// The person as the client knows it; the client itself for a token without a person (RFC 9068 section 2.2).
    pub sub: String,
    /// The client.
    pub client_id: String,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// Its id.
    pub jti: String,
    /// The granted scopes.
    pub scope: String,
    /// The key to which it is bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// How the person signed in; absent without a person.
    #[serde(flatten)]
    pub signed_in: Option<SignedIn>,
    /// What it stands for, sealed: regions find the person by it, and to all others it says nothing. Absent without a person.
    #[serde(rename = "umoja_on_behalf", default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<String>,
    /// How often what the client holds had ended, in a token without a person. What stands for a person has it sealed.
    #[serde(rename = "umoja_client_ends", default, skip_serializing_if = "is_zero")]
    pub client_ends: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The key to which a token is bound (RFC 9449 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The thumbprint of the key.
    pub jkt: String,
}

/// The claims of an id token, beside those about the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Id {
    /// The issuer.
    pub iss: String,
    /// The person as the client knows it.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// What the client sent with its request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// What the client calls the session, which a logout token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// [`half_hash`](umoja_crypto::jws::half_hash) of the access token that it came with.
    pub at_hash: String,
    /// What that access token has sealed: by it, the company of the client can show the token in the place of the user's id.
    #[serde(rename = "umoja_on_behalf")]
    pub on_behalf: Option<String>,
    /// How the person signed in.
    #[serde(flatten)]
    pub signed_in: SignedIn,
}

/// The answer of the token endpoint (RFC 6749 section 5.1, OIDC Core 1.0 section 3.1.3.3).
#[derive(Serialize)]
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// `Bearer`, or `DPoP` if it is bound to a key (RFC 9449 section 5).
    pub token_type: &'static str,
    /// The seconds for which the access token is valid.
    pub expires_in: u64,
    /// The granted scopes.
    pub scope: String,
    /// The refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The id token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

impl Issued {
    /// The answer with an access token of these claims.
    pub fn new(access_token: String, claims: &Access) -> Self {
        Self {
            access_token,
            token_type: if claims.cnf.is_some() { "DPoP" } else { "Bearer" },
            expires_in: claims.exp.saturating_sub(claims.iat),
            scope: claims.scope.clone(),
            refresh_token: None,
            id_token: None,
        }
    }
}

impl IntoResponse for Issued {
    fn into_response(self) -> Response {
        let mut response = Json(self).into_response();
        never_stored(response.headers_mut());
        response
    }
}

/// The state of a token (RFC 7662 section 2.2).
#[derive(Serialize)]
pub struct State {
    active: bool,
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl State {
    /// A live access token.
    pub fn of(claims: &Access) -> Self {
        let token_type = if claims.cnf.is_some() { "DPoP" } else { "Bearer" };
        let claims = Access { on_behalf: None, client_ends: 0, ..claims.clone() };
        let mut claims = object(serde_json::to_value(claims));
        claims.insert("token_type".to_owned(), token_type.into());
        Self { active: true, claims }
    }

    /// A live refresh token.
    pub fn of_refresh(issuer: &str, client_id: &str, sub: &str, scope: &str, exp: u64) -> Self {
        let claims = json!({ "iss": issuer, "client_id": client_id, "sub": sub, "scope": scope, "exp": exp });
        Self { active: true, claims: object(Ok(claims)) }
    }

    /// Any other text: the answer does not say why it is no live token.
    pub fn inactive() -> Self {
        Self { active: false, claims: Map::new() }
    }
}

fn object(value: serde_json::Result<Value>) -> Map<String, Value> {
    match value {
        Ok(Value::Object(claims)) => claims,
        _ => Map::new(),
    }
}

impl IntoResponse for State {
    fn into_response(self) -> Response {
        let mut response = Json(self).into_response();
        never_stored(response.headers_mut());
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    fn access() -> Access {
        Access {
            iss: "https://login.example".to_owned(),
            aud: "https://api.example".to_owned(),
            sub: "s".to_owned(),
            client_id: "shop".to_owned(),
            iat: 1,
            exp: 1 + LIFETIME_SECS,
            jti: "j".to_owned(),
            scope: "openid".to_owned(),
            cnf: None,
            signed_in: None,
            on_behalf: None,
            client_ends: 0,
        }
    }

    #[test]
    fn an_access_token_without_a_person_says_nothing_of_a_sign_in() {
        let value = serde_json::to_value(access()).unwrap();
        assert!(value.get("auth_time").is_none() && value.get("cnf").is_none());
        assert_eq!(serde_json::from_value::<Access>(value).unwrap(), access());
        let signed_in = Some(SignedIn { auth_time: 1, acr: None, amr: vec!["pwd".to_owned()] });
        let with = Access { signed_in, ..access() };
        let value = serde_json::to_value(&with).unwrap();
        assert_eq!((&value["auth_time"], &value["amr"]), (&json!(1), &json!(["pwd"])));
        assert_eq!(serde_json::from_value::<Access>(value).unwrap(), with);
    }

    #[test]
    fn a_time_that_is_not_known_is_not_said() {
        let signed_in = SignedIn { auth_time: 0, acr: None, amr: vec!["fed".to_owned()] };
        let with = Access { signed_in: Some(signed_in), ..access() };
        let value = serde_json::to_value(&with).unwrap();
        assert_eq!((value.get("auth_time"), &value["amr"]), (None, &json!(["fed"])));
        assert_eq!(serde_json::from_value::<Access>(value).unwrap(), with);
    }

    #[test]
    fn the_answer_is_not_stored_and_says_how_the_token_is_sent() {
        let bound = Access { cnf: Some(Confirmation { jkt: "k".to_owned() }), ..access() };
        assert_eq!(Issued::new("t".to_owned(), &access()).token_type, "Bearer");
        let issued = Issued::new("t".to_owned(), &bound);
        assert_eq!((issued.token_type, issued.expires_in), ("DPoP", 300));
        assert_eq!(issued.into_response().headers()[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn what_is_no_live_token_has_no_reason() {
        assert_eq!(serde_json::to_value(State::inactive()).unwrap(), json!({ "active": false }));
        let claims = Access { on_behalf: Some("sealed".to_owned()), ..access() };
        let live = serde_json::to_value(State::of(&claims)).unwrap();
        assert!(!live.to_string().contains("sealed"));
        assert_eq!(
            (&live["active"], &live["client_id"], &live["token_type"]),
            (&json!(true), &json!("shop"), &json!("Bearer"))
        );
    }

    #[test]
    fn scopes_have_one_order() {
        let scopes = ["profile", "openid"].map(str::to_owned);
        assert_eq!(scope(&scopes.into()), "openid profile");
    }
}
