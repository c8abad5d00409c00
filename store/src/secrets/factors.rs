//! The keys of the factors of persons: they seal what a row has, and recognise recovery codes.

use umoja_crypto::{Aad, DataKey, MacKey, WrappingKey};
use umoja_schema::UserId;
use zeroize::Zeroizing;

use super::derived::wrapping_key;
use crate::ports::Entropy;

/// The keys of factors, the same in every region. No rotation of other secrets changes them, so no rotation loses a factor.
pub struct FactorKeys {
    seals: WrappingKey,
    codes: MacKey,
}

impl FactorKeys {
    pub(super) fn derive(derivation: &DataKey) -> Self {
        let codes = MacKey::derive(derivation.expose(), "umoja/1/recovery-codes");
        Self { seals: wrapping_key(derivation, "umoja/1/factors"), codes }
    }

    /// The secret of a factor, sealed for its row.
    pub fn seal_secret(&self, (user, factor): (UserId, &str), secret: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        self.seals.seal_bytes(entropy.array(), &aad("secret", user, factor), secret)
    }

    /// Opens a secret that [`FactorKeys::seal_secret`] sealed for this row.
    pub fn open_secret(&self, (user, factor): (UserId, &str), sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.seals.open_bytes(&aad("secret", user, factor), sealed).ok()
    }

    /// What a person calls a factor, sealed for its row.
    pub fn seal_label(&self, (user, factor): (UserId, &str), label: &str, entropy: &dyn Entropy) -> Vec<u8> {
        self.seals.seal_bytes(entropy.array(), &aad("label", user, factor), label.as_bytes())
    }

    /// Opens a text that [`FactorKeys::seal_label`] sealed for this row.
    pub fn open_label(&self, (user, factor): (UserId, &str), sealed: &[u8]) -> Option<String> {
        let bytes = self.seals.open_bytes(&aad("label", user, factor), sealed).ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    /// What is stored of a recovery code of a factor.
    pub fn code_tag(&self, (user, factor): (UserId, &str), code: &str) -> [u8; 32] {
        self.codes.tag(&[user.as_bytes(), factor.as_bytes(), code.as_bytes()])
    }

    /// True if `tag` is that of this code of this factor, compared in constant time.
    pub fn is_code_tag(&self, (user, factor): (UserId, &str), code: &str, tag: &[u8]) -> bool {
        self.codes.verify(&[user.as_bytes(), factor.as_bytes(), code.as_bytes()], tag)
    }
}

fn aad(what: &str, user: UserId, factor: &str) -> Aad {
    Aad::new().text(what).bytes(user.as_bytes()).text(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Fixed;

    #[test]
    fn a_secret_opens_for_its_row_and_as_no_label() {
        let keys = FactorKeys::derive(&DataKey::new([1; 32]));
        let (one, other) = (UserId::v8([1; 16]), UserId::v8([2; 16]));
        let sealed = keys.seal_secret((one, "f"), b"secret", &Fixed(7));
        assert_eq!(keys.open_secret((one, "f"), &sealed).unwrap().as_slice(), b"secret");
        assert!(keys.open_secret((other, "f"), &sealed).is_none() && keys.open_secret((one, "g"), &sealed).is_none());
        assert!(keys.open_label((one, "f"), &sealed).is_none());
        let label = keys.seal_label((one, "f"), "My phone", &Fixed(8));
        assert_eq!(keys.open_label((one, "f"), &label).as_deref(), Some("My phone"));
        assert!(FactorKeys::derive(&DataKey::new([2; 32])).open_secret((one, "f"), &sealed).is_none());
    }

    #[test]
    fn a_code_is_that_of_one_factor() {
        let keys = FactorKeys::derive(&DataKey::new([1; 32]));
        let user = UserId::v8([1; 16]);
        let tag = keys.code_tag((user, "f"), "ABCDE23456");
        assert!(keys.is_code_tag((user, "f"), "ABCDE23456", &tag));
        assert!(!keys.is_code_tag((user, "g"), "ABCDE23456", &tag));
        assert!(!keys.is_code_tag((user, "f"), "ABCDE23457", &tag));
    }
}
