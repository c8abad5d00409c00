//! Proof Key for Code Exchange (RFC 7636), with `S256` only: `plain` shows the verifier to who sees the request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The characters of a verifier (RFC 7636 section 4.1).
const VERIFIER: std::ops::RangeInclusive<usize> = 43..=128;

/// Whether a text can be a challenge with `S256`: unpadded base64url of 32 bytes.
pub fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether a verifier is that of a challenge. A text that can be no verifier is none, so a guess is never short.
pub fn verifies(verifier: &str, challenge: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let has_form = VERIFIER.contains(&verifier.len()) && verifier.bytes().all(is_unreserved);
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    has_form && bool::from(hash.as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const RFC_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_rfc_7636_appendix_b_verifies() {
        assert!(is_challenge(RFC_CHALLENGE) && verifies(RFC_VERIFIER, RFC_CHALLENGE));
    }

    #[test]
    fn another_verifier_and_the_plain_method_are_rejected() {
        let other = RFC_VERIFIER.replace('d', "e");
        assert!(!verifies(&other, RFC_CHALLENGE) && !verifies("", RFC_CHALLENGE));
        // The downgrade: the challenge is the verifier itself.
        assert!(!verifies(RFC_VERIFIER, RFC_VERIFIER));
        assert!(!verifies(RFC_CHALLENGE, RFC_CHALLENGE));
    }

    #[test]
    fn a_verifier_has_its_length_and_its_characters() {
        for verifier in ["a".repeat(42), "a".repeat(129), format!("{}+", "a".repeat(50)), "\u{e9}".repeat(43)] {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
            assert!(!verifies(&verifier, &challenge));
        }
        for text in ["", "short", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"] {
            assert!(!is_challenge(text));
        }
    }
}
