//! Keys that are derived from the secret `derivation`.

use umoja_crypto::{DataKey, MacKey, WrappingKey};

/// The key that seals for one purpose.
pub(super) fn wrapping_key(derivation: &DataKey, purpose: &str) -> WrappingKey {
    let key = MacKey::derive(derivation.expose(), purpose);
    let mut wide = [0; 64];
    wide[..32].copy_from_slice(&key.tag(&[b"first"]));
    wide[32..].copy_from_slice(&key.tag(&[b"second"]));
    WrappingKey::new(wide)
}
