//! Messages that clients sign: a compact JWS (RFC 7515) whose form is checked before its signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use umoja_crypto::VerifyingKey;

/// The most bytes of a message.
const MAX_MESSAGE: usize = 16 * 1024;
/// Seconds by which the clock of a client may be ahead.
pub(crate) const AHEAD_SECS: u64 = 60;
/// The most characters of a `jti`.
pub(crate) const MAX_JTI: usize = 256;

/// Why a message of a client is not accepted. It names a member of the message and never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no compact JWS with the expected members, or a member is there twice.
    #[error("not a signed message of the expected form")]
    Malformed,
    /// A member of the header or a claim does not fit.
    #[error("rejected: {0}")]
    Rejected(&'static str),
}

/// A message in its parts, of which nothing is trusted yet.
pub(crate) struct Compact<'a, H> {
    pub(crate) header: H,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signed: &'a [u8],
}

impl<'a, H: DeserializeOwned> Compact<'a, H> {
    /// Splits a message.
    pub(crate) fn read(message: &'a str) -> Result<Self, Fault> {
        let (signed, signature) = message.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::Malformed)?;
        if message.len() > MAX_MESSAGE || payload.contains('.') {
            return Err(Fault::Malformed);
        }
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Fault::Malformed);
        Ok(Self {
            header: object(&decode(header)?)?,
            payload: decode(payload)?,
            signature: decode(signature)?,
            signed: signed.as_bytes(),
        })
    }

    /// The claims, if the key has signed them. The algorithm is the key's: `alg` of the header can only agree.
    pub(crate) fn verify<C: DeserializeOwned>(&self, alg: &str, key: &VerifyingKey) -> Result<C, Fault> {
        if alg != key.algorithm().name() {
            return Err(Fault::Rejected("alg"));
        }
        if !key.verifies(self.signed, &self.signature) {
            return Err(Fault::Rejected("signature"));
        }
        object(&self.payload)
    }
}

/// Reads a struct from a JSON object. Derived code alone would also take an array of its members.
fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, Fault> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(Fault::Malformed);
    }
    serde_json::from_slice(json).map_err(|_| Fault::Malformed)
}

/// Whether a text can be a `jti`.
pub(crate) fn is_jti(text: &str) -> bool {
    (1..=MAX_JTI).contains(&text.len())
}

/// A message with a header and claims, signed.
#[cfg(test)]
pub(crate) fn signed(key: &umoja_crypto::SigningKey, header: &serde_json::Value, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}
