//! Requests of clients.

use std::collections::BTreeSet;

use axum::extract::Request;
use axum::http::HeaderMap;
use umoja_schema::Client;

use super::paths::TOKEN;
use crate::Provider;
use crate::dpop::Expected;
use crate::form::Form;
use crate::possession::proven;
use crate::problem::Problem;
use crate::tokens::scopes;

/// A request for tokens, of a client that is known.
pub(super) struct TokenRequest<'a> {
    pub(super) provider: &'a Provider,
    pub(super) client: &'a Client,
    pub(super) headers: &'a HeaderMap,
    pub(super) form: &'a Form,
}

impl TokenRequest<'_> {
    /// The thumbprint of the key that the sender has shown to have. A key is needed if the client's tokens are bound to one, and
    /// if what the client redeems is.
    pub(super) async fn key(&self, bound_to: Option<&str>) -> Result<Option<String>, Problem> {
        let url = self.provider.url(TOKEN);
        let expected = Expected { method: "POST", url: &url, access_token: None, bound_to };
        let key = proven(self.provider, self.headers, &expected).await?;
        let is_needed = self.client.dpop_bound_access_tokens || bound_to.is_some();
        if is_needed && key.is_none() { Err(Problem::DpopProof) } else { Ok(key) }
    }
}

/// The scopes that a client asks for, which are among those that it may have; all of those if it asks for none.
pub(super) fn asked_of(allowed: BTreeSet<String>, asked: Option<&str>) -> Result<BTreeSet<String>, Problem> {
    let Some(asked) = asked else { return Ok(allowed) };
    let asked = scopes(asked);
    if asked.is_subset(&allowed) { Ok(asked) } else { Err(Problem::Scope) }
}

/// The headers and the form of a request.
pub(crate) async fn read(request: Request) -> Result<(HeaderMap, Form), Problem> {
    let (parts, body) = request.into_parts();
    let form = Form::of_body(&parts.headers, body).await.map_err(Problem::from);
    let form = form.inspect_err(|problem| problem.log(parts.uri.path(), None))?;
    Ok((parts.headers, form))
}
