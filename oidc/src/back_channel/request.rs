//! Requests of clients.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, Limited};
use umoja_schema::Client;

use super::paths::TOKEN;
use crate::Provider;
use crate::dpop::Expected;
use crate::form::{Form, MAX_FORM};
use crate::possession::proven;
use crate::problem::Problem;

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

/// True if a request has a form as its body.
pub(super) fn has_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The headers and the form of a request.
pub(super) async fn read(request: Request) -> Result<(HeaderMap, Form), Problem> {
    const KIND: Problem = Problem::Request("the body has to be application/x-www-form-urlencoded, of 64 KiB at most");
    let (parts, body) = request.into_parts();
    if !has_form(&parts.headers) {
        return Err(KIND);
    }
    let body = Limited::new(body, MAX_FORM).collect().await.map_err(|_| KIND)?;
    Ok((parts.headers, Form::parse(&body.to_bytes())?))
}
