//! Identifiers of a person: e-mail address, phone number, user name, external id. Each is normalised once, and only the
//! normalised form is indexed.

use std::fmt;

use rlibphonenumber::enums::Region as Country;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// The kinds of identifier. Their names are those of the API's fields and of the blind index's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// An e-mail address (OIDC `email`).
    Email,
    /// A phone number (OIDC `phone_number`).
    PhoneNumber,
    /// A user name, unique over all companies.
    Username,
    /// A company's own id of the user, unique in that company.
    ExternalId,
}

impl IdentifierKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Email, Self::PhoneNumber, Self::Username, Self::ExternalId];

    /// The name of the field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::Username => "username",
            Self::ExternalId => "external_id",
        }
    }

    /// The kind of a field's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Why a text is not an identifier of its kind. Contains the rule, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct IdentifierError {
    /// The expected kind.
    pub kind: IdentifierKind,
    /// A sentence that says what the caller should send.
    pub rule: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name { stored: String, normalised: String }

        impl $name {
            /// The form that is stored, shown and sent to.
            pub fn as_stored(&self) -> &str {
                &self.stored
            }

            /// The form that is indexed: two spellings of one identifier are equal here.
            pub fn normalised(&self) -> &str {
                &self.normalised
            }
        }

        /// Personal data: never printed.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

identifier!(
    /// An e-mail address. It is stored trimmed and in NFC. For the index, the domain is also in its ASCII form (UTS 46)
    /// and ASCII letters are in lower case. Dots, plus signs and non-ASCII local parts stay as they are: Unicode case
    /// folding would give accounts to look-alikes.
    ///
    /// ```
    /// # fn main() -> Result<(), umoja_schema::IdentifierError> {
    /// let email = umoja_schema::Email::parse(" Ada@Bücher.example ")?;
    /// assert_eq!(email.as_stored(), "Ada@Bücher.example");
    /// assert_eq!(email.normalised(), "ada@xn--bcher-kva.example");
    /// # Ok(())
    /// # }
    /// ```
    Email
);
identifier!(
    /// A phone number in E.164.
    ///
    /// ```
    /// # fn main() -> Result<(), umoja_schema::IdentifierError> {
    /// let national = umoja_schema::PhoneNumber::parse("0712 123456", Some("KE"))?;
    /// assert_eq!(national.normalised(), "+254712123456");
    /// # Ok(())
    /// # }
    /// ```
    PhoneNumber
);
identifier!(
    /// A user name: 1 to 64 characters without spaces, controls or `@`; ASCII letters are compared in lower case.
    Username
);
identifier!(
    /// A company's own id of a user: 1 to 128 characters without controls, compared exactly.
    ExternalId
);

impl Email {
    /// Parses an address.
    ///
    /// # Errors
    /// If there is not exactly one usable local part and domain.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let error = IdentifierError {
            kind: IdentifierKind::Email,
            rule: "must be one e-mail address such as name@example.com",
        };
        // RFC 5321 section 4.5.3.1: 64 octets, @, 255 octets. The length is checked before any work on the text.
        if text.len() > 512 {
            return Err(error);
        }
        let stored: String = text.trim().nfc().collect();
        let (local, domain) = stored.rsplit_once('@').ok_or(error)?;
        let bad = |c: char| c.is_whitespace() || c.is_control() || "<>(),;:\\\"[]@".contains(c);
        if local.is_empty() || local.len() > 64 || local.contains(bad) || domain.contains(bad) {
            return Err(error);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| error)?;
        if !domain.contains('.')
            || domain.len() > 253
            || domain.split('.').any(|label| label.is_empty() || label.len() > 63)
        {
            return Err(error);
        }
        let normalised = format!("{}@{domain}", local.to_ascii_lowercase());
        Ok(Self { stored, normalised })
    }
}

impl PhoneNumber {
    /// Parses a number in international form, or in the national form of `country` (ISO 3166-1 alpha-2).
    ///
    /// # Errors
    /// If the number is not a valid one, contains letters, or is national without a country to read it in.
    pub fn parse(text: &str, country: Option<&str>) -> Result<Self, IdentifierError> {
        let error = IdentifierError {
            kind: IdentifierKind::PhoneNumber,
            rule: "must be a valid phone number in E.164 form such as +254712123456",
        };
        let text = text.trim();
        // Letters would be read as a keypad's digits; ';' and '=' would start RFC 3966 parameters.
        let plain = |c: char| !c.is_alphabetic() && !";=,#*".contains(c);
        if text.len() > 64 || !text.chars().all(plain) {
            return Err(error);
        }
        let country = match country {
            Some(code) => Some(code.parse::<Country>().map_err(|_| error)?),
            None => None,
        };
        let number = PHONE_NUMBER_UTIL.parse(text, country).map_err(|_| error)?;
        if !number.is_valid() {
            return Err(error);
        }
        let e164 = number.format_as(PhoneNumberFormat::E164).to_string();
        Ok(Self { stored: e164.clone(), normalised: e164 })
    }
}

