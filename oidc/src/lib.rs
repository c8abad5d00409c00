//! Single sign-on: an OpenID Provider on the store (OpenID Connect Core 1.0, RFC 6749, RFC 9700).
//!
//! There is one issuer. A browser and the backend of a client meet different regions as a matter of course, so what one
//! region issues, every other region reads: codes, cookies and pushed requests are sealed and describe themselves. The
//! session and what belongs to it are rows of the replicated table `access` (`umoja_accounts::access`).
//!
//! | module | routes |
//! |---|---|
//! | `discovery` | `GET /.well-known/openid-configuration`, `GET /.well-known/oauth-authorization-server` |
//! | `authorize` | `GET` and `POST /oauth2/authorize`, and the pages `/login` and `/consent` |
//! | `par` | `POST /oauth2/par` |
//! | `logout` | `GET` and `POST /oauth2/logout` |

mod provider;

use std::sync::Arc;

use axum::Router;

pub use provider::Provider;

/// The routes of the provider.
pub fn router(provider: Arc<Provider>) -> Router {
    Router::new().with_state(provider)
}
