//! Webhooks: what is posted to a company's own URL, verified by the shared secret (Standard Webhooks 1.0) or by the region's key.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::jws::{PublicKeys, Rejected, hash, object};
use crate::types::Event;

/// By how many seconds the time of a webhook may differ.
const TOLERANCE_SECS: u64 = 300;

/// The headers of a webhook.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `webhook-id`: the same whenever an event is posted again.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
    /// `umoja-signature`.
    pub umoja_signature: Option<&'a str>,
}

/// The secret of a webhook.
pub struct Secret(hmac::Key);

impl Secret {
    /// The secret as `umoja webhook add` shows it: `whsec_` and base64. `None` if it is not one.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix("whsec_")?).ok().filter(|bytes| !bytes.is_empty())?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Verifies a webhook, with the exact bytes of its body. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`Rejected`]: answer 400 or 401, and do nothing.
    pub fn verify(&self, headers: &Headers<'_>, body: &[u8], now: u64) -> Result<(), Rejected> {
        let (Some(id), Some(timestamp), Some(signatures)) = (headers.id, headers.timestamp, headers.signature) else {
            return Err(Rejected("headers"));
        };
        let at: u64 = timestamp.parse().map_err(|_| Rejected("timestamp"))?;
        if at.abs_diff(now) > TOLERANCE_SECS {
            return Err(Rejected("timestamp"));
        }
        let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        let ours = signatures.split(' ').filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok());
        // The library compares in constant time.
        let is_signed = ours.into_iter().any(|tag| hmac::verify(&self.0, &signed, &tag).is_ok());
        if is_signed { Ok(()) } else { Err(Rejected("signature")) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// What verifies webhooks without a shared secret: the keys of the regions.
#[derive(Debug, Clone)]
pub struct Regions {
    /// The id of the company.
    pub company: String,
    /// The base URLs of the regions.
    pub urls: BTreeSet<String>,
    /// Their keys, which all regions publish alike.
    pub keys: PublicKeys,
}

#[derive(Deserialize)]
struct EventClaims {
    iss: Value,
    aud: Value,
    iat: Value,
    jti: Value,
    sha256: Value,
}

impl Regions {
    /// Verifies the header `umoja-signature` of a webhook, with the exact bytes of its body. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn verify(&self, headers: &Headers<'_>, body: &[u8], now: u64) -> Result<(), Rejected> {
        let (Some(id), Some(signature)) = (headers.id, headers.umoja_signature) else {
            return Err(Rejected("headers"));
        };
        let payload = self.keys.claims(signature, "umoja-evt+jwt")?;
        let claims: EventClaims = object(&payload)?;
        let is = |value: &Value, expected: &str| value.as_str() == Some(expected);
        if !claims.iss.as_str().is_some_and(|region| self.urls.contains(region)) {
            return Err(Rejected("iss"));
        }
        if !is(&claims.aud, &self.company) {
            return Err(Rejected("aud"));
        }
        if !is(&claims.jti, id) {
            return Err(Rejected("jti"));
        }
        if claims.iat.as_u64().is_none_or(|at| at.abs_diff(now) > TOLERANCE_SECS) {
            return Err(Rejected("iat"));
        }
        if is(&claims.sha256, &hash(body)) { Ok(()) } else { Err(Rejected("sha256")) }
    }
}

/// The event of a verified webhook.
///
/// # Errors
/// If it is none.
pub fn event(body: &[u8]) -> Result<Event, Rejected> {
    object(body)
}
