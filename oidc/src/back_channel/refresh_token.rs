//! The grant `refresh_token` (RFC 6749 section 6, RFC 9700 section 4.14, OpenID Connect Core section 12).

use umoja_accounts::access::{Refreshed, Reuse};
use umoja_schema::ClientKind;

use super::granted::Granted;
use super::holder::holder;
use super::issue::issue;
use super::request::{TokenRequest, asked_of};
use crate::problem::Problem;
use crate::tokens::Issued;

/// The tokens for a refresh token. Only that of a public client without a key is replaced: another one is of no use to a thief, and
/// clients that come at once from two places cannot disturb each other.
pub(super) async fn grant(request: &TokenRequest<'_>) -> Result<Issued, Problem> {
    let TokenRequest { provider, client, form, .. } = request;
    let people = &provider.accounts.people;
    let text = form.get("refresh_token").ok_or(Problem::Request("refresh_token is missing"))?;
    let granted = Granted::open(&people.secrets, text).filter(|granted| granted.client == client.id);
    let granted = granted.ok_or(Problem::Grant)?;
    let scopes = asked_of(granted.scopes.clone(), form.get("scope"))?;
    let key = request.key(granted.jkt.as_deref()).await?;
    let described = granted.described();
    holder(provider, client, (&described, granted.client_ends)).await?.ok_or(Problem::Grant)?;
    let keys = provider.keys().await?;
    let next = if client.kind == ClientKind::Public && granted.jkt.is_none() {
        match people.refresh_described(&described, granted.generation, Reuse::default()).await? {
            Refreshed::Next(generation) | Refreshed::Retry(generation) => {
                Some(Granted { generation, ..granted.clone() }.seal(&people.secrets))
            }
            Refreshed::Ended => return Err(Problem::Grant),
            Refreshed::Behind => return Err(Problem::Unavailable),
        }
    } else {
        None
    };
    Ok(Issued { refresh_token: next, ..issue(provider, &keys, client, &granted, &scopes, (key, None)) })
}
