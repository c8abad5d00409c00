//! Sends a browser back to a client, and sets its cookies.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::stop::Stop;
use crate::Provider;
use crate::answer::{Answer, with_query};
use crate::cookie::Cookie;
use crate::pages::{self, View};
use crate::problem::never_stored;
use crate::request::{NoReturn, ResponseMode};

/// How long a browser keeps the cookie to which forms are bound, in seconds: as long as a browser is known again after a login.
const BROWSER_SECS: u64 = 30 * 24 * 60 * 60;

/// Takes an answer to its client.
///
/// # Errors
/// [`Stop`] if its URI cannot be sent.
pub(super) fn answered(view: &View, answer: &Answer<'_>) -> Result<Response, Stop> {
    match answer.mode() {
        ResponseMode::Query => to(&answer.location()),
        ResponseMode::FormPost => Ok(pages::form_post(view, answer)),
    }
}

/// Sends the browser to a URL with `GET`, also after a form: with another status it would send the password again (RFC 9700 section
/// 4.12).
///
/// # Errors
/// [`Stop`] if it is no URL that can be sent.
pub(super) fn to(location: &str) -> Result<Response, Stop> {
    let location = HeaderValue::from_str(location).map_err(|_| NoReturn::Redirect)?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    never_stored(headers);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::LOCATION, location);
    Ok(response)
}

/// The URL of a path, by which a browser that has sent a form comes again. It sends its cookies (`SameSite=Lax`) with a link of another site,
/// and not with a form. `None` for a form that is too large for a URL.
pub(super) fn as_link(provider: &Provider, path: &str, parameters: &[(&'static str, &str)]) -> Option<String> {
    /// The most characters of the URL.
    const MAX: usize = 6 * 1024;
    let url = with_query(&provider.url(path), parameters.iter().copied());
    (url.len() <= MAX).then(|| url.to_string())
}

/// The cookies of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Cookies {
    /// The new cookie to which forms are bound.
    pub(super) browser: Option<String>,
    /// The new cookie of the session.
    pub(super) session: Option<String>,
}

impl Cookies {
    /// Sets them.
    pub(super) fn set(&self, issuer: &str, headers: &mut HeaderMap) {
        let browser = self.browser.as_deref().and_then(|value| Cookie::Browser.set(issuer, value, Some(BROWSER_SECS)));
        let session = self.session.as_deref().and_then(|value| Cookie::Session.set(issuer, value, None));
        for cookie in [browser, session].into_iter().flatten() {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}
