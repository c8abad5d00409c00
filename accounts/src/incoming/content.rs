//! The values of a state, and the hash by which a repeated one is recognised.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_schema::{IdentifierKind, Profile};

use crate::identifiers::verified;
use crate::import::{NewUser, Reason};
use crate::{Patch, People};

/// The values of a state.
#[derive(Clone)]
pub(super) struct Values {
    /// Sets them, except for the external id, by which the user was found.
    pub(super) patch: Patch,
    /// A keyed hash of them.
    pub(super) content: String,
}

impl Values {
    /// The values of the user that a row would make.
    pub(super) fn of(people: &People, user: &NewUser) -> Result<Self, Reason> {
        let (identity, ownerships) = (&user.identity, &user.facts.ownerships);
        let flags = [IdentifierKind::Email, IdentifierKind::PhoneNumber].map(|kind| verified(ownerships, kind));
        let all = (&identity.email, &identity.phone_number, &identity.username, &identity.profile, flags);
        let text = serde_json::to_string(&all).map_err(|_| Reason::Unreadable)?;
        let hash = people.secrets.request_hash(&["the values of a state of a source", &text]);
        let mut patch = user.patch.identifiers_where(|kind| kind != IdentifierKind::ExternalId);
        if identity.profile != Profile::default() {
            patch.profile = Some(serde_json::to_value(&identity.profile).map_err(|_| Reason::Unreadable)?);
        }
        Ok(Self { patch, content: URL_SAFE_NO_PAD.encode(&hash[..16]) })
    }
}
