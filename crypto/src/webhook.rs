//! Signatures of webhooks: Standard Webhooks 1.0, the symmetric scheme `v1`.
//!
//! # Danger
//!
//! The verifier holds the same secret and can sign too: the signature proves nothing to a third party. The signature
//! of the region does ([`sign_event`](crate::jws::sign_event)). A verifier compares in constant time and rejects old
//! timestamps.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use zeroize::Zeroizing;

use crate::mac::hmac_sha256;

/// The secret of a webhook; wiped when dropped.
pub struct WebhookSecret(Zeroizing<[u8; 32]>);

impl WebhookSecret {
    /// The secret with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret of a text that [`WebhookSecret::expose`] made: `whsec_` and 32 bytes in base64.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.strip_prefix("whsec_")?).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// The text that its owner gets: `whsec_` and the bytes in base64.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("whsec_{}", STANDARD.encode(*self.0)))
    }

    /// The signature of a message: `v1,` and HMAC-SHA-256 over `id.timestamp.body` in base64.
    pub fn sign(&self, id: &str, at_secs: u64, body: &[u8]) -> String {
        let mut hmac = hmac_sha256(&self.0);
        hmac.update(format!("{id}.{at_secs}.").as_bytes());
        hmac.update(body);
        format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_as_the_standard_has_it() {
        let secret = WebhookSecret::new([7; 32]);
        assert_eq!(*secret.expose(), format!("whsec_{}", STANDARD.encode([7; 32])));
        assert_eq!(format!("{secret:?}"), "WebhookSecret([redacted])");
        assert_eq!(WebhookSecret::read(&secret.expose()).unwrap().expose(), secret.expose());
        for text in ["", "whsec_", "whsec_b3RoZXI=", "b3RoZXI=", "whsec_*"] {
            assert!(WebhookSecret::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn id_time_body_and_secret_change_the_signature() {
        let (secret, other) = (WebhookSecret::new([7; 32]), WebhookSecret::new([8; 32]));
        let signature = secret.sign("m1", 5, b"{}");
        assert!(signature.starts_with("v1,") && signature.len() == 3 + 44);
        for changed in [
            secret.sign("m2", 5, b"{}"),
            secret.sign("m1", 6, b"{}"),
            secret.sign("m1", 5, b"{ }"),
            other.sign("m1", 5, b"{}"),
        ] {
            assert_ne!(changed, signature);
        }
    }
}
