//! Authorization codes, which are not stored: a code says what it is for, sealed. Every region opens it, and the region that issued it
//! says whether it was used before.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use umoja_accounts::access::DescribedSession;
use umoja_schema::access::KnownEnds;
use umoja_schema::{ClientId, Hlc, Millis, Region, UserId};
use umoja_store::ports::Entropy;
use umoja_store::secrets::{SealedFor, Secrets};

use crate::once::{AHEAD_SECS, Once};
use crate::sealed;
use crate::tokens::SignedIn;
use crate::tokens::is_zero;

/// The most characters of a code.
const MAX_CODE: usize = 4096;

/// What a code is for. It names no person but by the id of the user, and is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Its id, drawn.
    #[serde(rename = "j")]
    pub jti: String,
    /// The region that issued it, which counts its use.
    #[serde(rename = "r")]
    pub region: Region,
    /// The client.
    #[serde(rename = "c")]
    pub client: ClientId,
    /// How often what the client holds had ended then.
    #[serde(rename = "l", default, skip_serializing_if = "is_zero")]
    pub client_ends: u64,
    /// SHA-256 of the redirect URI, unpadded base64url.
    #[serde(rename = "h")]
    pub redirect_hash: String,
    /// The challenge (RFC 7636).
    #[serde(rename = "p")]
    pub challenge: String,
    /// What the id token repeats.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The user who signed in.
    #[serde(rename = "u")]
    pub user: UserId,
    /// The version of the user, as callers know it. A region that is behind it waits.
    #[serde(rename = "v")]
    pub min_version: String,
    /// The session.
    #[serde(rename = "s")]
    pub session: String,
    /// When the session began, which is not when the person signed in, if it did at another provider.
    #[serde(rename = "b", default)]
    pub session_begun_at: Millis,
    /// When the session ends by itself: the region that redeems the code may not have the session yet.
    #[serde(rename = "e")]
    pub session_expires_at: Millis,
    /// The ends of everything that were known when the session began.
    #[serde(rename = "m", default, skip_serializing_if = "KnownEnds::is_empty")]
    pub ends: KnownEnds,
    /// The last withdrawal of the client's consents that was known when it was issued.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Hlc>,
    /// The scopes.
    #[serde(rename = "o")]
    pub scopes: BTreeSet<String>,
    /// How the person signed in.
    #[serde(rename = "a")]
    pub signed_in: SignedIn,
    /// The key to which the code is bound (RFC 9449 section 10).
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// When it ends.
    #[serde(rename = "x")]
    pub expires_at: Millis,
}

impl Code {
    /// How long a code is valid, in milliseconds.
    pub const LIFETIME_MS: u64 = 60_000;

    /// What stands for a redirect URI in a code.
    pub fn redirect_hash(uri: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(uri))
    }

    /// The text of the code.
    pub fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        sealed::seal(secrets, SealedFor::Code, self, entropy)
    }

    /// The code of a text, if a region of this deployment issued it to this client for this redirect URI, and it has not ended. Whether it
    /// was used before is not known yet: [`Code::once`].
    pub fn open(secrets: &Secrets, text: &str, client: &ClientId, redirect_uri: &str, now: Millis) -> Option<Self> {
        let code: Self = sealed::open(secrets, SealedFor::Code, text, MAX_CODE)?;
        let is_same = Self::redirect_hash(redirect_uri) == code.redirect_hash;
        (code.client == *client && is_same && now < code.expires_at).then_some(code)
    }

    /// The use of the code, which [`Code::region`] has to remember: the first one counts. `None` for no code that was sealed.
    pub fn once(&self) -> Option<Once> {
        // The clock of a region that redeems it may be behind.
        Once::new("code", self.client.as_str(), &self.jti, self.expires_at.secs() + 1 + AHEAD_SECS)
    }

    /// The session, whose row the region that redeems the code may not have yet.
    pub fn session(&self) -> DescribedSession<'_> {
        DescribedSession { user: self.user, id: &self.session, ends: &self.ends, begun_at: self.session_begun_at }
    }

    /// When it was issued.
    pub const fn issued_at(&self) -> Millis {
        Millis(self.expires_at.0.saturating_sub(Self::LIFETIME_MS))
    }

    /// The id of the family of its tokens. Every region knows it by the code alone.
    pub fn family(&self) -> String {
        let mut hash = Sha256::new();
        for text in ["family", self.client.as_str(), &self.jti] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::secrets;

    fn code(now: Millis) -> Code {
        Code {
            jti: "7".to_owned(),
            region: "eu-west-1".parse().unwrap(),
            client: "shop".parse().unwrap(),
            client_ends: 0,
            redirect_hash: Code::redirect_hash("https://shop.example/callback"),
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            nonce: Some("n".to_owned()),
            user: UserId::v8([1; 16]),
            min_version: "v".to_owned(),
            session: "s".to_owned(),
            session_begun_at: now,
            session_expires_at: now.plus(1),
            ends: KnownEnds::default(),
            withdrawal: None,
            scopes: ["openid".to_owned()].into(),
            signed_in: SignedIn { auth_time: 1, acr: None, amr: vec!["pwd".to_owned()] },
            jkt: None,
            expires_at: now.plus(Code::LIFETIME_MS),
        }
    }

    #[tokio::test]
    async fn a_code_is_one_clients_for_one_address_and_a_minute() {
        let (secrets, entropy) = secrets().await;
        let now = Millis(1_000_000);
        let (code, shop) = (code(now), "shop".parse().unwrap());
        let text = code.seal(&secrets, &*entropy);
        let open = |text: &str, client: &ClientId, uri, now| Code::open(&secrets, text, client, uri, now);
        let uri = "https://shop.example/callback";
        assert_eq!(open(&text, &shop, uri, now).as_ref(), Some(&code));
        assert_eq!(open(&text, &shop, uri, code.expires_at), None);
        assert_eq!(open(&text, &"other".parse().unwrap(), uri, now), None);
        assert_eq!(open(&text, &shop, "https://shop.example/callback/", now), None);
        assert_eq!(open(&text[1..], &shop, uri, now), None);
        // The address, the session and the user are not to be read from it.
        assert!(!text.contains("shop") && text.len() < 1024, "{}", text.len());
        assert_ne!(text, code.seal(&secrets, &*entropy));
    }

    #[tokio::test]
    async fn a_value_that_was_sealed_for_something_else_is_no_code() {
        let (secrets, entropy) = secrets().await;
        let now = Millis(1_000_000);
        let content = serde_json::to_vec(&code(now)).unwrap();
        let shop = "shop".parse().unwrap();
        for purpose in [SealedFor::Session, SealedFor::Par, SealedFor::Login, SealedFor::Refresh, SealedFor::Browser] {
            let text = secrets.seal_oidc(purpose, &*entropy, &content);
            assert_eq!(Code::open(&secrets, &text, &shop, "https://shop.example/callback", now), None, "{purpose:?}");
        }
    }

    #[test]
    fn the_use_of_a_code_is_its_own() {
        let one = code(Millis(1_000_000));
        let other = Code { jti: "8".to_owned(), ..one.clone() };
        assert_eq!(one.once(), one.once());
        assert_ne!(one.once().unwrap().hash(), other.once().unwrap().hash());
    }
}
