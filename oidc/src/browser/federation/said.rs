//! What a provider says of the person who comes back from it.

use crate::Provider;
use crate::form::Form;
use crate::provider::Upstream;
use crate::upstream::id_token::{Expected, Said, read};
use crate::upstream::learnt::{FRESH_MS, Learnt};
use crate::upstream::step::AtProvider;
use crate::upstream::{CALLBACK, Fault, redeem, userinfo};

/// What the provider says of the person. `None` if the person did not sign in there.
pub(super) async fn answered(
    provider: &Provider,
    upstream: &Upstream,
    (form, browser): (&Form, &str),
    step: &AtProvider,
) -> Result<Option<Said>, Fault> {
    let (issuer, now, caller) = (&upstream.provider.issuer, provider.now(), provider.caller(browser));
    let learn = async |max_age_ms| provider.learnt.learn(&caller, issuer, max_age_ms).await;
    let learnt = learn(FRESH_MS).await?;
    let is_its = match form.get("iss") {
        Some(named) => named == issuer,
        None => !learnt.metadata.names_itself,
    };
    if !is_its {
        return Err(Fault::Provider("the answer is that of another issuer"));
    }
    let code = match (form.get("error"), form.get("code")) {
        (None, Some(code)) => code,
        (Some("access_denied" | "login_required" | "interaction_required" | "consent_required"), _) => return Ok(None),
        _ => return Err(Fault::Provider("the answer has no code")),
    };
    let (secrets, callback) = (&provider.accounts.secrets, provider.url(CALLBACK));
    let redeemed = redeem(&caller, secrets, (&upstream.provider, &learnt), (code, &callback), step).await?;
    let expected = Expected {
        issuer,
        client_id: &upstream.provider.client_id,
        nonce: &step.nonce,
        access_token: redeemed.access_token.as_deref().map(String::as_str),
        max_age: step.max_age(now),
        now_secs: now.secs(),
    };
    let with = |learnt: &Learnt| read(&redeemed.id_token, &learnt.keys, &expected);
    let said = match with(&learnt) {
        // The provider may have new keys.
        Err(Fault::UnknownKey) => with(&*learn(0).await?)?,
        said => said?,
    };
    // A provider may leave out of the token what the userinfo endpoint says (OpenID Connect Core section 5.4).
    match (&said.login.email, &learnt.metadata.userinfo, &redeemed.access_token) {
        (None, Some(url), Some(token)) => {
            said.with_userinfo(&userinfo(&caller, (&learnt, url), token).await?).map(Some)
        }
        _ => Ok(Some(said)),
    }
}
