//! Single sign-on: an OpenID Provider.
//!
//! | module | what it decides |
//! |---|---|
//! | [`back_channel`] | the routes: `POST /oauth2/token` and `/oauth2/introspect`, `GET /oauth2/jwks` |
//! | [`browser`] | the routes that the browser of a person calls |
//! | [`client_auth`] | which client a request is from |
//! | [`possession`] | which key the sender of a request has |
//! | [`access_token`] | how access tokens are signed and read |
//! | [`form`] | the parameters of a request, each given once |
//! | [`presented`] | which client a request says that it is from, and by which method |
//! | [`assertion`] | whether a signed assertion is a client's (`private_key_jwt`) |
//! | [`dpop`] | whether a proof shows that the sender has a key (RFC 9449) |
//! | [`pkce`] | whether a verifier is that of a challenge (RFC 7636) |
//! | [`claims`] | what a client learns of a person, by scope |
//! | [`tokens`] | the claims of id tokens and access tokens, and the answer with them |
//! | [`device`] | devices that a person lets in with another browser (RFC 8628) |
//! | [`user_code`] | the code that a person types for a device (RFC 8628) |
//! | [`conditional`] | the answer to who has a document already |
//! | [`discovery`] | the metadata of the provider |
//! | [`request`] | which authorization requests are answered with a page, and which are sent back |
//! | [`decision`] | whether a person has to sign in, to show a second factor or to consent first |
//! | [`assurance`] | how well a person has proved who it is, and how well it has to (`acr`, `amr`) |
//! | [`passkey`] | what a page asks of a passkey, and what comes back |
//! | [`answer`] | the answer that a browser takes to a client, with the issuer (RFC 9207) |
//! | [`code`] | authorization codes, which describe themselves |
//! | [`steps`] | pushed requests, forms and sessions, which describe themselves |
//! | [`on_account`] | forms of the pages of an account, which describe themselves |
//! | [`reset`] | what the pages of a new password carry |
//! | [`cookie`] | the cookies of a browser |
//! | [`pages`] | what a person sees, and what a page may do |
//! | [`logout`] | whether a logout is asked for, and where it leads |
//! | [`subject_tokens`] | whose a token is that a company shows |
//! | [`upstream`] | persons who sign in at another provider |
//! | [`problem`] | the answer to a request that is rejected (RFC 6749 section 5.2) |
//!
//! Time and randomness are those of the region. What works once (an assertion, a proof) works once in each region: [`Once`].

pub mod access_token;
mod address;
pub mod answer;
pub mod assertion;
pub mod assurance;
pub mod back_channel;
pub mod browser;
pub mod claims;
pub mod client_auth;
pub mod code;
pub mod conditional;
pub mod cookie;
pub mod decision;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod form;
pub mod logout;
mod notices;
pub mod on_account;
mod once;
pub mod pages;
pub mod passkey;
pub mod pkce;
pub mod possession;
pub mod presented;
pub mod problem;
mod provider;
mod published;
pub mod request;
pub mod reset;
mod sealed;
pub mod steps;
pub mod subject_tokens;
#[cfg(test)]
mod testing;
pub mod tokens;
pub mod upstream;
pub mod user_code;

use std::sync::Arc;

use axum::Router;

pub use once::Once;
pub use provider::{Keys, Provider, Registered};

/// All routes of the provider.
pub fn router(provider: Arc<Provider>) -> Router {
    Router::new().merge(back_channel::router(Arc::clone(&provider))).merge(browser::router(provider))
}
