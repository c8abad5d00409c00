//! Whose a token of this issuer is, for the company of the client that it was issued to.

use serde_json::Value;
use umoja_accounts::Error;
use umoja_crypto::jws::parse_jwt;
use umoja_schema::api::SubjectTokenType;
use umoja_schema::{CompanyId, UserId};
use umoja_store::oidc_keys::OidcKeys;

use super::granted::OnBehalf;
use super::holder::holder;
use crate::tokens::{Access, TYP_ID};
use crate::{Provider, access_token};

/// The user of a live access token or id token of a client of this company. A token that is bound to a key counts without a proof: the
/// company has signed the request that has it.
///
/// # Errors
/// As [`SubjectTokens::subject`](umoja_accounts::provisioning::SubjectTokens::subject).
pub(crate) async fn user_of(
    provider: &Provider,
    company: &CompanyId,
    token: &str,
    token_type: SubjectTokenType,
) -> Result<UserId, Error> {
    let keys = provider.keys().await.map_err(|error| {
        tracing::error!(%error, "a region cannot verify its own tokens");
        Error::IssuerUnavailable("single sign-on of this deployment")
    })?;
    // An end in the future of the beginning: whether it has passed is asked once it is known whose the token is.
    let access = || access_token::read(&keys.signing, &provider.issuer, token, 0);
    let id = || id_token(&keys.signing, &provider.issuer, token);
    let read = match token_type {
        SubjectTokenType::AccessToken => access(),
        SubjectTokenType::IdToken => id(),
        SubjectTokenType::Jwt => access().or_else(id),
    };
    let said = read.ok_or(Error::SubjectToken("the signature, the issuer or the type"))?;
    let client = provider.client(&said.client_id).await?.filter(|client| client.company == *company);
    let client = client.ok_or(Error::SubjectToken("the company of the client"))?;
    let on_behalf = OnBehalf::open(&provider.accounts.secrets, &said);
    let on_behalf = on_behalf.ok_or(Error::SubjectToken("that it stands for a person"))?;
    if provider.now().secs() >= said.exp {
        return Err(Error::SubjectTokenExpired);
    }
    match holder(provider, &client, (&on_behalf.described(&client, &said), on_behalf.client_ends)).await {
        Ok(Some(_)) => Ok(on_behalf.user),
        Ok(None) => Err(Error::SubjectToken("that neither the session nor the consent has ended")),
        Err(_) => Err(Error::Behind),
    }
}

/// What an id token of this issuer says, as the access token does that came with it. It stands for the scope `openid` alone.
fn id_token(keys: &OidcKeys, issuer: &str, token: &str) -> Option<Access> {
    let parsed = parse_jwt(token).ok()?;
    if parsed.header("typ") != Some(TYP_ID) {
        return None;
    }
    let key = keys.verify(parsed.header("kid")?)?;
    let claims = parsed.verify(key).ok()?.claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| claims.get(name).and_then(Value::as_u64);
    let client = text("aud")?;
    let access = Access {
        iss: text("iss")?,
        aud: client.clone(),
        sub: text("sub")?,
        client_id: client,
        iat: number("iat")?,
        exp: number("exp")?,
        jti: String::new(),
        scope: "openid".to_owned(),
        cnf: None,
        signed_in: None,
        client_ends: 0,
        on_behalf: text("umoja_on_behalf"),
    };
    (access.iss == issuer).then_some(access)
}
