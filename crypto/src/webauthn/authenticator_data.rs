//! What the authenticator says (section 6.1).

use sha2::{Digest as _, Sha256};

use super::{Expected, WebauthnError, cbor};

/// The most bytes of the id of a key (section 7.1).
const MAX_ID: usize = 1023;

// Bits of the flags; the third and fourth are of level 3.
const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const MADE_A_KEY: u8 = 1 << 6;
const EXTENDED: u8 = 1 << 7;

/// What an authenticator says.
pub(super) struct AuthenticatorData<'a> {
    site: [u8; 32],
    present: bool,
    pub(super) user_verified: bool,
    pub(super) backup_eligible: bool,
    pub(super) sign_count: u32,
    pub(super) made: Option<Made<'a>>,
}

/// A key that it has made.
pub(super) struct Made<'a> {
    pub(super) credential_id: &'a [u8],
    pub(super) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads it to the last byte.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, WebauthnError> {
        let (site, rest) = bytes.split_first_chunk::<32>().ok_or(WebauthnError::Malformed)?;
        let ([flags], rest) = rest.split_first_chunk::<1>().ok_or(WebauthnError::Malformed)?;
        let (sign_count, mut rest) = rest.split_first_chunk::<4>().ok_or(WebauthnError::Malformed)?;
        let has = |flag: u8| flags & flag != 0;
        // A key that cannot be on several devices is on no other (level 3, section 6.1.3).
        if has(BACKED_UP) && !has(BACKUP_ELIGIBLE) {
            return Err(WebauthnError::Malformed);
        }
        let made = if has(MADE_A_KEY) {
            let (made, after) = Made::read(rest)?;
            rest = after;
            Some(made)
        } else {
            None
        };
        if has(EXTENDED) {
            // What extensions say is not used.
            let (extensions, after) = cbor::first(rest)?;
            if !extensions.is_map() {
                return Err(WebauthnError::Malformed);
            }
            rest = after;
        }
        if !rest.is_empty() {
            return Err(WebauthnError::Malformed);
        }
        Ok(Self {
            site: *site,
            present: has(PRESENT),
            user_verified: has(VERIFIED),
            backup_eligible: has(BACKUP_ELIGIBLE),
            sign_count: u32::from_be_bytes(*sign_count),
            made,
        })
    }

    /// Checks that it is for the site, and that there was a person.
    pub(super) fn check(&self, expected: &Expected<'_>) -> Result<(), WebauthnError> {
        if self.site != <[u8; 32]>::from(Sha256::digest(expected.site)) {
            return Err(WebauthnError::Site);
        }
        if !self.present {
            return Err(WebauthnError::Presence);
        }
        if expected.user_verification && !self.user_verified {
            return Err(WebauthnError::Verification);
        }
        Ok(())
    }
}

impl<'a> Made<'a> {
    /// Reads a key (section 6.5.1), and what follows it.
    fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WebauthnError> {
        let (_model, rest) = bytes.split_first_chunk::<16>().ok_or(WebauthnError::Malformed)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(WebauthnError::Malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > MAX_ID {
            return Err(WebauthnError::Malformed);
        }
        let (credential_id, rest) = rest.split_at_checked(length).ok_or(WebauthnError::Malformed)?;
        let (_, after) = cbor::first(rest)?;
        let public_key = &rest[..rest.len() - after.len()];
        Ok((Self { credential_id, public_key }, after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected<'_> =
        Expected { site: "id.example", origin: "https://id.example", challenge: &[1], user_verification: false };

    fn data(flags: u8, rest: &[u8]) -> Vec<u8> {
        [&Sha256::digest("id.example")[..], &[flags, 0, 0, 1, 2], rest].concat()
    }

    fn checked(bytes: &[u8], expected: &Expected<'_>) -> Result<u32, WebauthnError> {
        let data = AuthenticatorData::read(bytes)?;
        data.check(expected).map(|()| data.sign_count)
    }

    #[test]
    fn a_person_has_to_be_there_and_verified_where_that_is_wanted() {
        let strict = Expected { user_verification: true, ..EXPECTED };
        assert_eq!(checked(&data(PRESENT, &[]), &EXPECTED), Ok(258));
        assert_eq!(checked(&data(VERIFIED, &[]), &EXPECTED), Err(WebauthnError::Presence));
        assert_eq!(checked(&data(PRESENT, &[]), &strict), Err(WebauthnError::Verification));
        assert_eq!(checked(&data(PRESENT | VERIFIED, &[]), &strict), Ok(258));
    }

    #[test]
    fn an_answer_for_another_site_is_rejected() {
        let other = Expected { site: "example", ..EXPECTED };
        assert_eq!(checked(&data(PRESENT, &[]), &other), Err(WebauthnError::Site));
    }

    #[test]
    fn what_is_cut_off_or_followed_by_more_is_rejected() {
        let whole = data(PRESENT, &[]);
        for length in 0..whole.len() {
            assert_eq!(checked(&whole[..length], &EXPECTED), Err(WebauthnError::Malformed), "{length}");
        }
        for (flags, rest) in [
            (PRESENT, &[0][..]),
            (PRESENT | EXTENDED, &[]),
            (PRESENT | EXTENDED, &[0x01]),
            (PRESENT | EXTENDED, &[0xa0, 0]),
            (PRESENT | BACKED_UP, &[]),
            (PRESENT | MADE_A_KEY, &[0; 18]),
            (PRESENT | MADE_A_KEY, &[255; 64]),
        ] {
            assert_eq!(checked(&data(flags, rest), &EXPECTED), Err(WebauthnError::Malformed), "{flags} {rest:?}");
        }
        assert!(checked(&data(PRESENT | EXTENDED, &[0xa0]), &EXPECTED).is_ok());
    }
}
