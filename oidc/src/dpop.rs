//! Proofs of possession (RFC 9449): the sender of a request has the private key to which its tokens are bound.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use umoja_crypto::VerifyingKey;

use crate::Once;
use crate::compact::{AHEAD_SECS, Compact, Fault, is_jti};

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    jwk: Jwk,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// The private half, which nobody may send.
    d: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
    ath: Option<String>,
}

impl Jwk {
    /// The key and its thumbprint. The members of RFC 7638 section 3.2 are in the order of their names.
    fn read(&self) -> Option<(VerifyingKey, String)> {
        let (crv, x) = (self.crv.as_deref()?, self.x.as_deref()?);
        let (alg, text) = match (self.kty.as_str(), self.y.as_deref()) {
            ("EC", Some(y)) => ("ES256", json!({ "crv": crv, "kty": "EC", "x": x, "y": y })),
            ("OKP", None) => ("EdDSA", json!({ "crv": crv, "kty": "OKP", "x": x })),
            _ => return None,
        };
        let mut key = text.clone();
        key["alg"] = alg.into();
        key["kid"] = "".into();
        let (_, key) = VerifyingKey::from_jwk(&key).ok()?;
        Some((key, URL_SAFE_NO_PAD.encode(Sha256::digest(text.to_string()))))
    }
}

/// Checks a proof (RFC 9449 section 4.3). Two of these checks are the caller's: that the request has one header `dpop`, and that
/// [`Proven::once`] is used once.
///
/// # Errors
/// [`Fault`], for the log. A client learns `invalid_dpop_proof` and no more.
pub fn prove(proof: &str, expected: &Expected<'_>, now_secs: u64) -> Result<Proven, Fault> {
    let message = Compact::<Header>::read(proof)?;
    if message.header.typ != "dpop+jwt" {
        return Err(Fault::Rejected("typ"));
    }
    if message.header.jwk.d.is_some() {
        return Err(Fault::Rejected("jwk"));
    }
    let (key, thumbprint) = message.header.jwk.read().ok_or(Fault::Rejected("jwk"))?;
    let claims: Claims = message.verify(&message.header.alg, &key)?;
    let ath = expected.access_token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    let is_current =
        claims.iat <= now_secs.saturating_add(AHEAD_SECS) && now_secs < claims.iat.saturating_add(MAX_AGE_SECS);
    for (holds, name) in [
        (is_jti(&claims.jti), "jti"),
        (claims.htm == expected.method, "htm"),
        (is_same_url(&claims.htu, expected.url), "htu"),
        (is_current, "iat"),
        (ath.is_none() || claims.ath == ath, "ath"),
        (expected.bound_to.is_none_or(|jkt| jkt.as_bytes().ct_eq(thumbprint.as_bytes()).into()), "jkt"),
    ] {
        if !holds {
            return Err(Fault::Rejected(name));
        }
    }
    let once = Once::new("dpop", &thumbprint, &claims.jti, claims.iat.saturating_add(MAX_AGE_SECS));
    Ok(Proven { thumbprint, once })
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
