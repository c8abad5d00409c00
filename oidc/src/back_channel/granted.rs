//! What tokens say of their person, sealed: regions read which user they are for, and no client or resource server does.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use umoja_accounts::access::Described;
use umoja_schema::access::{Family, KnownEnds};
use umoja_schema::{Attributes, Client, ClientId, Hlc, Millis, UserId};
use umoja_store::ports::Entropy;
use umoja_store::secrets::{SealedFor, Secrets};

use crate::tokens::{Access, SignedIn, is_zero};
use crate::{sealed, tokens};

/// The most characters of a refresh token, and of what an access token has sealed.
const MAX_SEALED: usize = 8 * 1024;

/// What a person has let a client have, as a refresh token has it. It describes itself, so a region issues the next token of a family
/// whose row has not arrived. The token of a generation is the same text in every region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Granted {
    /// The user who signed in.
    #[serde(rename = "u")]
    pub(super) user: UserId,
    /// The family.
    #[serde(rename = "f")]
    pub(super) family: String,
    /// Which token of the family it is.
    #[serde(rename = "g")]
    pub(super) generation: u64,
    /// The client.
    #[serde(rename = "c")]
    pub(super) client: ClientId,
    /// How often what the client holds had ended when it began.
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    pub(super) client_ends: u64,
    /// The session in which it began.
    #[serde(rename = "s")]
    pub(super) session: String,
    /// The ends of everything that were known when that session began.
    #[serde(rename = "m", default, skip_serializing_if = "KnownEnds::is_empty")]
    pub(super) ends: KnownEnds,
    /// The last withdrawal of the client's consents that was known when it began.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(super) withdrawal: Option<Hlc>,
    /// Whether it outlives that session.
    #[serde(rename = "l")]
    pub(super) is_offline: bool,
    /// What the client calls the person. It stays the same for the client after a merge (OpenID Connect Core section 12.2).
    #[serde(rename = "n")]
    pub(super) sub: String,
    /// The scopes.
    #[serde(rename = "o")]
    pub(super) scopes: BTreeSet<String>,
    /// How the person signed in.
    #[serde(rename = "a")]
    pub(super) signed_in: SignedIn,
    /// The key to which the refresh token is bound.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(super) jkt: Option<String>,
    /// When it began.
    #[serde(rename = "b")]
    pub(super) begun_at: Millis,
    /// When it ends.
    #[serde(rename = "x")]
    pub(super) expires_at: Millis,
}

impl Granted {
    /// The refresh token.
    pub(super) fn seal(&self, secrets: &Secrets) -> String {
        sealed::seal_derived(secrets, SealedFor::Refresh, self)
    }

    /// What a refresh token says. Whether it has ended, the rows of the person say.
    pub(super) fn open(secrets: &Secrets, text: &str) -> Option<Self> {
        sealed::open(secrets, SealedFor::Refresh, text, MAX_SEALED)
    }

    /// The family.
    pub(super) fn described(&self) -> Described {
        let family = Family {
            user: self.user,
            id: self.family.clone(),
            client: self.client.to_string(),
            session: (!self.is_offline).then(|| self.session.clone()),
            scopes: self.scopes.clone(),
            jkt: self.jkt.clone(),
            expires_at: self.expires_at,
            ends: self.ends.clone(),
            unknown: Attributes::new(),
        };
        Described { family, begun_at: self.begun_at, withdrawal: self.withdrawal }
    }

    /// What an access token of it has sealed.
    pub(super) fn on_behalf(&self) -> OnBehalf {
        OnBehalf {
            user: self.user,
            family: self.family.clone(),
            session: (!self.is_offline).then(|| self.session.clone()),
            ends: self.ends.clone(),
            withdrawal: self.withdrawal,
            client_ends: self.client_ends,
            begun_at: self.begun_at,
        }
    }
}

/// What an access token has sealed. No two tokens have the same text, so that two clients cannot tell by it that they have the same
/// person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OnBehalf {
    /// The user.
    #[serde(rename = "u")]
    pub(super) user: UserId,
    /// The family.
    #[serde(rename = "f")]
    pub(super) family: String,
    /// The session with which it ends.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// The ends of everything that were known when its session began.
    #[serde(rename = "m", default, skip_serializing_if = "KnownEnds::is_empty")]
    ends: KnownEnds,
    /// The last withdrawal of the client's consents that was known then.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    withdrawal: Option<Hlc>,
    /// How often what the client holds had ended when the family began.
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    pub(super) client_ends: u64,
    /// When the family began.
    #[serde(rename = "b")]
    begun_at: Millis,
}

impl OnBehalf {
    /// The value of the claim.
    pub(super) fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        sealed::seal(secrets, SealedFor::Access, self, entropy)
    }

    /// What the claim of a token says. `None` for a token without a person.
    pub(super) fn open(secrets: &Secrets, access: &Access) -> Option<Self> {
        sealed::open(secrets, SealedFor::Access, access.on_behalf.as_deref()?, MAX_SEALED)
    }

    /// The family, as far as the token needs it.
    pub(super) fn described(&self, client: &Client, access: &Access) -> Described {
        let family = Family {
            user: self.user,
            id: self.family.clone(),
            client: client.id.to_string(),
            session: self.session.clone(),
            scopes: tokens::scopes(&access.scope),
            jkt: None,
            expires_at: Millis(access.exp.saturating_mul(1000)),
            ends: self.ends.clone(),
            unknown: Attributes::new(),
        };
        Described { family, begun_at: self.begun_at, withdrawal: self.withdrawal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::secrets;

    fn granted() -> Granted {
        Granted {
            user: UserId::v8([1; 16]),
            family: "f".to_owned(),
            generation: 0,
            client: "shop".parse().unwrap(),
            client_ends: 0,
            session: "s".to_owned(),
            ends: KnownEnds::default(),
            withdrawal: None,
            is_offline: false,
            sub: "n".to_owned(),
            scopes: ["openid".to_owned()].into(),
            signed_in: SignedIn { auth_time: 1, acr: None, amr: vec!["pwd".to_owned()] },
            jkt: None,
            begun_at: Millis(1_000),
            expires_at: Millis(2_000),
        }
    }

    #[tokio::test]
    async fn a_refresh_token_is_one_text_for_each_generation_and_no_other_sealed_value() {
        let (secrets, entropy) = secrets().await;
        let text = granted().seal(&secrets);
        assert_eq!((granted().seal(&secrets), Granted::open(&secrets, &text)), (text.clone(), Some(granted())));
        assert_ne!(Granted { generation: 1, ..granted() }.seal(&secrets), text);
        let content = serde_json::to_vec(&granted()).unwrap();
        for purpose in [SealedFor::Code, SealedFor::Access, SealedFor::Session, SealedFor::Login, SealedFor::Device] {
            let other = secrets.seal_oidc(purpose, &*entropy, &content);
            assert_eq!(Granted::open(&secrets, &other), None, "{purpose:?}");
        }
        assert_eq!(Granted::open(&secrets, &"A".repeat(MAX_SEALED + 1)), None);
    }

    #[tokio::test]
    async fn what_an_access_token_has_sealed_is_another_text_each_time() {
        let (secrets, entropy) = secrets().await;
        let one = granted().on_behalf().seal(&secrets, &*entropy);
        assert_ne!(one, granted().on_behalf().seal(&secrets, &*entropy));
        assert!(granted().described().family.session.is_some());
        let offline = Granted { is_offline: true, ..granted() };
        assert_eq!(offline.described().family.session, None, "it outlives its session");
    }
}
