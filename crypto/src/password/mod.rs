//! Passwords: argon2id by one of two engines, PHC strings, an optional pepper.
//!
//! # Danger
//!
//! - A hash costs memory and milliseconds on purpose: never run one on an async worker, and limit the concurrent ones.
//! - A stored string is input: its cost is checked against the ceilings before any of it is spent.
//! - Answer the same for an absent account ([`Passwords::verify_dummy`]) as for a wrong password.

mod engine;
mod hasher;
mod keyboards;
mod phc;
mod policy;
mod variant;
mod words;

use std::fmt;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use self::engine::{EngineChoice, EngineError};
pub use self::hasher::{PasswordKeys, Passwords, Verification};
pub use self::phc::{CostError, Params, Pepper, PepperError, check_stored};
pub use self::policy::{MAX_SCORE, MIN_SCORE, Policy, Weakness};

/// Most characters a password may have, as typed and after normalisation.
pub const MAX_CHARS: usize = 256;
/// Most bytes read before normalisation: 16 for each character, which is more than any decomposition needs.
const MAX_RAW: usize = MAX_CHARS * 16;

/// Why a password may not be set; never contains any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Fewer characters than the setting requires.
    #[error("a password needs at least {min} characters")]
    TooShort {
        /// The fewest characters allowed.
        min: usize,
    },
    /// More characters than [`MAX_CHARS`].
    #[error("a password has at most {max} characters")]
    TooLong {
        /// The most characters allowed.
        max: usize,
    },
    /// A control character, an invisible one or one that Unicode has not assigned.
    #[error("a password has only characters that can be typed and seen")]
    Characters,
}

/// A password as a person typed it; wiped when dropped.
///
/// Held twice: normalised to NFKC (NIST SP 800-63B section 5.1.1.2) for our own hashes, so that one keyboard's
/// spelling of an accent equals another's, and as typed for hashes made by systems that did not normalise.
#[derive(Clone)]
pub struct Password {
    normalised: Zeroizing<String>,
    typed: Zeroizing<String>,
    /// Too long for any password: costs the same work and is always wrong.
    hopeless: bool,
}

impl Password {
    /// A password about to be set: at least `min_chars` and at most [`MAX_CHARS`] characters, both as typed and after
    /// normalisation, because one character may become eighteen and two may become one.
    ///
    /// The password is not trimmed, and no composition is required. [`Policy`] makes the other checks. As in
    /// OpaqueString (RFC 8265 section 4.2), controls, invisible characters and unassigned code points are rejected:
    /// some keyboard or form would lose them, and a later version of Unicode may normalise an unassigned one. What
    /// people type in emoji and between letters is accepted, other than there: joiners, variation selectors and tags.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn new(raw: &str, min_chars: usize) -> Result<Self, PolicyError> {
        let password = Self::attempt(raw);
        let (typed, normalised) = (raw.chars().count(), password.normalised.chars().count());
        if password.hopeless || typed > MAX_CHARS {
            return Err(PolicyError::TooLong { max: MAX_CHARS });
        }
        if !raw.chars().all(is_usable) {
            return Err(PolicyError::Characters);
        }
        if typed.min(normalised) < min_chars {
            return Err(PolicyError::TooShort { min: min_chars });
        }
        Ok(password)
    }

    /// A password about to be verified: any text, with bounded work. A text that is too long verifies as wrong.
    pub fn attempt(raw: &str) -> Self {
        // Room for the longest password, so that growing leaves no copies in memory.
        let mut normalised = Zeroizing::new(String::with_capacity(MAX_CHARS * 4));
        let mut hopeless = raw.len() > MAX_RAW;
        if !hopeless {
            let mut chars = raw.nfkc();
            normalised.extend(chars.by_ref().take(MAX_CHARS));
            hopeless = chars.next().is_some();
        }
        let typed = Zeroizing::new(if hopeless { String::new() } else { raw.to_owned() });
        Self { normalised, typed, hopeless }
    }

    fn normalised(&self) -> &[u8] {
        self.normalised.as_bytes()
    }

    pub(crate) fn typed(&self) -> &str {
        &self.typed
    }

    /// The text as it was typed, for an old system that verifies it; empty if it is too long for any password. Do not
    /// keep or log it.
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    pub(crate) fn hopeless(&self) -> bool {
        self.hopeless
    }

    /// The normalised text, for blocklists and strength estimates; do not keep or log it.
    pub fn expose(&self) -> &str {
        &self.normalised
    }
}

