//! What the page for signing in offers besides: other providers, and to make an account.

use umoja_schema::{Client, Company};

use super::stop::Stop;
use crate::Provider;
use crate::answer::with_query;
use crate::upstream::START;
use crate::upstream::step::MAX_STATE;

/// The path at which a person makes an account.
pub(super) const REGISTER: &str = "/register";

/// Whether persons can make accounts: the company lets them, and mail is sent.
pub(super) fn offers_registration(provider: &Provider, company: &Company) -> bool {
    company.registration && provider.accounts.mailer.is_some()
}

/// The link to the page on which a person makes an account. `None` where none can be made, and for a request that is too large for a link.
pub(super) fn registration(provider: &Provider, company: &Company, step: &str) -> Option<String> {
    let is_offered = offers_registration(provider, company) && step.len() <= MAX_STATE;
    is_offered.then(|| with_query(REGISTER, [("step", step)].into_iter()).to_string())
}

/// The providers that the page of a client offers: their names, and the paths at which a sign-in with them begins.
///
/// # Errors
/// If the region cannot read them.
pub(super) async fn offered(provider: &Provider, client: &Client, step: &str) -> Result<Vec<(String, String)>, Stop> {
    let mut offered = Vec::new();
    if step.len() > MAX_STATE {
        return Ok(offered);
    }
    for id in &client.providers {
        if let Some(upstream) = provider.upstream(id).await? {
            let path = with_query(START, [("provider", id.as_str()), ("step", step)].into_iter());
            offered.push((upstream.provider.name.clone(), path.to_string()));
        }
    }
    Ok(offered)
}
