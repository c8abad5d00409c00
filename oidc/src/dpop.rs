//! Proofs of possession (RFC 9449): the sender of a request has the private key to which its tokens are bound.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use umoja_crypto::JwsError;
use umoja_crypto::jws::{Jwk, parse_jwt};

use crate::once::{AHEAD_SECS, Once};

/// Seconds for which a proof is valid after it was made.
const MAX_AGE_SECS: u64 = 60;

/// What a proof has to be for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The URL of the endpoint, without query and fragment, from the settings and never from the header `host`.
    pub url: &'a str,
    /// The access token of the request; `None` at the token endpoint.
    pub access_token: Option<&'a str>,
    /// The thumbprint of the key to which the grant or the token is bound. `None` if it is not bound yet.
    pub bound_to: Option<&'a str>,
}

/// A proof that fits its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The thumbprint of the key (RFC 7638 with SHA-256), unpadded base64url: `jkt`.
    pub thumbprint: String,
    /// What the caller has to remember, so that the proof is used once.
    pub once: Once,
}

/// Checks a proof (RFC 9449 section 4.3). Two of these checks are the caller's: that the request has one header `dpop`, and that
/// [`Proven::once`] is used once.
///
/// # Errors
/// [`JwsError`], for the log. A client learns `invalid_dpop_proof` and no more.
pub fn prove(proof: &str, expected: &Expected<'_>, now_secs: u64) -> Result<Proven, JwsError> {
    let message = parse_jwt(proof)?;
    if message.header("typ") != Some("dpop+jwt") {
        return Err(JwsError::Rejected("typ"));
    }
    let jwk = message.jwk().and_then(|jwk| Jwk::parse(jwk).ok()).ok_or(JwsError::Rejected("jwk"))?;
    let claims = message.verify(jwk.key())?.claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let once = text("jti").zip(claims.get("iat").and_then(Value::as_u64)).filter(|(_, made_at)| {
        let is_past = now_secs >= made_at.saturating_add(MAX_AGE_SECS);
        !is_past && *made_at <= now_secs.saturating_add(AHEAD_SECS)
    });
    let once = once.ok_or(JwsError::Rejected("iat"))?;
    let once = Once::new("dpop", jwk.thumbprint(), once.0, once.1.saturating_add(MAX_AGE_SECS));
    let ath = expected.access_token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    for (holds, name) in [
        (text("htm") == Some(expected.method), "htm"),
        (text("htu").is_some_and(|url| is_same_url(url, expected.url)), "htu"),
        (ath.is_none() || text("ath") == ath.as_deref(), "ath"),
        (expected.bound_to.is_none_or(|jkt| jkt.as_bytes().ct_eq(jwk.thumbprint().as_bytes()).into()), "jkt"),
    ] {
        if !holds {
            return Err(JwsError::Rejected(name));
        }
    }
    let once = once.ok_or(JwsError::Rejected("jti"))?;
    Ok(Proven { thumbprint: jwk.thumbprint().to_owned(), once })
}

/// Whether a text is a URL, but for its query and fragment, the case of its scheme and host, and the default port.
fn is_same_url(text: &str, url: &str) -> bool {
    let normal = |text: &str| {
        let text = text.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
        let port = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(port).unwrap_or(&authority).to_owned();
        Some((scheme, authority, path.to_owned()))
    };
    normal(text).is_some_and(|text| Some(text) == normal(url))
}

#[cfg(test)]
mod tests;
