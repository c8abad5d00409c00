//! Public keys of authenticators (COSE: RFC 9052 section 7, RFC 9053 section 7, RFC 8230 section 4).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use ciborium::Value;

use super::{WebauthnError, cbor};
use crate::jws::{Algorithm, VerifyingKey, rsa_public_key};

/// The algorithms, best first, by their numbers (RFC 9053 section 2, RFC 8812 section 2): ES256, EdDSA on Ed25519, RS256.
pub const ALGORITHMS: [i64; 3] = [-7, -8, -257];

/// The most bytes of a key: RSA of 8192 bits.
const MAX: usize = 2 * 1024;

// Labels of members.
const KIND: i64 = 1;
const ALGORITHM: i64 = 3;
const CURVE: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;
const MODULUS: i64 = -1;
const EXPONENT: i64 = -2;

/// A public key, with the only algorithm that it verifies.
pub struct PublicKey(Verifies);

enum Verifies {
    /// ES256, whose signatures are DER here (section 6.5.6), and not as a JWS spells them.
    Es256(ParsedPublicKey),
    /// EdDSA and RS256, whose signatures are the same as in a JWS.
    Other(VerifyingKey),
}

impl PublicKey {
    /// Reads a key, and all members of it that decide.
    ///
    /// # Errors
    /// [`WebauthnError::Malformed`], and [`WebauthnError::Key`] for one of another algorithm and for one that gives no security.
    pub fn read(cose: &[u8]) -> Result<Self, WebauthnError> {
        if cose.len() > MAX {
            return Err(WebauthnError::TooLarge);
        }
        let map = cbor::whole(cose)?;
        if !map.is_map() {
            return Err(WebauthnError::Malformed);
        }
        let number =
            |label| cbor::numbered(&map, label).and_then(Value::as_integer).and_then(|n| i64::try_from(n).ok());
        let bytes = |label| cbor::numbered(&map, label).and_then(cbor::bytes).ok_or(WebauthnError::Key);
        let coordinate = |label| bytes(label).and_then(|b| if b.len() == 32 { Ok(b) } else { Err(WebauthnError::Key) });
        match (number(KIND), number(ALGORITHM), number(CURVE)) {
            (Some(2), Some(-7), Some(1)) => {
                let point = [&[4][..], coordinate(X)?, coordinate(Y)?].concat();
                let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| WebauthnError::Key)?;
                Ok(Self(Verifies::Es256(key)))
            }
            (Some(1), Some(-8), Some(6)) => Self::other(Algorithm::EdDsa, coordinate(X)?),
            (Some(3), Some(-257), _) => {
                Self::other(Algorithm::Rs256, &rsa_public_key(bytes(MODULUS)?, bytes(EXPONENT)?))
            }
            _ => Err(WebauthnError::Key),
        }
    }

    fn other(algorithm: Algorithm, key: &[u8]) -> Result<Self, WebauthnError> {
        let key = VerifyingKey::from_jwk_bytes(algorithm, key).map_err(|_| WebauthnError::Key)?;
        Ok(Self(Verifies::Other(key)))
    }

    /// Whether a signature is this key's over a message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Verifies::Es256(key) => key.verify_sig(message, signature).is_ok(),
            Verifies::Other(key) => key.verifies(message, signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hex: &str) -> Option<WebauthnError> {
        PublicKey::read(&hex::decode(hex).unwrap()).err()
    }

    // The point is that of the example of RFC 8152 appendix C.7.1.
    const X: &str = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d";
    const Y: &str = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c";

    #[test]
    fn a_key_of_another_kind_or_off_its_curve_is_rejected() {
        assert_eq!(read(&format!("a5010203262001215820{X}225820{Y}")), None);
        for hex in [
            // ES384, ECDSA without an algorithm, Ed25519 with ES256, a point that is not on the curve, a short coordinate, a compressed point.
            format!("a501020338222002215820{X}225820{Y}"),
            format!("a401022001215820{X}225820{Y}"),
            format!("a5010103262006215820{X}225820{Y}"),
            format!("a5010203262001215820{Y}225820{X}"),
            format!("a501020326200121581f{}225820{Y}", &X[2..]),
            format!("a5010203262001215820{X}22f5"),
        ] {
            assert_eq!(read(&hex), Some(WebauthnError::Key), "{hex}");
        }
        assert_eq!(read("80"), Some(WebauthnError::Malformed));
        assert_eq!(read(&format!("a601020326200121582{}", "0")), Some(WebauthnError::Malformed));
    }

    #[test]
    fn a_key_that_gives_no_security_is_rejected() {
        // Ed25519 of small order; RSA of 1024 bits; RSA with the exponent 1.
        let small = "00".repeat(32);
        assert_eq!(read(&format!("a4010103272006215820{small}")), Some(WebauthnError::Key));
        let rsa = |bytes: usize, exponent: &str| {
            format!("a401030339010020 59{bytes:04x}{}2143{exponent}", "ff".repeat(bytes)).replace(' ', "")
        };
        assert_eq!(read(&rsa(128, "010001")), Some(WebauthnError::Key));
        assert_eq!(read(&rsa(256, "000001")), Some(WebauthnError::Key));
        assert_eq!(read(&rsa(256, "010001")), None);
    }
}
