//! What describes itself: sealed for its purpose, and bound to a browser where a form carries it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use umoja_store::ports::Entropy;
use umoja_store::secrets::{SealedFor, Secrets};

/// The sealed text of a value.
pub(crate) fn seal<T: Serialize>(secrets: &Secrets, purpose: SealedFor, content: &T, entropy: &dyn Entropy) -> String {
    secrets.seal_oidc(purpose, entropy, &json(content))
}

/// The same, and the same text each time, in every region.
pub(crate) fn seal_derived<T: Serialize>(secrets: &Secrets, purpose: SealedFor, content: &T) -> String {
    secrets.seal_oidc_derived(purpose, &json(content))
}

/// The value of a text of at most `max` characters. `None` if it was not sealed for this purpose.
pub(crate) fn open<T: DeserializeOwned>(secrets: &Secrets, purpose: SealedFor, text: &str, max: usize) -> Option<T> {
    let text = Some(text).filter(|text| text.len() <= max)?;
    serde_json::from_slice(&secrets.open_oidc(purpose, text)?).ok()
}

fn json<T: Serialize>(content: &T) -> Vec<u8> {
    // A struct of texts and numbers has a JSON form.
    serde_json::to_vec(content).unwrap_or_default()
}

/// The browser for which a page was made, as the hash of its cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BoundTo([u8; 32]);

impl BoundTo {
    /// The browser with this value of the cookie.
    pub(crate) fn new(browser: &str) -> Self {
        Self(Sha256::digest(browser).into())
    }

    /// Whether it is this one. The comparison takes constant time.
    pub(crate) fn is(&self, browser: &str) -> bool {
        self.0.ct_eq(&Self::new(browser).0).into()
    }
}
