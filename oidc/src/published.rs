//! The keys that clients and other providers publish.

use umoja_crypto::jws::Jwk;

/// The most keys of one party.
const MAX_KEYS: usize = 16;

/// The keys of a JWK set that can verify signatures. Others are left out (RFC 7517 section 5).
pub(crate) fn usable(set: &serde_json::Value) -> Vec<Jwk> {
    let keys = set["keys"].as_array().into_iter().flatten();
    keys.filter_map(|key| Jwk::parse(key).ok()).take(MAX_KEYS).collect()
}
