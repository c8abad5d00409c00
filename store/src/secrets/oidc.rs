//! What single sign-on hands out and gets back: sealed values that describe themselves, so that nothing is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_crypto::{Aad, DataKey, MacKey, WrappingKey};
use zeroize::Zeroizing;

use super::derived::wrapping_key;
use crate::ports::Entropy;

/// What a sealed value is for. A value opens for its purpose only: each one has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedFor {
    /// An authorization code.
    Code,
    /// The cookie of a session.
    Session,
    /// The cookie that binds pages to a browser.
    Browser,
    /// A pushed request (RFC 9126).
    Par,
    /// A step of signing in.
    Login,
    /// A device code (RFC 8628).
    Device,
    /// A refresh token.
    Refresh,
    /// An access token that is not a JWT.
    Access,
    /// A step of signing out.
    Logout,
    /// A form of the pages of an account.
    Account,
    /// The private half of a key that signs tokens.
    Key,
    /// A sign-in that a person makes at another provider.
    Upstream,
    /// The secret by which Umoja proves to another provider who it is.
    ProviderSecret,
    /// What a person sees of the device of a session.
    Label,
    /// The challenge of a code that was sent by mail.
    MailCode,
    /// A step of setting a new password.
    Reset,
}

impl SealedFor {
    const ALL: [Self; 16] = [
        Self::Code,
        Self::Session,
        Self::Browser,
        Self::Par,
        Self::Login,
        Self::Device,
        Self::Refresh,
        Self::Access,
        Self::Logout,
        Self::Account,
        Self::Key,
        Self::Upstream,
        Self::ProviderSecret,
        Self::Label,
        Self::MailCode,
        Self::Reset,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Session => "session",
            Self::Browser => "browser",
            Self::Par => "par",
            Self::Login => "login",
            Self::Device => "device",
            Self::Refresh => "refresh",
            Self::Access => "access",
            Self::Logout => "logout",
            Self::Account => "account",
            Self::Key => "key",
            Self::Upstream => "upstream",
            Self::ProviderSecret => "provider-secret",
            Self::Label => "label",
            Self::MailCode => "mail_code",
            Self::Reset => "reset",
        }
    }

    fn aad(self) -> Aad {
        Aad::new().text("oidc").text(self.name())
    }
}

/// The keys of all purposes.
pub(super) struct OidcSeals {
    keys: Vec<(WrappingKey, MacKey)>,
}

impl OidcSeals {
    pub(super) fn derive(derivation: &DataKey) -> Self {
        let keys = SealedFor::ALL.into_iter().map(|purpose| {
            let label = format!("umoja/1/oidc/{}", purpose.name());
            (wrapping_key(derivation, &label), MacKey::derive(derivation.expose(), &format!("{label}/iv")))
        });
        Self { keys: keys.collect() }
    }

    /// Seals a value, under an IV that is drawn.
    pub(super) fn seal(&self, purpose: SealedFor, entropy: &dyn Entropy, content: &[u8]) -> String {
        self.seal_with(purpose, entropy.array(), content)
    }

    /// Seals a value, under an IV that is a MAC of it.
    pub(super) fn seal_derived(&self, purpose: SealedFor, content: &[u8]) -> String {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.of(purpose).1.tag(&[content])[..16]);
        self.seal_with(purpose, iv, content)
    }

    /// Opens a value that was sealed for this purpose.
    pub(super) fn open(&self, purpose: SealedFor, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.of(purpose).0.open_bytes(&purpose.aad(), &URL_SAFE_NO_PAD.decode(sealed).ok()?).ok()
    }

    fn seal_with(&self, purpose: SealedFor, iv: [u8; 16], content: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.of(purpose).0.seal_bytes(iv, &purpose.aad(), content))
    }

    fn of(&self, purpose: SealedFor) -> &(WrappingKey, MacKey) {
        &self.keys[purpose as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Fixed;

    fn seals(secret: u8) -> OidcSeals {
        OidcSeals::derive(&DataKey::new([secret; 32]))
    }

    #[test]
    fn a_value_opens_for_its_purpose_and_under_its_secret_only() {
        let (seals, others) = (seals(1), seals(2));
        for (number, purpose) in SealedFor::ALL.into_iter().enumerate() {
            assert_eq!(purpose as usize, number);
            let sealed = seals.seal(purpose, &Fixed(7), b"content");
            for other in SealedFor::ALL {
                let opened = seals.open(other, &sealed);
                assert_eq!(
                    opened.is_some_and(|content| content.as_slice() == b"content"),
                    other == purpose,
                    "{purpose:?} {other:?}"
                );
            }
            assert!(others.open(purpose, &sealed).is_none());
        }
    }

    #[test]
    fn a_derived_value_is_the_same_text_in_every_region_and_another_for_other_content() {
        let sealed = seals(1).seal_derived(SealedFor::Refresh, b"family 1, generation 2");
        assert_eq!(seals(1).seal_derived(SealedFor::Refresh, b"family 1, generation 2"), sealed);
        let other = seals(1).seal_derived(SealedFor::Refresh, b"family 1, generation 3");
        // The version and the IV are the first 17 bytes.
        assert_ne!(sealed[..22], other[..22]);
        assert_eq!(seals(1).open(SealedFor::Refresh, &sealed).unwrap().as_slice(), b"family 1, generation 2");
    }

    #[test]
    fn a_changed_or_padded_text_does_not_open() {
        let sealed = seals(1).seal(SealedFor::Code, &Fixed(7), b"content");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(seals(1).open(SealedFor::Code, std::str::from_utf8(&changed).unwrap()).is_none(), "{at}");
        }
        for text in [String::new(), format!("{sealed}="), format!("{sealed}AA"), sealed[1..].to_owned()] {
            assert!(seals(1).open(SealedFor::Code, &text).is_none());
        }
    }
}
