//! LDAP's SHA family: `{SHA}`, `{SSHA}` and their SHA-2 siblings, always wrapped in argon2id.
//!
//! `{SSHA512}` and the like are base64 of digest and salt, the digest over password and salt (RFC 2307 section 5.3 and
//! OpenLDAP's pw-sha2). Schemes are read in any case, padding of the base64 may be missing.
//!
//! # Danger
//!
//! Wrapping protects a stolen dump, not a reused salt: whoever has the *same* inner digest from somewhere else can
//! compare without breaking it. A pepper closes that.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::{LegacyOutcome, outcome};
use crate::password::{Password, Passwords};

/// How a wrapped string begins.
pub(super) const WRAPPED: &str = "$umoja-wrapped$";

const MAX_SALT: usize = 64;
const MAX_STORED: usize = 512;

/// Dumps come with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Scheme {
    /// By name without the salted forms' leading `s`.
    fn of(name: &str) -> Option<Self> {
        match name {
            "sha" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha384" => Some(Self::Sha384),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of password and salt, in this order.
    fn digest(self, password: &[u8], salt: &[u8]) -> Zeroizing<Vec<u8>> {
        fn run<D: Digest>(password: &[u8], salt: &[u8]) -> Zeroizing<Vec<u8>> {
            Zeroizing::new(D::new().chain_update(password).chain_update(salt).finalize().to_vec())
        }
        match self {
            Self::Sha1 => run::<Sha1>(password, salt),
            Self::Sha256 => run::<Sha256>(password, salt),
            Self::Sha384 => run::<Sha384>(password, salt),
            Self::Sha512 => run::<Sha512>(password, salt),
        }
    }
}

/// Reads `{SCHEME}base64` and puts argon2id around the digest.
pub(super) fn wrap(passwords: &Passwords, old: &str, salt: [u8; 16]) -> Option<String> {
    if old.len() > MAX_STORED {
        return None;
    }
    let (name, encoded) = old.strip_prefix('{')?.split_once('}')?;
    let name = name.to_ascii_lowercase();
    let salted = name.strip_prefix('s').and_then(Scheme::of);
    let scheme = salted.or_else(|| Scheme::of(&name))?;
    let bytes = Zeroizing::new(LENIENT.decode(encoded).ok()?);
    let (digest, inner_salt) = bytes.split_at_checked(scheme.digest_len())?;
    if inner_salt.len() > MAX_SALT || salted.is_some() == inner_salt.is_empty() {
        return None;
    }
    let name = scheme.name();
    let phc = passwords.hash_bytes(digest, salt);
    Some(match salted {
        Some(_) => format!("{WRAPPED}i=s{name},s={}{phc}", STANDARD_NO_PAD.encode(inner_salt)),
        None => format!("{WRAPPED}i={name}{phc}"),
    })
}

/// Compares with what [`wrap`] wrote.
pub(super) fn verify(passwords: &Passwords, password: &Password, stored: &str) -> LegacyOutcome {
    let Some((scheme, inner_salt, phc)) = parse(stored) else { return LegacyOutcome::Unsupported };
    let digest = scheme.digest(password.typed(), &inner_salt);
    outcome(passwords.verify_bytes(&digest, password.hopeless(), phc))
}

fn parse(stored: &str) -> Option<(Scheme, Vec<u8>, &str)> {
    let (inner, _) = stored.strip_prefix(WRAPPED)?.split_once('$')?;
    let phc = &stored[WRAPPED.len() + inner.len()..];
    let inner = inner.strip_prefix("i=")?;
    match inner.split_once(",s=") {
        Some((name, salt)) => {
            let salt = STANDARD_NO_PAD.decode(salt).ok()?;
            let scheme = Scheme::of(name.strip_prefix('s')?)?;
            (1..=MAX_SALT).contains(&salt.len()).then_some((scheme, salt, phc))
        }
        None => Some((Scheme::of(inner)?, Vec::new(), phc)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ImportError, import, small, verify};
    use super::*;

    fn compare(password: &str, stored: &str) -> LegacyOutcome {
        verify(&small(), &Password::attempt(password), stored)
    }

    /// hashcat's example hashes (modes 101, 111, 1411, 1711), the password is `hashcat`.
    const PUBLISHED: [&str; 4] = [
        "{SHA}uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s=",
        "{SSHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==",
        "{SSHA256}OZiz0cnQ5hgyel3Emh7NCbhBRCQ+HVBwYplQunHYnER7TLuV",
        "{SSHA512}ALtwKGBdRgD+U0fPAy31C28RyKYx7+a8kmfksccsOeLknLHv2DBXYI7TDnTolQMBuPkWDISgZr2cHfnNPFjGZTEyNDU4OTkw",
    ];

    #[test]
    fn published_hashes_verify_once_wrapped() {
        for old in PUBLISHED {
            for spelling in [old.to_owned(), old.trim_end_matches('=').to_owned(), old.replace("SSHA", "ssha")] {
                let stored = import(&small(), &spelling, [1; 16]).unwrap();
                assert_eq!(compare("hashcat", &stored), LegacyOutcome::Verified, "{old}");
                assert_eq!(compare("hashcaT", &stored), LegacyOutcome::Wrong);
                assert_eq!(compare("", &stored), LegacyOutcome::Wrong);
            }
        }
    }

    #[test]
    fn a_raw_fast_hash_is_never_stored_nor_verified() {
        for old in PUBLISHED {
            let stored = import(&small(), old, [1; 16]).unwrap();
            let (_, encoded) = old.split_once('}').unwrap();
            let raw = LENIENT.decode(encoded).unwrap();
            for leak in [encoded.to_owned(), encoded[..20].to_owned(), hex::encode(&raw), hex::encode(&raw[..20])] {
                assert!(!stored.contains(&leak));
            }
            // Had one slipped into the table, it would not let anybody in.
            assert_eq!(compare("hashcat", old), LegacyOutcome::Unsupported);
        }
    }

    #[test]
    fn the_wrapped_digest_is_not_itself_a_password() {
        let stored = import(&small(), PUBLISHED[0], [1; 16]).unwrap();
        assert_eq!(compare(PUBLISHED[0], &stored), LegacyOutcome::Wrong);
        let phc = &stored[stored.find("$argon2id").unwrap()..];
        assert_eq!(compare("hashcat", phc), LegacyOutcome::Wrong);
    }

    #[test]
    fn malformed_ones_are_refused() {
        for old in [
            "",
            "{SSHA}",
            "{SSHA}!!!!",
            "{SSHA}uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s=",            // no salt
            "{SHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==", // with a salt
            "{SMD5}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==",
            "{SSSHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==",
            "b89eaac7e61417341b710b727768294d0e6a277b",
            &format!("{{SSHA}}{}", "A".repeat(600)),
        ] {
            assert_eq!(import(&small(), old, [0; 16]), Err(ImportError::Unsupported), "{old}");
        }
    }
}
