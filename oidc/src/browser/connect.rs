//! A login at another provider that a person connects with its account.

use umoja_accounts::access::DescribedSession;
use umoja_accounts::{Error, ToConnect};
use umoja_look::Phrase;
use umoja_look::texts::federation as say;
use umoja_schema::{Client, UserId};

use super::sign_in::Rejection;
use super::stop::Stop;
use crate::Provider;
use crate::pages::Again;
use crate::provider::context;
use crate::steps::{SessionCookie, Unconnected};

/// What the page for signing in says of the login with which a person came.
///
/// # Errors
/// If the region cannot read the provider.
pub(super) async fn announced(provider: &Provider, login: Option<&Unconnected>) -> Result<Option<Phrase>, Stop> {
    let Some(login) = login else { return Ok(None) };
    let upstream = provider.upstream(&login.provider).await?;
    Ok(upstream.map(|upstream| {
        let of = ("provider", &*upstream.provider.name);
        match &login.name {
            Some(name) => say::CONNECT_NAMED.with(&[("login", name), of]),
            None => say::CONNECT.with(&[of]),
        }
    }))
}

/// Connects the login with which a person came to the account that has just signed in, if it came with one. The inner error is why that
/// cannot be: the session has ended then, and the login is forgotten.
///
/// # Errors
/// [`Stop`] if the region cannot do that now.
pub(super) async fn connected(
    provider: &Provider,
    client: &Client,
    login: Option<&Unconnected>,
    cookie: &SessionCookie,
) -> Result<Result<(), Rejection>, Stop> {
    let Some(login) = login else { return Ok(Ok(())) };
    if connect(provider, client, (cookie.user, None), login).await? {
        return Ok(Ok(()));
    }
    provider.end_session(cookie.user, &cookie.session).await?;
    Ok(Err(Rejection::at_provider(Again::NotConnected)))
}

/// Gives a person a login at a provider that the client offers, and ends everything else if a session is kept. False if it cannot have it.
///
/// # Errors
/// [`Stop`] if the region cannot do that now.
pub(super) async fn connect(
    provider: &Provider,
    client: &Client,
    by: (UserId, Option<DescribedSession<'_>>),
    login: &Unconnected,
) -> Result<bool, Stop> {
    let Some(upstream) = provider.upstream_of(client, login.provider.as_str()).await? else { return Ok(false) };
    let context = context(client, &upstream.company, provider.now());
    let to_connect = ToConnect { subject: &login.subject, name: login.name.as_deref() };
    match provider.accounts.connect(&context, by, &login.provider, &to_connect).await {
        Ok(()) => Ok(true),
        Err(Error::Taken(_) | Error::Invalid { .. } | Error::Disabled) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
