//! Texts to bytes: hex, the base64 dialects of legacy hashes, and the encodings of passwords.

use base64::Engine;
use base64::alphabet::{BCRYPT, STANDARD};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// Dumps come with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&STANDARD, ANY_PADDING);
/// Old PHP versions left stray bits in the last letter of a salt; crypt_blowfish ignores them.
const BCRYPT64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, ANY_PADDING.with_decode_allow_trailing_bits(true));
/// The alphabet of crypt(3).
const CRYPT64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The encoding of a hash, a salt or a key in a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEncoding {
    /// Hexadecimal, in either case.
    Hex,
    /// Base64 of RFC 4648 section 4, padded or not.
    Base64,
    /// The bytes of the text itself.
    Utf8,
}

impl TextEncoding {
    /// The bytes that a text encodes; `None` if it is not of this encoding.
    pub fn decode(self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => LENIENT.decode(text).ok(),
            Self::Utf8 => Some(text.as_bytes().to_vec()),
        }
        .map(Zeroizing::new)
    }
}

/// The encoding of passwords in the other system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordEncoding {
    /// UTF-8, the usual one.
    #[default]
    Utf8,
    /// US-ASCII: a password with any other character is wrong.
    Ascii,
    /// ISO 8859-1, one byte for each character: a password with any other character is wrong.
    Latin1,
    /// UTF-16, low byte first, without a byte order mark: Windows.
    Utf16Le,
}

impl PasswordEncoding {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Ascii => "ascii",
            Self::Latin1 => "latin1",
            Self::Utf16Le => "utf16le",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Utf8, Self::Ascii, Self::Latin1, Self::Utf16Le].into_iter().find(|encoding| encoding.name() == name)
    }

    /// The bytes of a password; `None` if the other system could not have accepted such a password.
    pub(super) fn encode(self, typed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(typed.len() * 2));
        match self {
            Self::Ascii if !typed.is_ascii() => return None,
            Self::Utf8 | Self::Ascii => bytes.extend_from_slice(typed.as_bytes()),
            Self::Latin1 => {
                for letter in typed.chars() {
                    bytes.push(u8::try_from(letter).ok()?);
                }
            }
            Self::Utf16Le => typed.encode_utf16().for_each(|unit| bytes.extend_from_slice(&unit.to_le_bytes())),
        }
        Some(bytes)
    }
}

pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text).ok()
}

/// passlib's "adapted base64": a dot for the plus, no padding.
pub(super) fn ab64(text: &str) -> Option<Vec<u8>> {
    base64(&text.replace('.', "+"))
}

/// bcrypt's own alphabet.
pub(super) fn bcrypt64(text: &str) -> Option<Vec<u8>> {
    BCRYPT64.decode(text).ok()
}

/// The place of a letter in the alphabet of crypt(3).
pub(super) fn crypt64_value(letter: u8) -> Option<u8> {
    CRYPT64.iter().position(|other| *other == letter).and_then(|place| u8::try_from(place).ok())
}

/// crypt(3)'s base64, lowest six bits first. The remaining bits are the last byte if `keep_rest`, and must be 0
/// otherwise.
pub(super) fn crypt64(text: &str, keep_rest: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut pending, mut bits) = (0u32, 0);
    for letter in text.bytes() {
        pending |= u32::from(crypt64_value(letter)?) << bits;
        bits += 6;
        if bits >= 8 {
            bytes.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            bits -= 8;
        }
    }
    match (keep_rest && bits > 0, pending) {
        (true, _) => bytes.push(pending.to_le_bytes()[0]),
        (false, 0) => {}
        (false, _) => return None,
    }
    Some(bytes)
}

/// PHP's `trim`.
pub(super) fn php_trim(typed: &str) -> &str {
    typed.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{0b}'])
}

/// Longest output of PBKDF2 and scrypt that is read: several systems write 512 bytes.
const LONGEST_OUTPUT: usize = 1024;
/// Of a longer output than this only the beginning is kept.
const LONG_OUTPUT: usize = 128;

/// The part of an output of PBKDF2 or scrypt that is kept; `None` if no system writes such a long one.
pub(super) fn enough(hash: &[u8]) -> Option<&[u8]> {
    match hash.len() {
        length if length > LONGEST_OUTPUT => None,
        length if length > LONG_OUTPUT => hash.get(..64),
        _ => Some(hash),
    }
}
