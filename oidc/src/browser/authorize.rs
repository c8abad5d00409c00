//! `GET` and `POST /oauth2/authorize`: a client sends a browser here, because it wants a person to sign in (OpenID Connect Core section
//! 3.1.2.1).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_look::Look;

use super::asked::Asked;
use super::proceed::{Done, Going};
use super::send::{Cookies, answered, as_link, to};
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::answer::Answer;
use crate::request::{AuthorizationRequest, NoReturn, Rejected};
use crate::steps::Pushed;

/// The path.
pub(super) const PATH: &str = "/oauth2/authorize";

pub(super) async fn authorize(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let registered = match asked.form.get("client_id") {
        Some(id) => provider.registered(id).await?,
        None => None,
    };
    let request = match read(&provider, &asked, registered.as_deref().map(|registered| &*registered.client)) {
        Ok(request) => request,
        Err(Rejected::Page(reason)) => return Err(reason.into()),
        Err(Rejected::Answer(to, fault)) => {
            let look = registered.as_deref().map_or_else(Look::plain, |registered| Look::of(&registered.company));
            let view = asked.view(&provider.issuer, look, &[], None);
            return answered(&view, &Answer::fault(&to, &provider.issuer, fault));
        }
    };
    if asked.is_post
        && let Some(url) = as_get(&provider, &request)
    {
        return to(&url);
    }
    let visit = Visit::of(&provider, &asked.headers).await?;
    let going = Going::of(&provider, registered.as_deref(), &asked, request)?;
    going.on(visit, Done::default(), Cookies::default()).await
}

/// The request, by its parameters or by the `request_uri` of one that the client pushed (RFC 9126 section 4). Parameters beside a
/// `request_uri` do not count.
fn read(
    provider: &Provider,
    asked: &Asked,
    client: Option<&umoja_schema::Client>,
) -> Result<AuthorizationRequest, Rejected> {
    match asked.form.get("request_uri") {
        Some(uri) if Pushed::is_uri(uri) => {
            let client = client.ok_or(Rejected::Page(NoReturn::Client))?;
            let pushed = Pushed::open(&provider.accounts.secrets, uri, &client.id, provider.now());
            pushed.ok_or(Rejected::Page(NoReturn::Pushed))
        }
        _ => AuthorizationRequest::read(&asked.form, client, false),
    }
}

/// The URL by which a browser that has sent a form comes again. What the form has is sealed in it, so no person is to be read from it.
fn as_get(provider: &Provider, request: &AuthorizationRequest) -> Option<String> {
    let accounts = &provider.accounts;
    let pushed = Pushed { request: request.clone(), expires_at: provider.now().plus(Pushed::LIFETIME_MS) };
    let uri = pushed.seal(&accounts.secrets, &*accounts.home.entropy);
    as_link(provider, PATH, &[("client_id", request.client.as_str()), ("request_uri", &uri)])
}
