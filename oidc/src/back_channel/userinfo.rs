//! What a client learns of the person of a token (OpenID Connect Core section 5.3, RFC 6750, RFC 9449 section 7).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use zeroize::Zeroizing;

use super::granted::OnBehalf;
use super::holder::holder;
use super::paths::USERINFO;
use super::request::read;
use crate::dpop::Expected;
use crate::form::Form;
use crate::possession::proven;
use crate::problem::{Problem, never_stored};
use crate::tokens::{Access, scopes};
use crate::{Provider, access_token, claims};

/// An access token, as a request has it.
struct Sent {
    token: Zeroizing<String>,
    /// Whether it has the scheme `DPoP`.
    dpop: bool,
}

/// Answers with the claims of the scopes of a token.
pub(super) async fn userinfo(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Problem> {
    let method = request.method().clone();
    let (headers, in_body) = if Form::is_body(request.headers()) {
        let (headers, form) = read(request).await?;
        let token = form.get("access_token").map(|token| Zeroizing::new(token.to_owned()));
        (headers, token)
    } else {
        (request.into_parts().0.headers, None)
    };
    let sent = sent(&headers, in_body)?;
    let rejected = Problem::Token { dpop: sent.dpop };
    let keys = provider.keys().await?;
    let access = access_token::read(&keys.signing, &provider.issuer, &sent.token, provider.now().secs());
    let access = access.ok_or(rejected)?;
    has_key(&provider, &headers, &sent, method.as_str(), &access).await?;
    let mut scopes = scopes(&access.scope);
    if !scopes.contains("openid") {
        return Err(Problem::InsufficientScope);
    }
    let client = provider.client(&access.client_id).await?.ok_or(rejected)?;
    let people = &provider.accounts.people;
    let on_behalf = OnBehalf::open(&people.secrets, &access).ok_or(rejected)?;
    let of = (&on_behalf.described(&client, &access), on_behalf.client_ends);
    let standing = holder(&provider, &client, of).await?.ok_or(rejected)?;
    let person = standing.person(people).await?.ok_or(rejected)?;
    scopes.retain(|scope| client.scopes.contains(scope));
    let mut claims = claims::of(&person.view(), &scopes);
    claims.insert("sub".to_owned(), access.sub.into());
    let mut response = Json(Value::Object(claims)).into_response();
    never_stored(response.headers_mut());
    Ok(response)
}

/// The token of a request: in the header, or in the body, and not in both (RFC 6750 section 2).
fn sent(headers: &HeaderMap, in_body: Option<Zeroizing<String>>) -> Result<Sent, Problem> {
    const TWICE: Problem = Problem::Request("the access token is sent in one way");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return in_body.map(|token| Sent { token, dpop: false }).ok_or(Problem::NoToken);
    };
    if values.next().is_some() || in_body.is_some() {
        return Err(TWICE);
    }
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Problem::NoToken)?;
    let dpop = scheme.eq_ignore_ascii_case("dpop");
    if !dpop && !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::NoToken);
    }
    Ok(Sent { token: Zeroizing::new(token.trim().to_owned()), dpop })
}

/// Checks that a token is sent as it was issued: a bound one with a proof of its key, and no other with the scheme `DPoP`.
async fn has_key(
    provider: &Provider,
    headers: &HeaderMap,
    sent: &Sent,
    method: &str,
    access: &Access,
) -> Result<(), Problem> {
    let Some(bound) = &access.cnf else {
        return if sent.dpop { Err(Problem::Token { dpop: true }) } else { Ok(()) };
    };
    if !sent.dpop {
        // Who has the token without the key (RFC 9449 section 7.2).
        return Err(Problem::Token { dpop: true });
    }
    let url = provider.url(USERINFO);
    let expected = Expected { method, url: &url, access_token: Some(&sent.token), bound_to: Some(&bound.jkt) };
    match proven(provider, headers, &expected).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(Problem::DpopProof) => Err(Problem::TokenProof),
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(authorization: &[&str], body: Option<&str>) -> Result<(String, bool), Problem> {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        let body = body.map(|token| Zeroizing::new(token.to_owned()));
        sent(&headers, body).map(|sent| (sent.token.to_string(), sent.dpop))
    }

    // oidcc-userinfo-get, oidcc-userinfo-post-header, oidcc-userinfo-post-body
    #[test]
    fn a_token_is_sent_in_one_way() {
        assert_eq!(found(&["Bearer t"], None), Ok(("t".to_owned(), false)));
        assert_eq!(found(&["bearer t"], None), Ok(("t".to_owned(), false)));
        assert_eq!(found(&["DPoP t"], None), Ok(("t".to_owned(), true)));
        assert_eq!(found(&[], Some("t")), Ok(("t".to_owned(), false)));
        for (headers, body) in [(&["Bearer t", "Bearer t"][..], None), (&["Bearer t"], Some("t"))] {
            assert!(matches!(found(headers, body), Err(Problem::Request(_))));
        }
        for headers in [&[][..], &["Bearer"], &["Basic t"]] {
            assert_eq!(found(headers, None), Err(Problem::NoToken), "{headers:?}");
        }
    }
}
