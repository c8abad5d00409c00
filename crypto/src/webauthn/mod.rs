//! Passkeys: whether what a browser sends shows that an authenticator made a key for this site, or has the key (Web Authentication level 2,
//! sections 7.1 and 7.2).
//!
//! # Danger
//!
//! - A challenge is drawn by the site, belongs to one browser, ends soon and is used once. The caller sees to that.
//! - A key belongs to the user for whom it was made. The caller compares the user handle.
//! - No statement of attestation is verified or trusted: what an authenticator says of its maker is not read.
//!
//! Only keys whose algorithm is in [`ALGORITHMS`] are accepted.

mod authenticator_data;
mod cbor;
mod client_data;
mod cose;
mod error;
mod expected;

use sha2::{Digest as _, Sha256};

use self::authenticator_data::AuthenticatorData;
use self::client_data::{CREATE, GET};
pub use self::cose::{ALGORITHMS, PublicKey};
pub use self::error::WebauthnError;
pub use self::expected::Expected;

/// The most bytes of an attestation object. Statements with certificates have some thousands.
const MAX_ATTESTATION: usize = 16 * 1024;
/// The most bytes of a signature: that of the largest key.
const MAX_SIGNATURE: usize = 1024;

/// A key that an authenticator made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The id of the key, which the authenticator chose.
    pub credential_id: Vec<u8>,
    /// The public key as the authenticator spelled it (COSE).
    pub public_key: Vec<u8>,
    /// The authenticator's counter of signatures; 0 if it has none.
    pub sign_count: u32,
    /// Whether the authenticator verified the person.
    pub user_verified: bool,
    /// Whether the key can be on several devices.
    pub backup_eligible: bool,
}

/// What a signature shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// The authenticator's counter of signatures; 0 if it has none.
    pub sign_count: u32,
    /// Whether the authenticator verified the person.
    pub user_verified: bool,
    /// Whether the key can be on several devices.
    pub backup_eligible: bool,
}

/// Reads the answer to `navigator.credentials.create()` (section 7.1).
///
/// # Errors
/// [`WebauthnError`].
pub fn registered(
    expected: &Expected<'_>,
    client_data: &[u8],
    attestation_object: &[u8],
) -> Result<Registered, WebauthnError> {
    client_data::check(expected, CREATE, client_data)?;
    if attestation_object.len() > MAX_ATTESTATION {
        return Err(WebauthnError::TooLarge);
    }
    let object = cbor::whole(attestation_object)?;
    let data = cbor::member(&object, "authData").and_then(cbor::bytes).ok_or(WebauthnError::Malformed)?;
    let data = AuthenticatorData::read(data)?;
    data.check(expected)?;
    let made = data.made.ok_or(WebauthnError::Malformed)?;
    PublicKey::read(made.public_key)?;
    Ok(Registered {
        credential_id: made.credential_id.to_vec(),
        public_key: made.public_key.to_vec(),
        sign_count: data.sign_count,
        user_verified: data.user_verified,
        backup_eligible: data.backup_eligible,
    })
}

/// Reads the answer to `navigator.credentials.get()` by a key of this user (section 7.2). Whether the counter went back, the caller
/// decides.
///
/// # Errors
/// [`WebauthnError`].
pub fn asserted(
    expected: &Expected<'_>,
    key: &PublicKey,
    client_data: &[u8],
    authenticator_data: &[u8],
    signature: &[u8],
) -> Result<Asserted, WebauthnError> {
    client_data::check(expected, GET, client_data)?;
    if authenticator_data.len() > MAX_ATTESTATION || signature.len() > MAX_SIGNATURE {
        return Err(WebauthnError::TooLarge);
    }
    let data = AuthenticatorData::read(authenticator_data)?;
    data.check(expected)?;
    let signed = [authenticator_data, &Sha256::digest(client_data)].concat();
    if !key.verifies(&signed, signature) {
        return Err(WebauthnError::Signature);
    }
    Ok(Asserted {
        sign_count: data.sign_count,
        user_verified: data.user_verified,
        backup_eligible: data.backup_eligible,
    })
}
