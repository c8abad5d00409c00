//! The keys that sign: what the operator writes, what each region reads, and what verifies.

use std::rc::Rc;

use serde_json::json;
use umoja_crypto::jws::{parse_jwt, sign_jwt, verify_jwt};
use umoja_schema::{OidcAlgorithm, OidcKeySet};
use umoja_store::oidc_keys::{OidcKeys, OidcKeysError};
use umoja_store::ports::{Clock as _, StoreError};

use crate::sim::fleet::Fleet;
use crate::sim::reload::with_settings;
use crate::sim::rules::Rule;
use crate::sim::signing::keys::key;

/// How long a token is valid.
const TOKEN_MS: u64 = 300_000;
/// How long a client keeps the keys that it has read.
const KEPT_MS: u64 = 3_600_000;
const TYP: &str = "at+jwt";

impl Fleet {
    /// A region reads the keys, as it does every few seconds. A client may have read them there, too.
    pub(super) async fn read_keys(&self, at: usize) {
        drop(self.keys_of(at).await);
    }

    async fn keys_of(&self, at: usize) -> Option<Rc<OidcKeys>> {
        let (region, now) = (self.region(at), self.world().clock.now());
        let keys = OidcKeys::load(&*with_settings(region).registry, region.secrets(), now).await.ok().map(Rc::new)?;
        *self.signing.signers.read[at].borrow_mut() = Some((now, Rc::clone(&keys)));
        Some(keys)
    }

    pub(super) async fn sign_token(&self, at: usize) {
        let Some(keys) = self.keys_of(at).await else { return };
        let ends = self.world().clock.now().plus(TOKEN_MS);
        let claims = json!({ "sub": "a-person", "exp": ends.secs() });
        let token = sign_jwt(keys.signer(OidcAlgorithm::Es256), TYP, &claims);
        self.signing.signers.tokens.borrow_mut().push((token, ends));
        self.verify_tokens().await;
    }

    /// Lets the next key sign in one region after the other. The operator's command begins with what any region has.
    pub(super) async fn rotate_oidc_key(&self) {
        let (name, now) = (OidcKeySet::setting(&OidcAlgorithm::Es256), self.world().clock.now());
        let homes: Vec<_> = self.world().regions.iter().map(with_settings).collect();
        let mut newest: Option<OidcKeySet> = None;
        for home in &homes {
            let Ok(Some(document)) = home.registry.setting(&name).await else { return };
            let read = OidcKeySet::read("ES256", document).expect("keys can be read");
            if newest.as_ref().is_none_or(|newest| read.is_newer_than(newest)) {
                newest = Some(read);
            }
        }
        let Some(mut keys) = newest else { return };
        let number = usize::try_from(keys.revision).unwrap_or_default() + 2;
        if number < 8 {
            let new = key(self.region(0), number, now);
            if self.without == Some(Rule::PublishedBefore) {
                keys.replace_leaked(new.clone(), now);
                keys.current = new;
                keys.revision += 1;
            } else if keys.rotate(new, now).is_ok() {
                keys.revision += 1;
            }
        }
        let document = serde_json::to_value(&keys).expect("keys are JSON");
        for home in &homes {
            // A region that cannot be written is behind. The command says so, and is run again.
            let _ = home.registry.put_setting(&name, &document).await;
        }
        self.verify_tokens().await;
    }

    /// Every token that has not ended verifies by the keys of every region, as a client has read them within an hour or reads
    /// them now.
    pub(super) async fn verify_tokens(&self) {
        let now = self.world().clock.now();
        self.signing.signers.tokens.borrow_mut().retain(|(_, ends)| now < *ends);
        let tokens = self.signing.signers.tokens.borrow().clone();
        if tokens.is_empty() {
            return;
        }
        for (at, region) in self.world().regions.iter().enumerate() {
            let stored = match OidcKeys::load(&*region.tables.registry, region.secrets(), now).await {
                Ok(stored) => stored,
                // A region whose key service does not answer verifies its settings later.
                Err(OidcKeysError::Store(StoreError::Unavailable(_))) => continue,
                Err(error) => panic!("keys are stored: {error:?}"),
            };
            let known = self.signing.signers.read[at].borrow().clone();
            let known = known.filter(|(read, _)| now.since(*read) < KEPT_MS).map(|(_, keys)| keys);
            for keys in [Some(Rc::new(stored)), known].into_iter().flatten() {
                for (token, _) in &tokens {
                    let kid = parse_jwt(token).ok().and_then(|jwt| jwt.header("kid").map(str::to_owned));
                    let key = kid.as_deref().and_then(|kid| keys.verify(kid));
                    let is_good = key.is_some_and(|key| verify_jwt(token, TYP, key).is_ok());
                    assert!(is_good, "sign-on: a token does not verify by the keys of {}", region.name);
                }
            }
        }
    }
}
