//! The grant `client_credentials` (RFC 6749 section 4.4): a client by itself.

use std::collections::BTreeSet;

use umoja_schema::{Client, ClientKind};

use super::issue::access;
use super::request::{TokenRequest, asked_of};
use crate::problem::Problem;
use crate::tokens::{Access, Issued};
use crate::{access_token, claims};

/// A token for a client without a person.
pub(super) async fn grant(request: &TokenRequest<'_>) -> Result<Issued, Problem> {
    let TokenRequest { provider, client, form, .. } = request;
    if client.kind != ClientKind::Confidential {
        return Err(Problem::UnauthorizedClient);
    }
    let scopes = by_itself(client, form.get("scope"))?;
    let key = request.key(None).await?;
    let access = Access { client_ends: client.ends, ..access(provider, client, client.id.as_str(), &scopes, key) };
    let keys = provider.keys().await?;
    Ok(Issued::new(access_token::sign(&keys.signing, client, &access), &access))
}

/// The scopes that a client gets by itself: those that it asks for, or all of its own. Scopes that stand for a person are never among
/// them.
fn by_itself(client: &Client, asked: Option<&str>) -> Result<BTreeSet<String>, Problem> {
    let is_of_a_person = |scope: &str| {
        ["openid", "offline_access"].contains(&scope) || claims::SCOPES.iter().any(|(name, _)| *name == scope)
    };
    let own = client.scopes.iter().filter(|scope| !is_of_a_person(scope)).cloned().collect::<BTreeSet<_>>();
    asked_of(own, asked)
}
