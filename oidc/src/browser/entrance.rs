//! The page on which a person signs in, wherever it is: for a client, for a device, or for the pages of an account.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use umoja_look::{Phrase, Text};

use super::connect::announced;
use super::offered::{StartOn, offered};
use super::reset;
use super::sign_in::Rejection;
use super::stop::Stop;
use crate::Provider;
use crate::pages::{self, Again, SignIn, View};
use crate::passkey::Site;
use crate::provider::Registered;
use crate::steps::Unconnected;

/// What the page of a place has.
pub(super) struct Entrance<'a> {
    /// The page, and its step.
    pub(super) at: StartOn<'a>,
    /// The path to which the form goes.
    pub(super) action: &'a str,
    /// Its title.
    pub(super) title: Text,
    /// What it says first.
    pub(super) text: Option<Phrase>,
    /// The URI to which the form leads in the end.
    pub(super) leads_to: Option<&'a str>,
    /// Whom the client expects, or what the person typed.
    pub(super) hint: &'a str,
    /// The link for who has no account; `None` where persons make none.
    pub(super) register: Option<&'a str>,
    /// The login at another provider that the person connects by signing in.
    pub(super) unconnected: Option<&'a Unconnected>,
    /// Why the person has to try again.
    pub(super) rejected: Option<Rejection>,
}

impl Entrance<'_> {
    /// The page, in a view.
    ///
    /// # Errors
    /// [`Stop`] if the region cannot read what the page offers.
    pub(super) async fn page(
        self,
        provider: &Provider,
        registered: &Registered,
        view: &View,
    ) -> Result<Response, Stop> {
        let Self { at, action, title, text, leads_to, hint, register, unconnected, rejected } = self;
        let others = offered(provider, &registered.client, at).await?;
        let connects = announced(provider, unconnected).await?;
        let forgotten = match at {
            StartOn::Account(..) => reset::link_of_company(provider, &registered.company.id),
            StartOn::Client(_) | StartOn::Device(_) => reset::link(provider, &registered.client.id),
        };
        let on = SignIn {
            action,
            leads_to,
            step: at.step(),
            passkey: &Site::of(&provider.issuer).first(at.step()),
            hint,
            forgotten: forgotten.as_deref(),
            register,
            again: rejected.map(|rejected| rejected.again),
            others: &others,
            connects: connects.as_ref(),
        };
        let mut response = pages::sign_in(view, (title, text), &on);
        rejected_as(&mut response, rejected);
        Ok(response)
    }
}

/// The status of a page on which a person signs in, after an attempt that was rejected.
pub(super) fn rejected_as(response: &mut Response, rejected: Option<Rejection>) {
    *response.status_mut() = match rejected.map(|rejected| rejected.again) {
        None
        | Some(
            Again::Wrong
            | Again::WrongCode
            | Again::WrongMailedCode
            | Again::WrongPasskey
            | Again::NoProvider
            | Again::Unreachable
            | Again::NotRecent
            | Again::NotThere
            | Again::NotAllowed
            | Again::NotConnected
            | Again::Registered,
        ) => StatusCode::OK,
        Some(Again::Locked | Again::TooManyMails) => StatusCode::TOO_MANY_REQUESTS,
        Some(Again::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
    };
    if let Some(secs) = rejected.and_then(|rejected| rejected.retry_after_secs) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
}
