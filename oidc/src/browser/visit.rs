//! Who the person is whose browser it is.

use axum::http::HeaderMap;
use umoja_accounts::Error;
use umoja_accounts::access::{Needed, SessionState, Standing};
use umoja_schema::access::{KnownEnds, Sector};
use umoja_schema::{Client, CompanyId};

use crate::Provider;
use crate::assurance::Class;
use crate::cookie::Cookie;
use crate::steps::SessionCookie;

/// A person who has signed in with this browser.
pub struct Visit {
    /// What the cookie says.
    pub cookie: SessionCookie,
    /// What the region knows of the person. It is read once in a request.
    pub standing: Standing,
}

impl Visit {
    /// The person of the cookie of a request. `None` without a session that counts: it has ended, its row has not arrived a minute after
    /// it began, it was not used for hours, or the person may not use what it has.
    ///
    /// # Errors
    /// If the region cannot read the person.
    pub async fn of(provider: &Provider, headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let Some(cookie) = Cookie::Session.value(&provider.issuer, headers) else { return Ok(None) };
        match SessionCookie::open(&provider.accounts.secrets, &cookie) {
            Some(cookie) if cookie.is_in_use(provider.now()) => {
                // Who has shown a second factor is not asked for one again.
                let factors = Class::of_sign_in(&cookie.signed_in) < Class::Two;
                let needed = Needed { session: Some(&cookie.session), factors, ..Needed::default() };
                let standing = Standing::read_needed(&provider.accounts, cookie.user, &needed).await?;
                Ok(Self::with(provider, cookie, standing))
            }
            _ => Ok(None),
        }
    }

    /// The person of a cookie that is in use, by what was read of the person. `None` as before.
    pub fn with(provider: &Provider, cookie: SessionCookie, standing: Option<Standing>) -> Option<Self> {
        let standing = standing?;
        let has_ended = standing.session(cookie.described(), provider.now()) == SessionState::Ended;
        (!has_ended).then_some(Self { cookie, standing })
    }

    /// The same person, if it may sign in to clients of a company.
    pub fn at(self, company: &CompanyId) -> Option<Self> {
        self.standing.may_sign_in(company).then_some(self)
    }

    /// The ends of everything that what begins in the session knows.
    pub fn ends(&self) -> KnownEnds {
        self.standing.ends_known_in(self.cookie.described())
    }

    /// The language of the person's profile. `None` if it has none, or cannot be opened now: a page is shown all the same.
    pub async fn locale(&self, provider: &Provider) -> Option<String> {
        self.standing.person(&provider.accounts).await.ok()??.view().profile.locale
    }

    /// Whether the person is, or was before a merge, the one that a client calls this.
    pub fn is_called(&self, sub: &str, client: &Client) -> bool {
        let sector = Sector::from(client);
        self.standing.subject(&sector) == Some(sub) || self.standing.aliases(&sector).contains(&sub)
    }
}
