//! `GET` and `POST /oauth2/authorize`: a client sends a browser here, because it wants a person to sign in (OpenID Connect Core section
//! 3.1.2.1).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use umoja_look::Look;
use umoja_schema::ClientId;

use super::asked::Asked;
use super::proceed::{Done, Going};
use super::send::{Cookies, as_link, faulted, to};
use super::stop::Stop;
use super::visit::Visit;
use crate::Provider;
use crate::request::{AuthorizationRequest, Fault, NoReturn, Rejected, ReturnTo};
use crate::steps::Pushed;

/// The path.
pub(super) const PATH: &str = "/oauth2/authorize";

pub(super) async fn authorize(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Stop> {
    let asked = Asked::read(request).await?;
    let registered = match asked.form.get("client_id") {
        Some(id) => provider.registered(id).await?,
        None => None,
    };
    let client = registered.as_deref().map(|registered| &*registered.client);
    let look = || registered.as_deref().map_or_else(Look::plain, |registered| Look::of(&registered.company));
    let rejected = |client: &ClientId, to: &ReturnTo, fault| {
        faulted(&asked.view(&provider.issuer, look(), &[], None), &provider, client, to, fault)
    };
    let request = match (read(&provider, &asked, client), client) {
        (Ok(request), _) => request,
        (Err(Rejected::Page(reason)), Some(client)) => return Err(Stop::at(reason, &client.id)),
        (Err(Rejected::Page(reason)), None) => return Err(reason.into()),
        (Err(Rejected::Answer(to, fault)), Some(client)) => return rejected(&client.id, &to, fault),
        // Without a client no address is known.
        (Err(Rejected::Answer(..)), None) => return Err(NoReturn::Client.into()),
    };
    if asked.is_post {
        // No page follows a form, which may be another site's and then comes without cookies: the page would have new ones, in the place of
        // those by which the browser is known.
        return match as_get(&provider, &request) {
            Some(url) => to(&url),
            None => rejected(&request.client, &request.return_to, Fault::TOO_LARGE),
        };
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
