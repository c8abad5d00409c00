//! Whether a password is right, by the rule of the API: the same lock-outs, and the same work for every name.

use std::net::IpAddr;
use std::sync::Arc;

use umoja_accounts::access::{NewSession, Standing};
use umoja_accounts::{Authenticate, Context, Error, Origin, Rule as _};
use umoja_crypto::Password;
use umoja_schema::api::Selector;
use umoja_schema::{Actor, IdentifierKind};

use crate::Provider;
use crate::pages::Again;
use crate::provider::Registered;
use crate::steps::SessionCookie;
use crate::tokens::SignedIn;

/// The method of a sign-in by a password (RFC 8176 section 2).
const PASSWORD: &str = "pwd";
/// What a person may enter as its name. The first kind counts as which the text can be read.
const KINDS: [IdentifierKind; 3] = [IdentifierKind::Email, IdentifierKind::PhoneNumber, IdentifierKind::Username];

/// What a person entered.
pub struct Entered<'a> {
    /// Its name. Personal data.
    pub identifier: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The value of the cookie of the browser, by which the person's own browser is known again. It is hashed before any use.
    pub browser: &'a str,
    /// The address of the browser.
    pub address: Option<IpAddr>,
}

/// Why a person has to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// The reason on the page.
    pub again: Again,
    /// The seconds after which the next attempt is allowed, if that is known.
    pub retry_after_secs: Option<u32>,
}

impl Rejection {
    const WRONG: Self = Self { again: Again::Wrong, retry_after_secs: None };
    const UNAVAILABLE: Self = Self { again: Again::Unavailable, retry_after_secs: Some(1) };
}

/// Signs a person in at a client: checks the password, and begins a session under a new id in this region. Returns what the region knows of the
/// person then, too: `None` if the user is gone.
///
/// # Errors
/// [`Rejection`]. It does not say whether there is a user of the name.
pub async fn attempt(
    provider: &Provider,
    registered: &Registered,
    entered: Entered<'_>,
) -> Result<(SessionCookie, Option<Standing>), Rejection> {
    let Registered { client, company } = registered;
    let accounts = &provider.accounts;
    let unavailable = |error: Error| match error {
        Error::Locked { retry_after_secs } => {
            Rejection { again: Again::Locked, retry_after_secs: Some(retry_after_secs) }
        }
        error => {
            tracing::warn!(client = %client.id, %error, "a person cannot sign in now");
            Rejection::UNAVAILABLE
        }
    };
    if let Some(busy) = accounts.hasher.rejects(&company.id) {
        return Err(unavailable(busy.into()));
    }
    let now = provider.now();
    let actor = Actor::Client { id: client.id.clone(), company: company.id.clone() };
    let context = Context { actor, company: Arc::clone(company), now, request: None };
    let selector = selector(&context, entered.identifier).ok_or(Rejection::WRONG)?;
    let origin = Origin { ip: entered.address, device: Some(entered.browser.to_owned()) };
    let rule = || Authenticate {
        selector: selector.clone(),
        password: Password::attempt(entered.password),
        origin: origin.clone(),
    };
    let person = rule().run(accounts, &context).await.map_err(unavailable)?.ok_or(Rejection::WRONG)?;
    let (user, amr) = (person.primary.id(), vec![PASSWORD.to_owned()]);
    let life_ms = SessionCookie::LIFETIME_MS;
    let new = NewSession { auth_time: now, amr: amr.clone(), acr: None, label: None, life_ms };
    let session = accounts.begin_session(user, new).await.map_err(unavailable)?;
    // A new password ends the sessions that it finds. One that began meanwhile, by the former password, it may not have found.
    let mut standing = Standing::read(&accounts.people, user).await.map_err(unavailable)?;
    if standing.as_ref().and_then(Standing::person_version) != Some(person.version()) {
        let again = rule().run(accounts, &context).await;
        if !matches!(again, Ok(Some(_))) {
            provider.end_session(user, &session.id).await.map_err(unavailable)?;
            return Err(again.map_or_else(unavailable, |_| Rejection::WRONG));
        }
        standing = Standing::read(&accounts.people, user).await.map_err(unavailable)?;
    }
    let cookie = SessionCookie {
        user,
        session: session.id,
        signed_in: SignedIn { auth_time: now.secs(), acr: None, amr },
        issued_at: session.created_at,
        used_at: now,
        ends_at: session.expires_at,
        region: accounts.home.own.name.clone(),
    };
    Ok((cookie, standing))
}

/// The user whose name a person entered. `None` for a text that is no name of any user.
pub(super) fn selector(context: &Context, identifier: &str) -> Option<Selector> {
    let kind = KINDS.into_iter().find(|kind| context.parse(*kind, identifier).is_ok())?;
    Some(Selector::Identifier(kind, identifier.to_owned()))
}
