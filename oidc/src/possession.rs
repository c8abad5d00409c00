//! Whether the sender of a request has the key to which its tokens are bound.

use axum::http::HeaderMap;

use crate::Provider;
use crate::dpop::{Expected, prove};
use crate::problem::Problem;

/// The thumbprint of the key of the proof in the header `dpop`. `None` without the header.
///
/// # Errors
/// [`Problem::DpopProof`] for two headers, and for a proof that does not fit or was used in this region before.
pub async fn proven(
    provider: &Provider,
    headers: &HeaderMap,
    expected: &Expected<'_>,
) -> Result<Option<String>, Problem> {
    let mut proofs = headers.get_all("dpop").iter();
    let Some(proof) = proofs.next() else { return Ok(None) };
    let proof = proof.to_str().ok().filter(|_| proofs.next().is_none()).ok_or(Problem::DpopProof)?;
    let now = provider.now();
    let proven = prove(proof, expected, now.secs()).map_err(|error| {
        tracing::info!(%error, "a proof of possession was not accepted");
        Problem::DpopProof
    })?;
    let is_new = provider.accounts.home.requests.first_use(proven.once.hash(), now, proven.once.until()).await?;
    if is_new { Ok(Some(proven.thumbprint)) } else { Err(Problem::DpopProof) }
}
