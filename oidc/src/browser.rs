//! The routes that the browser of a person calls. Every one answers with a page, or sends the browser to the client, whatever fails. Beside
//! them are the routes by which a client prepares that: it reads the metadata, and pushes its request.
//!
//! | module | what it does |
//! |---|---|
//! | `absent` | `/`, and addresses at which there is nothing |
//! | `account` | `/account`: the pages on which a person looks after its account |
//! | `alike` | answers that come alike for every name and every address |
//! | `authorize` | `/oauth2/authorize`: a client wants a person to sign in |
//! | `login` | `/login`: the form with the password; `/sign-in`: its page, by a link |
//! | `factor` | `/factor`: the form with a second factor |
//! | `consent` | `/consent`: the form by which a person lets a client have something |
//! | `federation` | `/federation/start` and `/federation/callback`: a person signs in at another provider |
//! | `device` | `/device`: the form by which a person lets a device in |
//! | `entrance` | the page on which a person signs in, wherever it is |
//! | `connect` | a login at another provider that a person connects with its account |
//! | `offered` | the providers that the page for signing in offers, and to make an account |
//! | `guess` | how many codes of devices may be typed |
//! | `stopped` | `/stopped`: the page of a request that went nowhere, in another language |
//! | `register` | `/register`: a person makes an account by a code of a mail |
//! | `reset` | `/reset`: a person sets a new password by a code of a mail |
//! | `logout` | `/oauth2/logout`: a client, or the person, ends the session |
//! | `par` | `/oauth2/par`: a client pushes its request |
//! | `discovery` | the metadata of the provider |
//! | [`sign_in`] | whether a password is right, and the session that begins then |
//! | [`visit`] | who the person is whose browser it is |
//! | `second` | whether a second factor is a person's |
//! | `proceed` | the next page for a request, or its answer |
//!
//! Any region serves any step: what a page needs at the next one, its form carries ([`crate::steps`]).

mod absent;
mod account;
mod alike;
mod asked;
mod authorize;
mod connect;
mod consent;
mod device;
mod discovery;
mod entrance;
mod factor;
mod federation;
mod guess;
mod hint;
mod login;
mod logout;
mod offered;
mod par;
mod proceed;
mod register;
mod reset;
mod second;
mod send;
pub mod sign_in;
mod stop;
mod stopped;
pub mod visit;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

pub use self::absent::with_pages;
use self::stop::Stop;
use crate::Provider;
pub use crate::address::ClientAddress;
use crate::back_channel::{cors, other_method};
use crate::pages::{PROGRAM_PATH, STOPPED, passkey_program};
use crate::request::NoReturn;
use crate::upstream::{CALLBACK, START};

/// The routes of browsers.
pub fn router(provider: Arc<Provider>) -> Router {
    let called_by_programs = Router::new()
        .route(par::PATH, post(par::par))
        .with_state(Arc::clone(&provider))
        .merge(discovery::router(&provider.issuer))
        .method_not_allowed_fallback(other_method);
    Router::new()
        .route("/", get(absent::home))
        .route(authorize::PATH, get(authorize::authorize).post(authorize::authorize))
        .route(offered::SIGN_IN, post(login::login))
        .route(offered::SIGN_IN_PAGE, get(login::login))
        .route(factor::PATH, post(factor::factor))
        .route(consent::PATH, post(consent::consent))
        .route(START, get(federation::start))
        .route(CALLBACK, get(federation::callback))
        .route(device::PATH, get(device::device).post(device::device))
        .route(offered::REGISTER, get(register::register).post(register::register))
        .route(reset::PATH, get(reset::reset).post(reset::reset))
        .route(STOPPED, get(stopped::stopped))
        .route(logout::PATH, get(logout::logout).post(logout::logout))
        .merge(account::router())
        .method_not_allowed_fallback(async || Stop::from(NoReturn::Form))
        .layer(middleware::from_fn_with_state(Arc::clone(&provider), in_language))
        .with_state(provider)
        .route(PROGRAM_PATH, get(async || passkey_program()))
        .merge(cors(called_by_programs))
}

/// Adds the page to an answer that goes no further, in the language of the browser.
async fn in_language(State(provider): State<Arc<Provider>>, request: Request, next: Next) -> Response {
    let view = asked::view_of(&provider.issuer, request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<Stop>() {
        Some(stop) => stop.page(&view),
        None => response,
    }
}
