//! `POST /oauth2/par`: a client pushes the parameters of its request itself, so that no browser sees or changes them (RFC 9126).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use umoja_schema::Client;

use crate::Provider;
use crate::back_channel::read;
use crate::client_auth::authenticate;
use crate::dpop::Expected;
use crate::form::Form;
use crate::possession::proven;
use crate::problem::{Problem, log_rejected, never_stored};
use crate::request::{AuthorizationRequest, Fault, Rejected};
use crate::steps::Pushed;

/// The path.
pub(super) const PATH: &str = "/oauth2/par";
/// The most characters of a `request_uri`, which a browser has to bring in a URL.
const MAX_URI: usize = 6 * 1024;

pub(super) async fn par(State(provider): State<Arc<Provider>>, request: Request) -> Result<Response, Problem> {
    let (headers, form) = read(request).await?;
    let client = authenticate(&provider, PATH, &headers, &form).await?;
    let pushed = pushed(&provider, &client, (&headers, &form)).await;
    pushed.inspect_err(|problem| problem.log(PATH, Some(&client.id)))
}

async fn pushed(
    provider: &Provider,
    client: &Client,
    (headers, form): (&HeaderMap, &Form),
) -> Result<Response, Problem> {
    let url = provider.url(PATH);
    let expected = Expected { method: "POST", url: &url, access_token: None, bound_to: form.get("dpop_jkt") };
    let key = proven(provider, headers, &expected).await?;
    let request = match AuthorizationRequest::read(form, Some(client), true) {
        // A proof binds the code as the parameter `dpop_jkt` does (RFC 9449 section 10.1).
        Ok(request) => AuthorizationRequest { jkt: key.or(request.jkt), ..request },
        Err(Rejected::Page(reason)) => {
            log_rejected(PATH, Some(&client.id), (reason.code(), None));
            return Ok(rejected("invalid_request", Some(&reason.to_string())));
        }
        Err(Rejected::Answer(_, fault)) => return Ok(at_fault(client, fault)),
    };
    let expires_at = provider.now().plus(Pushed::LIFETIME_MS);
    let uri = Pushed { request, expires_at }.seal(&provider.accounts.secrets, &*provider.accounts.home.entropy);
    if uri.len() > MAX_URI {
        return Ok(at_fault(client, Fault::TOO_LARGE));
    }
    let body = json!({ "request_uri": uri, "expires_in": Pushed::LIFETIME_MS / 1000 });
    Ok(answer(StatusCode::CREATED, body))
}

fn at_fault(client: &Client, fault: Fault) -> Response {
    log_rejected(PATH, Some(&client.id), (fault.code(), fault.description()));
    rejected(fault.code(), fault.description())
}

/// The answer to a request that would have no code (RFC 9126 section 2.3).
fn rejected(error: &str, description: Option<&str>) -> Response {
    let mut body = json!({ "error": error });
    if let Some(description) = description {
        body["error_description"] = description.into();
    }
    answer(StatusCode::BAD_REQUEST, body)
}

fn answer(status: StatusCode, body: serde_json::Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    never_stored(response.headers_mut());
    response
}
