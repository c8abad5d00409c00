//! What all routes of the provider share.

use std::sync::Arc;

use umoja_accounts::Accounts;
use umoja_store::ports::Outbound;

/// The OpenID Provider as one region serves it. Every region of a deployment has the same issuer.
pub struct Provider {
    /// The people, with the region, its peers and the secrets.
    pub accounts: Accounts,
    /// The issuer identifier: a URL without a trailing slash (OpenID Connect Discovery 1.0 section 3).
    pub issuer: String,
    /// The client of foreign systems, for keys that clients publish at a URL.
    pub outbound: Arc<dyn Outbound>,
}
