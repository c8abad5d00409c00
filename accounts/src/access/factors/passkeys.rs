//! Passkeys with which a person signs in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_crypto::webauthn::{Expected, PublicKey, asserted};
use umoja_schema::{Millis, UserId};

use super::super::Standing;
use crate::{Error, People};

/// What a browser sends of a passkey.
#[derive(Debug, Clone, Copy)]
pub struct PasskeyAnswer<'a> {
    /// The id of the key.
    pub credential_id: &'a [u8],
    /// The user for whom the authenticator made the key. `None` if it does not say that.
    pub user_handle: Option<UserId>,
    /// What the browser says of the call.
    pub client_data: &'a [u8],
    /// What the authenticator says.
    pub authenticator_data: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// A passkey that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasskeyUsed {
    /// The user for whom it was made.
    pub user: UserId,
    /// Whether the authenticator verified the person.
    pub user_verified: bool,
    /// Whether the key can be on several devices.
    pub backup_eligible: bool,
}

impl People {
    /// Uses a passkey of a person. `None` if the key is none of the person's, the answer is not acceptable, or the challenge was used in this
    /// region; which of these it is, is in the log. A counter that went back is only reported: a key that is on several devices has none that
    /// goes on, and a browser that is slow sends an older one.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn use_passkey(
        &self,
        standing: &Standing,
        answer: PasskeyAnswer<'_>,
        (expected, until): (&Expected<'_>, Millis),
    ) -> Result<Option<PasskeyUsed>, Error> {
        let found = standing.passkeys().find(|(_, passkey)| passkey.credential_id == answer.credential_id);
        let Some((factor, passkey)) = found else { return Ok(None) };
        if answer.user_handle.is_some_and(|user| user != factor.user) {
            tracing::warn!(user = %factor.user, "a passkey was sent as that of another user");
            return Ok(None);
        }
        let read = PublicKey::read(&passkey.public_key)
            .and_then(|key| asserted(expected, &key, answer.client_data, answer.authenticator_data, answer.signature));
        let shown = match read {
            Ok(shown) => shown,
            Err(error) => {
                tracing::info!(user = %factor.user, %error, "a passkey was not accepted");
                return Ok(None);
            }
        };
        let challenge = URL_SAFE_NO_PAD.encode(expected.challenge);
        let hash = self.secrets.request_hash(&["challenge of a passkey", &challenge]);
        if !self.home.own.requests.first_use(&hash, self.home.clock.now(), until).await? {
            tracing::info!(user = %factor.user, "the answer of a passkey was sent again");
            return Ok(None);
        }
        if passkey.sign_count > 0 && shown.sign_count <= passkey.sign_count {
            tracing::warn!(user = %factor.user, "the counter of a passkey went back");
        }
        let (user_verified, backup_eligible) = (shown.user_verified, shown.backup_eligible);
        Ok(Some(PasskeyUsed { user: factor.user, user_verified, backup_eligible }))
    }
}
