//! `GET` and `POST /oauth2/logout`: a client, or the person, ends the session of the browser (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::Response;
use umoja_accounts::Error;
use umoja_look::Look;

use super::asked::Asked;
use super::hint;
use super::send::{Cookies, as_link, to};
use super::stop::Stop;
use crate::Provider;
use crate::answer::with_query;
use crate::cookie::Cookie;
use crate::form::Form;
use crate::logout::{Logout, logout as decide};
use crate::pages::{self, View};
use crate::request::NoReturn;
use crate::steps::{Leaving, SessionCookie};

/// The path.
pub(super) const PATH: &str = "/oauth2/logout";
/// The parameters of a client.
const PARAMETERS: [&str; 5] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];
/// The parameter with the sealed parameters of a client that has sent a form.
const FORM: &str = "form";

pub(super) async fn logout(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let (secrets, now) = (&provider.accounts.secrets, provider.now());
    let session = Cookie::Session.value(&provider.issuer, &asked.headers);
    let session = session.and_then(|cookie| SessionCookie::open(secrets, &cookie));
    if let Some(step) = asked.form.get("step").filter(|_| asked.is_post) {
        let browser = asked.browser(&provider.issuer).ok_or(NoReturn::Page)?;
        let step = Leaving::open_page(secrets, step, &browser, now).ok_or(NoReturn::Page)?;
        let on = Leave { client: step.client.as_deref(), to: step.to.as_deref() };
        if asked.chosen().is_some() {
            return on.page(&provider, &asked).await;
        }
        return on.left(&provider, &asked, session.as_ref()).await;
    }
    if asked.is_post {
        // Without its cookies, the session of the browser cannot be ended, so a form that is too long for a URL does nothing.
        return to(&as_get(&provider, &asked.form).ok_or(NoReturn::Unreadable)?);
    }
    match asked.form.get(FORM) {
        Some(sealed) => {
            let form = Leaving::open_form(secrets, sealed, now).ok_or(NoReturn::Page)?;
            decided(&provider, &asked, &Form::parse(form.as_bytes())?, session.as_ref()).await
        }
        None => decided(&provider, &asked, &asked.form, session.as_ref()).await,
    }
}

/// Ends the session, or asks the person.
async fn decided(
    provider: &Provider,
    asked: &Asked,
    form: &Form,
    session: Option<&SessionCookie>,
) -> Result<Response, Stop> {
    let hinted = match form.get("id_token_hint") {
        Some(token) => hint::read(&provider.keys().await?.signing, &provider.issuer, token).map(|hint| hint.of),
        None => None,
    };
    let named = hinted.as_ref().map(|hinted| hinted.client.as_str()).or(form.get("client_id"));
    let registered = match named {
        Some(id) => provider.registered(id).await?,
        None => None,
    };
    let client = registered.as_deref().map(|registered| &*registered.client);
    let called =
        session.map(|cookie| provider.accounts.secrets.session_name(&cookie.session, named.unwrap_or_default()));
    let Logout { asks, to } = decide(form, hinted.as_ref(), client, called.as_deref());
    let leave = Leave { client: client.map(|client| client.id.as_str()), to: to.as_deref().map(String::as_str) };
    if asks { leave.page(provider, asked).await } else { leave.left(provider, asked, session).await }
}

/// A logout: the client that began it, and where the browser goes then.
struct Leave<'a> {
    client: Option<&'a str>,
    to: Option<&'a str>,
}

impl Leave<'_> {
    async fn view(&self, provider: &Provider, asked: &Asked) -> Result<View, Stop> {
        let registered = match self.client {
            Some(id) => provider.registered(id).await?,
            None => None,
        };
        let look = registered.as_deref().map_or_else(Look::plain, |registered| Look::of(&registered.company));
        let locales = asked.form.get("ui_locales").unwrap_or_default();
        let locales: Vec<_> = locales.split_ascii_whitespace().map(str::to_owned).collect();
        Ok(asked.view(&provider.issuer, look, &locales, None))
    }

    /// Asks the person.
    async fn page(&self, provider: &Provider, asked: &Asked) -> Result<Response, Stop> {
        let (secrets, entropy) = (&provider.accounts.secrets, &*provider.accounts.home.entropy);
        let browser = asked.browser_or_new(&provider.issuer, entropy);
        let step = Leaving::page(self.client, self.to, &browser, provider.now()).seal(secrets, entropy);
        let mut response = pages::sign_out(&self.view(provider, asked).await?, &step, self.to);
        Cookies { browser: Some(browser), session: None }.set(&provider.issuer, response.headers_mut());
        Ok(response)
    }

    /// Ends the session, and takes the browser away from it. If the region cannot end it, the browser keeps its cookie, so that the person
    /// can try again.
    async fn left(
        &self,
        provider: &Provider,
        asked: &Asked,
        session: Option<&SessionCookie>,
    ) -> Result<Response, Stop> {
        if let Some(cookie) = session {
            match provider.end_session(cookie.user, &cookie.session).await {
                // There is no such user any more, so nothing of it is valid.
                Ok(()) | Err(Error::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut response = match self.to {
            Some(to) => super::send::to(to)?,
            None => pages::signed_out(&self.view(provider, asked).await?, PATH),
        };
        if let Some(removed) = Cookie::Session.remove(&provider.issuer) {
            response.headers_mut().append(header::SET_COOKIE, removed);
        }
        Ok(response)
    }
}

/// The URL by which a browser that has sent a form comes again, with its cookies: as at the authorization endpoint.
fn as_get(provider: &Provider, form: &Form) -> Option<String> {
    let (secrets, entropy) = (&provider.accounts.secrets, &*provider.accounts.home.entropy);
    let given = PARAMETERS.into_iter().filter_map(|name| Some((name, form.get(name)?)));
    let text = with_query("", given);
    let sealed = Leaving::form(text.trim_start_matches('?'), provider.now()).seal(secrets, entropy);
    as_link(provider, PATH, &[(FORM, &sealed)])
}
