//! Whether a request is from the client that it names: by the method that the client is registered with, and no other.

use std::sync::Arc;

use axum::http::HeaderMap;
use umoja_crypto::is_client_secret;
use umoja_schema::{Client, ClientKind};

use crate::Provider;
use crate::assertion::Assertion;
use crate::form::Form;
use crate::presented::{Means, Presented};
use crate::problem::Problem;

/// The client of a request to an endpoint (its path). A rejection is in the log, with the client if it is one.
///
/// # Errors
/// [`Problem::Client`], the same for a client that does not exist, is disabled, or has not proved to be itself.
pub async fn authenticate(
    provider: &Provider,
    path: &str,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Arc<Client>, Problem> {
    let mut known = None;
    let proven = proved(provider, path, (headers, form), &mut known).await;
    proven.inspect_err(|problem| problem.log(path, known.as_deref().map(|client| &client.id)))
}

async fn proved(
    provider: &Provider,
    path: &str,
    (headers, form): (&HeaderMap, &Form),
    known: &mut Option<Arc<Client>>,
) -> Result<Arc<Client>, Problem> {
    let Presented { client_id, means } = Presented::read(headers, form)?;
    let rejected = Problem::Client { basic: matches!(means, Means::Basic(_)) };
    let named = match (client_id, &means) {
        (None, Means::Assertion(text)) => Assertion::read(text).ok().and_then(|one| one.client_id().map(str::to_owned)),
        (named, _) => named,
    };
    let client = provider.client(&named.ok_or(rejected)?).await?.ok_or(rejected)?;
    *known = Some(Arc::clone(&client));
    if means.method() != client.token_endpoint_auth_method.as_str() {
        return Err(rejected);
    }
    let is_client = match &means {
        Means::None => client.kind == ClientKind::Public,
        Means::Basic(secret) | Means::Post(secret) => {
            let mut live = client.live_secrets(provider.now().secs());
            live.any(|known| is_client_secret(secret, &known.sha256))
        }
        Means::Assertion(text) => asserts(provider, path, &client, text).await?,
    };
    if is_client { Ok(client) } else { Err(rejected) }
}

/// Whether the client has signed the assertion for this provider, and sends it for the first time to this region.
async fn asserts(provider: &Provider, path: &str, client: &Client, text: &str) -> Result<bool, Problem> {
    let (endpoint, now) = (provider.url(path), provider.now());
    let audiences = [provider.issuer.as_str(), &endpoint];
    for key in provider.keys_of(client).await?.iter() {
        let Ok(assertion) = Assertion::read(text) else { return Ok(false) };
        if assertion.kid().is_some_and(|kid| key.kid() != Some(kid)) {
            continue;
        }
        match assertion.verify(key.key(), client.id.as_str(), &audiences, now.secs()) {
            Ok(once) => return Ok(provider.accounts.home.requests.first_use(once.hash(), now, once.until()).await?),
            Err(error) => tracing::info!(client = %client.id, %error, "an assertion of a client was not accepted"),
        }
    }
    Ok(false)
}