impl Username {
    /// Parses a user name.
    ///
    /// # Errors
    /// If it is empty, over 64 characters, or has spaces, controls or an `@`.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let stored = printable(text, 64).filter(|text| !text.contains(|c: char| c.is_whitespace() || c == '@'));
        let stored = stored.ok_or(IdentifierError {
            kind: IdentifierKind::Username,
            rule: "must be 1 to 64 characters without spaces, control characters or @",
        })?;
        let normalised = stored.to_ascii_lowercase();
        Ok(Self { stored, normalised })
    }
}

impl ExternalId {
    /// Parses a company's id of a user.
    ///
    /// # Errors
    /// If it is empty, over 128 characters, or has control characters.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let stored = printable(text, 128).ok_or(IdentifierError {
            kind: IdentifierKind::ExternalId,
            rule: "must be 1 to 128 characters without control characters",
        })?;
        Ok(Self { normalised: stored.clone(), stored })
    }
}

fn printable(text: &str, max_chars: usize) -> Option<String> {
    if text.len() > max_chars * 4 {
        return None;
    }
    let text: String = text.trim().nfc().collect();
    let fits = !text.is_empty() && text.chars().count() <= max_chars && !text.contains(char::is_control);
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn email(text: &str) -> String {
        Email::parse(text).unwrap().normalised
    }

    #[test]
    fn spellings_of_one_address_are_one() {
        assert_eq!(email("  Ada@Example.COM "), "ada@example.com");
        assert_eq!(email("ada@b\u{fc}cher.example"), email("ada@xn--bcher-kva.example"));
        assert_eq!(email("e\u{301}@example.com"), email("\u{e9}@example.com"));
    }

    #[test]
    fn dots_plus_signs_and_look_alikes_stay_different() {
        assert_ne!(email("a.da@example.com"), email("ada@example.com"));
        assert_ne!(email("ada+x@example.com"), email("ada@example.com"));
        // The dotless i has no other folding, and its upper-case neighbour is not an ASCII I.
        assert_ne!(email("m\u{131}ke@example.com"), email("mike@example.com"));
        assert_ne!(email("\u{130}@example.com"), email("i@example.com"));
        // FULLWIDTH K folds to k under NFKC, not under NFC.
        assert_ne!(email("\u{ff2b}@example.com"), email("k@example.com"));
    }

    #[test]
    fn invalid_addresses_are_rejected() {
        for wrong in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a b@example.com",
            "a@b@example.com",
            "ada@ex ample.com",
            "Ada <ada@example.com>",
            "ada@example..com",
        ] {
            assert!(Email::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spellings_of_one_phone_number_are_one() {
        for spelling in ["+254712123456", "+254 712 123 456", "+254-712-123456", "0712 123 456"] {
            assert_eq!(PhoneNumber::parse(spelling, Some("KE")).unwrap().normalised(), "+254712123456", "{spelling}");
        }
    }

    #[test]
    fn letters_invalid_and_countryless_national_numbers_are_rejected() {
        for wrong in ["", "+1 800 FLOWERS", "0712 123 456", "+254", "+999123456789", "+254712123456;ext=1", "12"] {
            assert!(PhoneNumber::parse(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn user_names_ignore_case_and_external_ids_do_not() {
        assert_eq!(Username::parse("Ada").unwrap().normalised(), "ada");
        assert!(Username::parse("ada@example.com").is_err());
        assert_ne!(ExternalId::parse("A1").unwrap().normalised(), ExternalId::parse("a1").unwrap().normalised());
        assert!(ExternalId::parse("a\nb").is_err());
    }

    #[test]
    fn personal_data_is_not_in_debug_output() {
        assert!(!format!("{:?}", Email::parse("ada@example.com").unwrap()).contains("ada"));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_normalising_is_idempotent(text in "\\PC{0,80}") {
            if let Ok(parsed) = Email::parse(&text) {
                let reparsed = Email::parse(parsed.normalised()).unwrap();
                prop_assert_eq!(reparsed.normalised(), parsed.normalised());
            }
            if let Ok(parsed) = PhoneNumber::parse(&text, Some("KE")) {
                let reparsed = PhoneNumber::parse(parsed.normalised(), None).unwrap();
                prop_assert_eq!(reparsed.normalised(), parsed.normalised());
            }
            let _ = (Username::parse(&text), ExternalId::parse(&text));
        }
    }
}
