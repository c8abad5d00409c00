//! The providers that the page for signing in offers.

use umoja_schema::Client;

use super::stop::Stop;
use crate::Provider;
use crate::answer::with_query;
use crate::upstream::START;
use crate::upstream::step::MAX_STATE;

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
