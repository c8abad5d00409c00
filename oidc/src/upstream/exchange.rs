//! The calls that redeem a code at a provider (OpenID Connect Core section 3.1.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use umoja_schema::{ClientAuthMethod, LoginProvider};
use umoja_store::ports::{Call, Method};
use umoja_store::secrets::Secrets;
use zeroize::Zeroizing;

use super::Fault;
use super::calls::Caller;
use super::learnt::Learnt;
use super::step::AtProvider;
use crate::answer::{escaped, form_of};

/// The most characters of a code.
const MAX_CODE: usize = 4096;

/// What a provider gives for a code.
pub(crate) struct Redeemed {
    /// The id token, of which nothing is checked.
    pub(crate) id_token: Zeroizing<String>,
    /// The access token. Nothing is done with it, except that the id token may name it.
    pub(crate) access_token: Option<Zeroizing<String>>,
}

/// Redeems a code.
///
/// # Errors
/// [`Fault::Provider`] and [`Fault::Unreachable`].
pub(crate) async fn redeem(
    caller: &Caller<'_>,
    secrets: &Secrets,
    (provider, learnt): (&LoginProvider, &Learnt),
    (code, redirect_uri): (&str, &str),
    step: &AtProvider,
) -> Result<Redeemed, Fault> {
    if code.len() > MAX_CODE {
        return Err(Fault::Provider("the code is too long"));
    }
    let secret = match &provider.client_secret {
        Some(sealed) => {
            let opened = secrets.open_provider_secret(&provider.id, sealed);
            Some(opened.ok_or(Fault::Provider("the secret cannot be opened"))?)
        }
        None => None,
    };
    let basic = secret.as_ref().filter(|_| provider.token_endpoint_auth_method == ClientAuthMethod::SecretBasic);
    let in_form = secret.as_ref().filter(|_| provider.token_endpoint_auth_method == ClientAuthMethod::SecretPost);
    let mut parameters = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", &*step.verifier),
    ];
    if basic.is_none() {
        parameters.push(("client_id", &*provider.client_id));
    }
    parameters.extend(in_form.map(|secret| ("client_secret", secret.as_str())));
    let body = form_of(parameters.into_iter());
    // Both are encoded as in a form (RFC 6749 section 2.3.1).
    let basic = basic.map(|secret| {
        let pair = Zeroizing::new(format!("{}:{}", *escaped(&provider.client_id), *escaped(secret)));
        Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
    });
    let mut headers = vec![("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];
    headers.extend(basic.as_ref().map(|basic| ("authorization", basic.as_str())));
    let call = Call { method: Method::Post, url: &learnt.metadata.token, headers: &headers, body: body.as_bytes() };
    let body = answer(caller, learnt, &call).await?;
    let text = |name: &str| body[name].as_str().map(|text| Zeroizing::new(text.to_owned()));
    let id_token = text("id_token").ok_or(Fault::Provider("the answer to the code has no id token"))?;
    Ok(Redeemed { id_token, access_token: text("access_token") })
}

/// What the provider says of the person of an access token (section 5.3).
///
/// # Errors
/// [`Fault::Provider`] and [`Fault::Unreachable`].
pub(crate) async fn userinfo(
    caller: &Caller<'_>,
    (learnt, url): (&Learnt, &str),
    access_token: &str,
) -> Result<Value, Fault> {
    let bearer = Zeroizing::new(format!("Bearer {access_token}"));
    let headers = [("accept", "application/json"), ("authorization", bearer.as_str())];
    answer(caller, learnt, &Call { method: Method::Get, url, headers: &headers, body: &[] }).await
}

async fn answer(caller: &Caller<'_>, learnt: &Learnt, call: &Call<'_>) -> Result<Value, Fault> {
    let answered = caller.call(&learnt.reached, call).await?;
    if !answered.is_success() {
        return Err(Fault::Provider("it rejects the code, or what it gave for it"));
    }
    serde_json::from_slice(&answered.body).map_err(|_| Fault::Provider("the answer to the code is no JSON"))
}