/// True for a character that a new password may have.
fn is_usable(c: char) -> bool {
    use GeneralCategory as Gc;
    let category = CodePointMapData::<Gc>::new().get(c);
    match c {
        '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}' => {
            true
        }
        _ => {
            let hidden = [
                Gc::Control,
                Gc::Format,
                Gc::LineSeparator,
                Gc::ParagraphSeparator,
                Gc::PrivateUse,
                Gc::Surrogate,
                Gc::Unassigned,
            ];
            !hidden.contains(&category) && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_counted_in_characters_as_typed_and_after_normalisation() {
        assert_eq!(Password::new("äöüäöüä", 8).unwrap_err(), PolicyError::TooShort { min: 8 });
        assert!(Password::new("äöüäöüäö", 8).is_ok());
        // Seven letters written as letter and accent are still seven.
        assert_eq!(Password::new(&"e\u{301}".repeat(7), 8).unwrap_err(), PolicyError::TooShort { min: 8 });
        assert!(Password::new(&"a".repeat(256), 8).is_ok());
        assert_eq!(Password::new(&"a".repeat(257), 8).unwrap_err(), PolicyError::TooLong { max: 256 });
        // One character that normalises to eighteen.
        assert_eq!(Password::new(&"\u{FDFA}".repeat(20), 8).unwrap_err(), PolicyError::TooLong { max: 256 });
        assert_eq!(Password::new("\u{FDFA}", 8).unwrap_err(), PolicyError::TooShort { min: 8 });
        assert_eq!(Password::new("\u{FB03}\u{FB03}\u{FB03}", 8).unwrap_err(), PolicyError::TooShort { min: 8 });
        // Accents that were typed separately count, although they disappear.
        assert!(Password::new(&"e\u{301}".repeat(128), 8).is_ok());
        assert_eq!(Password::new(&"e\u{301}".repeat(129), 8).unwrap_err(), PolicyError::TooLong { max: 256 });
    }

    #[test]
    fn characters_that_cannot_be_typed_or_seen_are_rejected_in_new_passwords_only() {
        for c in [
            '\0', '\t', '\n', '\u{7f}', '\u{85}', '\u{ad}', '\u{200b}', '\u{200e}', '\u{202e}', '\u{2028}', '\u{2066}',
            '\u{3164}', '\u{feff}', '\u{fffe}', '\u{e000}', '\u{378}',
        ] {
            for text in [format!("{c}long enough"), format!("long{c}enough"), format!("long enough{c}")] {
                assert_eq!(Password::new(&text, 8).unwrap_err(), PolicyError::Characters, "{c:?}");
                assert!(!Password::attempt(&text).hopeless());
            }
        }
        for fine in [
            " spaces at both ends ",
            "\u{a0}no\u{2003}break",
            "👩🏾\u{200d}🚀❤\u{fe0f}🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}!",
            "می\u{200c}خواهم بروم",
            "葛\u{e0100}飾区の花火大会",
        ] {
            assert!(Password::new(fine, 8).is_ok(), "{fine}");
        }
    }

    #[test]
    fn spellings_that_unicode_calls_compatible_are_one_password() {
        assert_eq!(Password::attempt("caf\u{e9}").expose(), Password::attempt("cafe\u{301}").expose());
        assert_eq!(Password::attempt("\u{FF41}bc").expose(), "abc");
    }

    #[test]
    fn an_absurdly_long_attempt_is_cut_off_and_marked() {
        let attempt = Password::attempt(&"\u{301}".repeat(1 << 17));
        assert!(attempt.hopeless() && attempt.expose().is_empty());
    }

    #[test]
    fn debug_of_a_password_is_redacted() {
        assert_eq!(format!("{:?}", Password::attempt("hunter2")), "Password([redacted])");
    }

    proptest! {
        #[test]
        fn any_text_is_an_attempt(raw in "\\PC{0,400}") {
            let attempt = Password::attempt(&raw);
            prop_assert!(attempt.expose().chars().count() <= MAX_CHARS);
        }
    }
}
