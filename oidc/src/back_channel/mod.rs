//! The routes that the back end of a client calls, and programs of public clients.

mod authorization_code;
mod client_credentials;
mod cors;
mod device_authorization;
mod device_code;
mod granted;
mod holder;
mod introspect;
mod issue;
mod paths;
mod refresh_token;
mod request;
mod revoke;
mod subject;
mod token;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};

use crate::Provider;
use crate::device::AUTHORIZATION;
use crate::problem::Problem;

pub use cors::cors;
pub use paths::{INTROSPECT, JWKS, REVOKE, TOKEN, USERINFO};
pub(crate) use request::read;
pub(crate) use subject::user_of;
pub use token::GRANTS;

/// The routes of the back ends of clients. Programs in browsers call all but that of the states of tokens, which only
/// servers ask for.
pub fn router(provider: Arc<Provider>) -> Router {
    let open = Router::new()
        .route(TOKEN, post(token::token))
        .route(USERINFO, get(userinfo::userinfo).post(userinfo::userinfo))
        .route(REVOKE, post(revoke::revoke))
        .route(AUTHORIZATION, post(device_authorization::authorization))
        .route(JWKS, get(jwks))
        .method_not_allowed_fallback(other_method);
    let all = cors(open).route(INTROSPECT, post(introspect::introspect));
    all.method_not_allowed_fallback(other_method).with_state(provider)
}

/// The answer to a request by a method that its path does not have.
pub async fn other_method() -> Problem {
    Problem::Method
}

async fn jwks(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Result<Response, Problem> {
    Ok(provider.keys().await?.document.answer(&headers))
}
