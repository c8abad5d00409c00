//! One-time passwords by time (RFC 6238), as authenticator applications make them: HMAC-SHA-1, six digits, steps of 30 seconds.
//!
//! # Danger
//!
//! A code can be guessed: it is one of a million, and three are right at any time. The caller counts attempts before it verifies, and
//! accepts a step once.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use zeroize::Zeroizing;

/// The seconds of a step (RFC 6238 section 4.1).
pub const STEP_SECS: u64 = 30;
/// How many steps a code may be early or late (section 5.2).
const DRIFT: u64 = 1;
/// The letters of RFC 4648 section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret that an authenticator application shares. Wiped on drop and never printed.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// The bytes of a new secret (RFC 4226 section 4 recommends 160 bits).
    pub const BYTES: usize = 20;

    /// Takes the bytes of a secret: at least 128 bits (RFC 4226 section 4), at most 64 bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (16..=64).contains(&bytes.len()).then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// Reads the text that a person types into an application. Case, blanks, hyphens and padding do not count. `None` for every other text, and
    /// for one that is too short or too long.
    pub fn from_base32(text: &str) -> Option<Self> {
        let (mut bytes, mut bits, mut held) = (Zeroizing::new(Vec::with_capacity(64)), 0u32, 0u32);
        for letter in text.bytes().filter(|byte| !matches!(byte, b' ' | b'-' | b'=')).take(128) {
            let value = BASE32.iter().position(|known| *known == letter.to_ascii_uppercase())?;
            (bits, held) = (bits << 5 | u32::try_from(value).ok()?, held + 5);
            if held >= 8 {
                held -= 8;
                bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
                bits &= (1 << held) - 1;
            }
        }
        Self::new(&bytes)
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The text that a person types into an application: base32 without padding (RFC 4648 section 6).
    pub fn base32(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len().div_ceil(5) * 8));
        for chunk in self.0.chunks(5) {
            let mut bytes = [0; 8];
            bytes[3..3 + chunk.len()].copy_from_slice(chunk);
            let bits = u64::from_be_bytes(bytes);
            for at in 0..(chunk.len() * 8).div_ceil(5) {
                text.push(char::from(BASE32[(bits >> (35 - 5 * at) & 31) as usize]));
            }
        }
        text
    }

    /// The code of a step.
    pub fn code(&self, step: u64) -> String {
        format!("{:06}", self.number(step))
    }

    /// The step of which a text is the code: that of this time, the one before it or the one after it. `None` for every other text. The
    /// comparison takes constant time.
    pub fn step(&self, code: &str, now_secs: u64) -> Option<u64> {
        let digits: [u8; 6] = code.as_bytes().try_into().ok()?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let now = now_secs / STEP_SECS;
        let (mut found, mut step) = (Choice::from(0), 0);
        for candidate in now.saturating_sub(DRIFT)..=now.saturating_add(DRIFT) {
            let is_it = self.code(candidate).as_bytes().ct_eq(&digits);
            step.conditional_assign(&candidate, is_it & !found);
            found |= is_it;
        }
        bool::from(found).then_some(step)
    }

    /// The number of a step below a million (RFC 4226 section 5.3).
    fn number(&self, step: u64) -> u32 {
        // A key of any length is a key of HMAC (RFC 2104 section 2).
        let Ok(mut hmac) = Hmac::<Sha1>::new_from_slice(&self.0) else { return 0 };
        hmac.update(&step.to_be_bytes());
        let tag: [u8; 20] = hmac.finalize().into_bytes().into();
        let at = usize::from(tag[19] & 0xf);
        u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]) % 1_000_000
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret::new(b"12345678901234567890").unwrap()
    }

    // RFC 6238 appendix B with SHA-1: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (secs, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().code(secs / STEP_SECS), code);
            assert_eq!(secret().step(code, secs), Some(secs / STEP_SECS));
        }
    }

    // RFC 4226 appendix D.
    #[test]
    fn codes_are_those_of_rfc_4226() {
        let codes = (0..10).map(|step| secret().code(step)).collect::<Vec<_>>().join(" ");
        assert_eq!(codes, "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489");
    }

    #[test]
    fn a_code_is_valid_one_step_early_and_one_step_late() {
        let code = secret().code(100);
        let valid = |step: u64| secret().step(&code, step * STEP_SECS) == Some(100);
        assert_eq!([98, 99, 100, 101, 102].map(valid), [false, true, true, true, false]);
    }

    #[test]
    fn a_text_that_is_no_code_is_rejected() {
        let code = secret().code(100);
        for text in ["", "12345", &format!(" {code}"), &format!("{code}0"), "١٢٣", "28708x", "+28708"] {
            assert_eq!(secret().step(text, 100 * STEP_SECS), None, "{text}");
        }
        assert_eq!(secret().step(&secret().code(0), 0), Some(0), "there is no step before the first one");
    }

    // RFC 4648 section 10, without padding.
    #[test]
    fn a_secret_is_shown_in_base32() {
        let shown = |bytes: &[u8]| TotpSecret(Zeroizing::new(bytes.to_vec())).base32().to_string();
        for (bytes, text) in [
            (&b"f"[..], "MY"),
            (b"fo", "MZXQ"),
            (b"foo", "MZXW6"),
            (b"foob", "MZXW6YQ"),
            (b"fooba", "MZXW6YTB"),
            (b"foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(shown(bytes), text);
        }
        assert_eq!(format!("{:?}", secret()), "TotpSecret([redacted])");
    }

    #[test]
    fn a_secret_is_read_as_it_is_shown_or_carelessly() {
        for bytes in [&b"12345678901234567890"[..], &[0xff; 16], &[7; 64], b"0123456789abcdefg"] {
            let shown = TotpSecret::new(bytes).unwrap().base32();
            let grouped: Vec<_> = shown.as_bytes().chunks(4).map(|four| std::str::from_utf8(four).unwrap()).collect();
            for text in [shown.to_string(), shown.to_lowercase(), format!(" {}====", grouped.join(" "))] {
                assert_eq!(TotpSecret::from_base32(&text).unwrap().expose(), bytes, "{text}");
            }
        }
        for text in ["", "MFRGG", "MFRGG1", "é", &"A".repeat(128)] {
            assert!(TotpSecret::from_base32(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_short_secret_is_rejected() {
        assert!(TotpSecret::new(&[1; 15]).is_none() && TotpSecret::new(&[1; 65]).is_none());
    }
}
